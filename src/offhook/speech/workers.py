"""Pools of worker processes, one pool for each engine: who speaks next, and what happens to one that does not.

A request has a deadline; a worker that misses it or ends is killed and replaced, and its request is given to
another one once. A worker that grew too large is replaced between two requests. The pool keeps no order but
that of urgency: the first piece of a text goes before the later pieces of others, so that nobody waits for
the end of a long text.

A loaded engine is most of an idle platform's memory, so workers run only while calls may want them: `expect` starts
them and says for how long.
"""

import asyncio
import itertools
import logging
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field

from offhook.bus.ipc import Frames, encode
from offhook.errors import RemoteProtocolError
from offhook.speech.engine import NotSpoken, Ready, SpeakPiece, Spoken, WorkerReply

logger = logging.getLogger(__name__)

_READ_SIZE = 262144
_START_SECONDS = 60.0
_DEADLINE_SECONDS = 6.0
_MAX_RESIDENT = 800 * 1024 * 1024
_MAX_REQUESTS = 20_000
_FIRST_BACKOFF = 0.2
_LAST_BACKOFF = 30.0
_ATTEMPTS = 2
_IDLE_SECONDS = 900.0
"""So long after a request a worker is there for the next one."""


class SpeechError(Exception):
    """A piece of text could not be spoken."""


class _WorkerLostError(Exception):
    """The worker died, hung or talked nonsense; it has to be replaced."""


class _IdleError(Exception):
    """Nothing is to be spoken, and nothing is expected."""


@dataclass(order=True, slots=True)
class _Job:
    urgency: int
    number: int
    piece: SpeakPiece = field(compare=False)
    result: "asyncio.Future[bytes]" = field(compare=False)
    attempts: int = field(compare=False, default=0)


class WorkerPool:
    """Workers of one engine."""

    def __init__(
        self,
        engine: str,
        workers: int,
        *,
        deadline: float = _DEADLINE_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        self.engine = engine
        self._deadline = deadline
        self._idle_seconds = idle_seconds
        self._size = workers
        self._jobs: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted_until = 0.0
        self._pids: set[int] = set()
        self._failing = 0
        self._warm = asyncio.Event()

    def expect(self, seconds: float | None = None) -> None:
        """Have the workers run, which load their engines in the background, and stay for `seconds` at least.

        None stands for as long as they stay after a request.
        """
        self._keep(self._idle_seconds if seconds is None else seconds)
        self._fill()

    def _fill(self) -> None:
        while len(self._tasks) < self._size:
            task = asyncio.create_task(self._run_worker())
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _keep(self, seconds: float) -> None:
        self._wanted_until = max(self._wanted_until, asyncio.get_running_loop().time() + seconds)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        # Wanted again while the worker was on its way out.
        if not task.cancelled() and asyncio.get_running_loop().time() < self._wanted_until:
            self._fill()

    async def close(self) -> None:
        """End the workers; what waits fails."""
        self._wanted_until = 0.0
        running = tuple(self._tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        while not self._jobs.empty():
            _fail(self._jobs.get_nowait(), "the speech workers were stopped")

    async def wait_warm(self) -> None:
        """Return once one of the expected workers can speak without delay."""
        await self._warm.wait()

    @property
    def pids(self) -> frozenset[int]:
        """Process ids of the workers that are running."""
        return frozenset(self._pids)

    @property
    def available(self) -> bool:
        """False while no worker can be started: another engine should be asked."""
        return self._failing < 2 * self._size

    async def speak(self, piece: SpeakPiece, urgency: int) -> bytes:
        """Audio of `piece` (16-bit little endian, 8 kHz, mono). Lower `urgency` numbers go first.

        Raises:
            SpeechError: the engine failed on it, or two workers were lost over it.
        """
        if not self.available:
            raise SpeechError(f"engine {self.engine} is not available")
        job = _Job(urgency, next(self._numbers), piece, asyncio.get_running_loop().create_future())
        self._jobs.put_nowait(job)
        self.expect()
        return await job.result

    async def _run_worker(self) -> None:
        """Keep one worker running until it is not wanted any more."""
        backoff = _FIRST_BACKOFF
        while True:
            worker = _Worker(self.engine)
            try:
                await worker.start()
                self._pids.add(worker.pid)
                await worker.wait_ready()
                self._failing = 0
                backoff = _FIRST_BACKOFF
                self._warm.set()
                await self._serve(worker)
                logger.info("speech worker %s %d is replaced: it grew", self.engine, worker.pid)
            except _IdleError:
                self._warm.clear()
                return
            except (_WorkerLostError, OSError) as error:
                self._failing += 0 if worker.was_ready else 1
                logger.warning("speech worker %s lost: %s", self.engine, error)
                if not self.available:
                    self._fail_waiting()
                await asyncio.sleep(0 if worker.was_ready else backoff)
                backoff = min(backoff * 2, _LAST_BACKOFF)
            finally:
                self._pids.discard(worker.pid)
                await worker.kill()

    async def _serve(self, worker: "_Worker") -> None:
        """Give the worker jobs until it should be replaced.

        Raises:
            _WorkerLostError: it is of no further use; its job was put back or failed.
            _IdleError: it is not wanted any more.
        """
        for _ in range(_MAX_REQUESTS):
            job = await self._next_job()
            if job.result.done():
                continue
            try:
                reply = await worker.ask(job.piece, self._deadline)
            except _WorkerLostError:
                self._retry(job)
                raise
            except asyncio.CancelledError:
                _fail(job, "the speech workers were stopped")
                raise
            self._keep(self._idle_seconds)
            if isinstance(reply, NotSpoken):
                _fail(job, reply.detail)
            elif not job.result.done():
                job.result.set_result(reply.audio)
            if isinstance(reply, Spoken) and reply.resident > _MAX_RESIDENT:
                return

    async def _next_job(self) -> _Job:
        loop = asyncio.get_running_loop()
        while self._jobs.empty():
            if loop.time() >= self._wanted_until:
                raise _IdleError
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._wanted_until):
                    return await self._jobs.get()
        return self._jobs.get_nowait()

    def _retry(self, job: _Job) -> None:
        job.attempts += 1
        if job.attempts < _ATTEMPTS:
            self._jobs.put_nowait(job)
        else:
            _fail(job, f"engine {self.engine} was lost over this text")

    def _fail_waiting(self) -> None:
        while not self._jobs.empty():
            _fail(self._jobs.get_nowait(), f"engine {self.engine} is not available")


class _Worker:
    """One child process and the socket to it."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._process: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._ended = asyncio.Event()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._frames: Frames[WorkerReply] = Frames(WorkerReply)
        self._replies: list[WorkerReply] = []
        self.was_ready = False

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process, self._pidfd = _spawn(self._engine, theirs.fileno())
            except OSError:
                ours.close()
                raise
        asyncio.get_running_loop().add_reader(self._pidfd, self._collect)
        self._reader, self._writer = await asyncio.open_connection(sock=ours)

    async def wait_ready(self) -> None:
        reply = await self._reply(_START_SECONDS)
        if not isinstance(reply, Ready):
            raise _WorkerLostError("unexpected first answer")
        self.was_ready = True

    async def ask(self, piece: SpeakPiece, deadline: float) -> Spoken | NotSpoken:
        assert self._writer is not None
        self._writer.write(encode(piece))
        reply = await self._reply(deadline)
        if isinstance(reply, Ready):
            raise _WorkerLostError("unexpected answer")
        return reply

    async def kill(self) -> None:
        """End the process, whatever state it is in; it has ended also when this is cancelled on the way."""
        if self._writer is not None:
            self._writer.close()
        if self._process is not None:
            self._process.kill()
            await self._ended_surely()

    async def _ended_surely(self) -> None:
        """Wait for the end of a killed process, however often this is cancelled."""
        cancelled: asyncio.CancelledError | None = None
        while not self._ended.is_set():
            try:
                await self._ended.wait()
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled

    def _collect(self) -> None:
        """The process has ended, by itself or killed."""
        assert self._process is not None
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        self._ended.set()

    async def _reply(self, seconds: float) -> WorkerReply:
        assert self._reader is not None
        try:
            async with asyncio.timeout(seconds):
                while not self._replies:
                    data = await self._reader.read(_READ_SIZE)
                    if not data:
                        raise _WorkerLostError("it ended")
                    self._replies += self._frames.feed(data)
        except TimeoutError:
            raise _WorkerLostError(f"no answer within {seconds:.0f} s") from None
        except (OSError, RemoteProtocolError) as error:
            raise _WorkerLostError(str(error)) from None
        return self._replies.pop(0)


def _spawn(engine: str, fd: int) -> "tuple[subprocess.Popen[bytes], int]":
    """Start a worker on the socket `fd`; with a descriptor that can be read when it has ended.

    Nothing is awaited, so that a start cannot be cancelled half way.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "offhook.speech.worker", engine, str(fd), str(os.getpid())],
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )
    try:
        return process, os.pidfd_open(process.pid)
    except OSError:
        process.kill()
        process.wait()
        raise


def _environment() -> dict[str, str]:
    """What a worker gets of this process's environment: not the platform's settings, which hold secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OFFHOOK_")}
    return {**kept, "OMP_NUM_THREADS": "1"}


def _fail(job: _Job, detail: str) -> None:
    if not job.result.done():
        job.result.set_exception(SpeechError(detail))
