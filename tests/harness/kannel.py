"""Kannel (bearerbox and smsbox, as Debian has them) as an ESME: the program whose place the platform takes."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from tests.harness.processes import running
from tests.harness.waiting import HANGS

USER, PASSWORD = "poster", "secret"

_CONFIG = """
group = core
admin-port = {admin}
admin-password = secret
smsbox-port = {boxes}
log-file = {folder}/bearerbox.log
log-level = 2
box-allow-ip = 127.0.0.1
admin-allow-ip = 127.0.0.1
store-type = spool
store-location = {folder}/spool

group = smsc
smsc = smpp
smsc-id = sink
host = {host}
port = {port}
transceiver-mode = true
smsc-username = {system_id}
smsc-password = {password}
system-type = ""
max-pending-submits = {window}
enquire-link-interval = 30
reconnect-delay = 1
source-addr-ton = 1
source-addr-npi = 1
dest-addr-ton = 1
dest-addr-npi = 1

group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {http}
log-file = {folder}/smsbox.log
log-level = 2
http-request-retry = 3
http-queue-delay = 1

group = sendsms-user
username = poster
password = secret
max-messages = 10
concatenation = true

group = sms-service
keyword = default
catch-all = true
accept-x-kannel-headers = true
max-messages = 0
get-url = "{receiver}"
"""


@dataclass(frozen=True, slots=True)
class Kannel:
    """A running Kannel. `http_port` takes GET /cgi-bin/sendsms."""

    http_port: int
    folder: Path

    def path(self, sender: str, recipient: str, text: str, dlr_url: str = "") -> str:
        """The path that sends a text; with `dlr_url`, that is asked with what became of it."""
        query = {"username": USER, "password": PASSWORD, "from": sender, "to": recipient, "text": text}
        if dlr_url:
            query |= {"dlr-mask": "3", "dlr-url": dlr_url}
        return f"/cgi-bin/sendsms?{urlencode(query)}"


def available() -> bool:
    """Whether this machine has it."""
    return all(shutil.which(program, path="/usr/sbin:/usr/bin") for program in ("bearerbox", "smsbox"))


def require_kannel() -> None:
    """Skip the test when it has not."""
    if not available():
        pytest.skip("kannel is not installed")


@contextlib.contextmanager
def kannel(
    folder: Path,
    smsc: tuple[str, int],
    login: tuple[str, str],
    *,
    window: int = 10,
    receiver: str = "http://127.0.0.1:9/",
) -> Iterator[Kannel]:
    """Run it in `folder`, bound to the SMSC at `smsc`; texts from there are handed to the URL `receiver`."""
    admin, boxes, http = _free_ports(3)
    (folder / "spool").mkdir(parents=True)
    values = {"admin": admin, "boxes": boxes, "http": http, "folder": folder, "window": window}
    values |= {"host": smsc[0], "port": smsc[1], "system_id": login[0], "password": login[1]}
    config = folder / "kannel.conf"
    config.write_text(_CONFIG.format(**values, receiver=receiver))
    with contextlib.ExitStack() as stack:
        for program, port in (("/usr/sbin/bearerbox", boxes), ("/usr/sbin/smsbox", http)):
            beginning = running(
                *(program, "-v", "4", config),
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            _await_port(port, stack.enter_context(beginning))
        yield Kannel(http, folder)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"kannel ended with {process.returncode}"
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("kannel did not start")
