"""Baresip, a softphone no one here wrote: registers, calls, is called, presses keys and hangs up as a test says.

It is driven through its control socket (netstrings of JSON) and lives on loopback alone. What it hears is recorded by
its own audio filter; what it says is a tone.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.harness.processes import running
from tests.harness.transcribe import Samples, read_wav
from tests.harness.waiting import HANGS

BARESIP = shutil.which("baresip")
MODULES = Path("/usr/lib/baresip/modules")
TONE_HZ = 440.0

_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:0
net_interface 127.0.0.1
call_max_calls 4
audio_source aufile,{folder}/said.wav
ausrc_srate 8000
auplay_srate 8000
module_path {modules}
module g711.so
module aufile.so
module sndfile.so
snd_path {folder}/heard
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{port}
"""


def require_softphone() -> None:
    """Skip the test where there is no softphone."""
    if BARESIP is None or not MODULES.is_dir():
        pytest.skip("baresip is not installed (Debian package baresip-core)")


class Softphone:
    """A running baresip that has no account yet."""

    def __init__(self, control: socket.socket, folder: Path) -> None:
        self._control = control
        self._control.settimeout(HANGS)
        self._folder = folder
        self._unread = b""
        self._events: list[dict[str, Any]] = []

    def register(self, address: str, user: str, password: str, **parameters: str) -> str:
        """Register `sip:user@address` and return the event that says how it went."""
        settings = {
            "auth_user": user,
            "auth_pass": password,
            "answermode": "auto",
            "regint": "300",
            **parameters,
        }
        self.do(
            "uanew",
            f"<sip:{user}@{address}>" + "".join(f";{name}={value}" for name, value in settings.items()),
        )
        return str(self.wait_for("REGISTER_OK", "REGISTER_FAIL")["type"])

    def do(self, command: str, parameters: str = "") -> None:
        """Give a command of its menu: `dial`, `hangup`, `hold`, `sndcode`…"""
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))

    def press(self, digits: str) -> None:
        """Press keys, one after another."""
        for digit in digits:
            self.do("sndcode", digit)
            time.sleep(0.25)  # Baresip has no queue of keys: the next one would cut this one short.

    def wait_for(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these kinds; those before it are skipped. Raises TimeoutError."""
        while True:
            while self._events:
                event = self._events.pop(0)
                if event["type"] in kinds:
                    return event
            self._read()

    def heard(self) -> Samples:
        """What it heard in its latest call that has ended, at 8 kHz."""
        samples, rate = read_wav(max(self._folder.glob("heard/*-dec.wav")))
        assert rate == 8000
        return samples

    def _read(self) -> None:
        chunk = self._control.recv(65536)
        if not chunk:
            raise ConnectionError("baresip has ended")
        self._unread += chunk
        while True:
            length, colon, rest = self._unread.partition(b":")
            if not colon or len(rest) <= int(length):
                return
            message, self._unread = json.loads(rest[: int(length)]), rest[int(length) + 1 :]
            if message.get("event"):
                self._events.append(message)


@contextlib.contextmanager
def softphone() -> Iterator[Softphone]:
    """A softphone; it unregisters when it ends."""
    require_softphone()
    assert BARESIP is not None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="softphone-")))
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        (folder / "config").write_text(_CONFIG.format(folder=folder, modules=MODULES, port=port))
        (folder / "accounts").touch()
        (folder / "contacts").touch()
        (folder / "heard").mkdir()
        _write_tone(folder / "said.wav")
        log = stack.enter_context((folder / "log").open("wb"))
        stack.enter_context(running(BARESIP, "-f", folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        yield Softphone(stack.enter_context(_connect(port)), folder)


def _connect(port: int) -> socket.socket:
    """Its control socket, which it opens in its own time."""
    deadline = time.monotonic() + HANGS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _write_tone(path: Path) -> None:
    tone = 8000 * np.sin(2 * np.pi * TONE_HZ * np.arange(60 * 8000) / 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(tone.astype("<i2").tobytes())
