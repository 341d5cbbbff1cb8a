"""Running a program as another user although it lives where only root may go.

PostgreSQL refuses to run as root, while root's files usually lie below directories closed to everybody else.
Nothing is opened up for it: the data directory is handed over as an inherited descriptor and named
`/proc/self/fd/N`, which the kernel resolves without asking the directories above; programs that the user
cannot reach are copied once to where it can.
"""

import os
import pwd
import shutil
import stat
import tempfile
from pathlib import Path

from offhook.config import ConfigurationError
from offhook.supervisor.process import Account

COPIES = Path("/var/lib/offhook")


def service_account(owned: Path) -> Account | None:
    """Return the user that files in `owned` belong to or shall belong to; None when it is the current one.

    Raises:
        ConfigurationError: the current user id has no name, without which PostgreSQL cannot tell who
        connects.
    """
    if os.geteuid() != 0:
        _named(os.geteuid())
        return None
    if owned.exists() and owned.stat().st_uid != 0:
        entry = _named(owned.stat().st_uid)
    else:
        entry = _first_known("offhook", "postgres", "nobody")
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def current_user() -> str:
    """Return the name of the user this process runs as."""
    return _named(os.geteuid()).pw_name


def _named(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise ConfigurationError(
            f"PostgreSQL needs a name for user id {uid}: add it to /etc/passwd or set OFFHOOK_DATABASE_URL"
        ) from None


def _first_known(*names: str) -> pwd.struct_passwd:
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ConfigurationError("PostgreSQL does not run as root and there is no user `nobody`: create one")


def can_execute(account: Account, program: Path) -> bool:
    """Tell whether `account` may pass every directory above `program` and run it."""
    return all(_allows(account, path) for path in (program, *program.parents))


def _allows(account: Account, path: Path) -> bool:
    status = path.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def copy_within_reach(sources: list[Path], name: str) -> Path:
    """Copy directories side by side, once per `name`, to where everybody may read; return that place."""
    target = COPIES / name
    if target.is_dir():
        return target
    for directory in (COPIES.parent, COPIES):
        directory.mkdir(mode=0o755, exist_ok=True)
    COPIES.chmod(0o755)
    staging = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=COPIES))
    try:
        for source in sources:
            shutil.copytree(source, staging / source.name, symlinks=True)
        _open_to_readers(staging)
        staging.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _open_to_readers(top: Path) -> None:
    for path in (top, *top.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def give(path: Path, account: Account | None) -> None:
    """Make `account` the owner of one file or directory."""
    if account is not None:
        os.chown(path, account.uid, account.gid)
