"""The data directory of an instance: who uses it, its secrets, and where commands find the running instance.

Two locks: `lock` is held by the supervisor alone and says that the directory is in use; `children.lock` is
inherited by every child, so it stays taken until the last process of an earlier run has ended, however that
run ended.

`settings.json` (0600) holds the secrets made at the first start, `instance.json` (0600) what the running
instance printed, `run` the path of its directory of Unix sockets.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TypeVar

import msgspec

from offhook import clock
from offhook.config import ConfigurationError

_ORPHAN_SECONDS = 15.0
_NEEDED_TO_START = 128 * 2**20
"""Bytes for a new database and its first log, or for an old one's recovery."""

_RUN_PREFIX = "offhook-"
_LONGEST_SOCKET_BASE = 60
"""sun_path holds 108 bytes; the names below the directory take up to 40."""


class Secrets(msgspec.Struct, kw_only=True):
    """What is made once, at the first start: who may use the platform, and what its parts show each other."""

    account_sid: str
    auth_token: str
    sip_username: str
    sip_password: str
    smsc_system_id: str
    smsc_password: str
    nats_token: str
    nats_port: int = 0


class InstanceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What `offhook up --json` prints, and what the other commands need to reach the instance.

    `api_url` is how others reach the API, `local_url` how this machine does, which may be without a proxy between.
    """

    api_url: str
    local_url: str
    account_sid: str
    auth_token: str
    phone_numbers: tuple[str, ...]
    sip: str
    smpp: str
    sandbox_url: str
    data_dir: str
    pid: int


_Document = TypeVar("_Document", bound=msgspec.Struct)


class DataDirectory:
    """An exclusively used data directory.

    Raises:
        ConfigurationError: it cannot be made or written, or another instance uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            self.children_lock = os.open(path / "children.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(f"--data {path}: {os.strerror(error.errno or 0)}") from None
        self._check_room()
        if not self._take():
            holder = os.pread(self._lock, 20, 0).decode(errors="replace").strip()
            raise ConfigurationError(f"--data {path}: in use by another instance (process {holder})")
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.path).free
        if free < _NEEDED_TO_START:
            raise ConfigurationError(
                f"--data {self.path}: {free // 2**20} MiB are free on its disk, {_NEEDED_TO_START // 2**20} MiB are"
                " needed to start"
            )

    def _take(self) -> bool:
        """Take the lock; a command that looks whether an instance runs may hold it for a moment."""
        for _ in range(10):
            if _try_lock(self._lock):
                return True
            time.sleep(0.01)
        return False

    async def orphans_ended(self) -> None:
        """Wait until no process of an earlier run is left; kill those that will not end."""
        if await self._children_gone(_ORPHAN_SECONDS):
            return
        holders = _holders(self.path / "children.lock")
        for pid in holders:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if not await self._children_gone(_ORPHAN_SECONDS / 3):
            pids = ", ".join(map(str, holders)) or "unknown"
            raise ConfigurationError(f"--data {self.path}: processes of an earlier run do not end ({pids})")

    async def _children_gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not (gone := _try_lock(self.children_lock)) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return gone

    def secrets(self) -> Secrets:
        """Return the secrets of this instance, made when they do not exist yet."""
        with contextlib.suppress(FileNotFoundError):
            return read_secrets(self.path)
        made = Secrets(
            account_sid=clock.new_sid("AC"),
            auth_token=secrets.token_hex(16),
            sip_username="phone",
            sip_password=secrets.token_hex(10),
            smsc_system_id="offhook",
            smsc_password=secrets.token_hex(4),
            nats_token=secrets.token_hex(16),
        )
        self.keep_secrets(made)
        return made

    def keep_secrets(self, values: Secrets) -> None:
        """Write the secrets so that they are there after a power cut."""
        _write(self.path / "settings.json", values)

    def make_run_dir(self) -> Path:
        """Make a fresh directory with a short path for this run's sockets; remove that of the last run.

        It contains `run` for the roles (0700). Root leaves the directory itself passable, since PostgreSQL,
        which runs as another user then, keeps its own directory there.
        """
        self.remove_run_dir()
        directory = Path(tempfile.mkdtemp(prefix=_RUN_PREFIX, dir=_socket_base()))
        (self.path / "run").write_text(f"{directory}\n")
        if os.geteuid() == 0:
            directory.chmod(0o711)
        (directory / "run").mkdir(mode=0o700)
        return directory

    def remove_run_dir(self) -> None:
        """Remove the directory of sockets that `run` names, if it is ours."""
        with contextlib.suppress(OSError):
            directory = Path((self.path / "run").read_text().strip())
            if directory.name.startswith(_RUN_PREFIX) and directory.stat().st_uid == os.geteuid():
                shutil.rmtree(directory, ignore_errors=True)
            (self.path / "run").unlink()

    def publish(self, facts: InstanceFacts) -> None:
        """Let commands find the running instance."""
        _write(self.path / "instance.json", facts)

    def withdraw(self) -> None:
        """Say that no instance runs any more."""
        (self.path / "instance.json").unlink(missing_ok=True)

    def close(self) -> None:
        """Let others use the directory."""
        os.close(self._lock)
        os.close(self.children_lock)


def read_secrets(path: Path) -> Secrets:
    """Return the secrets kept in data directory `path`; raise FileNotFoundError when there are none yet."""
    return _read(path / "settings.json", Secrets)


def find_instance(path: Path) -> InstanceFacts:
    """Return the facts of the instance that runs on data directory `path`.

    Raises:
        ConfigurationError: none runs there.
    """
    with contextlib.suppress(FileNotFoundError):
        facts = _read(path / "instance.json", InstanceFacts)
        if _is_running(path, facts.pid):
            return facts
    raise ConfigurationError(
        f"no instance runs on {path}: start one with `offhook up`, or name its directory with --data"
    )


def _is_running(path: Path, pid: int) -> bool:
    """Tell whether the supervisor still holds its lock (its process id alone could be another's by now)."""
    try:
        fd = os.open(path / "lock", os.O_RDONLY)
    except OSError:
        return Path(f"/proc/{pid}").exists()
    try:
        return not _try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def _try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holders(lock: Path) -> list[int]:
    """Return the processes, other than this one, that have `lock` open."""
    found = []
    target = lock.resolve()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if any(fd.readlink() == target for fd in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
    return found


def _socket_base() -> Path:
    """Return a directory for Unix sockets: /run for root, else the temporary one if its path is short."""
    candidates = [Path("/run")] if os.geteuid() == 0 else []
    candidates += [Path(tempfile.gettempdir()), Path("/tmp")]  # noqa: S108
    for path in candidates:
        if path.is_dir() and os.access(path, os.W_OK | os.X_OK) and len(str(path)) <= _LONGEST_SOCKET_BASE:
            return path
    raise ConfigurationError("there is no writable directory with a short path for sockets: set TMPDIR")


def _read(path: Path, kind: type[_Document]) -> _Document:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigurationError(f"{path}: {os.strerror(error.errno or 0)}") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _write(path: Path, document: msgspec.Struct) -> None:
    """Replace the file at once and durably; only its owner may read it."""
    staging = path.with_name(f".{path.name}.new")
    fd = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
        file.flush()
        os.fsync(fd)
    staging.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
