"""The pytest plugin of Offhook: the platform for a test session, and its virtual phones.

    def test_greeting(offhook):
        phone = offhook.phone("+15551230000")
        phone.behave(press="1", hangup_after=8)
        offhook.client.calls.create(to=phone.number, from_=offhook.phone_numbers[0], url=my_app)
        call = phone.wait_for_call("ended")
        assert call.digits_heard == ""
        call.save_heard(tmp_path / "heard.wav")

`offhook` starts the platform once per session on free ports with an empty data directory, forgets the phones between
tests, and ends it at the end. Outside pytest, `Platform.start()` does the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from offhook.rest import TwilioRestClient

_ANY_PORT = "127.0.0.1:0"
_STOP_SECONDS = 15.0


class SandboxError(Exception):
    """The sandbox refused a request."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a virtual phone, as it was when it was asked for."""

    phone: Phone
    id: str
    direction: str
    from_: str
    to: str
    state: str
    outcome: str | None
    heard_url: str
    heard_seconds: float
    digits_heard: str

    def heard(self) -> bytes:
        """What the phone heard up to now, as a WAV file (8 kHz, 16 bits, mono)."""
        with urllib.request.urlopen(self.heard_url, timeout=30) as response:
            return bytes(response.read())

    def save_heard(self, path: Path) -> None:
        """Write what the phone heard into a WAV file."""
        path.write_bytes(self.heard())

    def press(self, digits: str) -> None:
        """Press keys; `w` waits half a second, `W` a second."""
        self.phone.sandbox.request("POST", f"/v1/calls/{self.id}/press", {"digits": digits})

    def hang_up(self) -> None:
        """Have the phone hang up."""
        self.phone.sandbox.request("DELETE", f"/v1/calls/{self.id}")


@dataclass(frozen=True, slots=True)
class Text:
    """A text that a virtual phone received or sent."""

    id: str
    direction: str
    from_: str
    to: str
    body: str


class Phone:
    """A virtual phone."""

    def __init__(self, sandbox: Sandbox, number: str) -> None:
        self.sandbox = sandbox
        self.number = number
        self._path = f"/v1/phones/{urllib.parse.quote(number)}"

    def behave(self, **behaviour: Any) -> None:
        """Say how the phone behaves from now on: `on_call`, `answer_after`, `say`, `press`, `hangup_after`…

        See `offhook.sandbox.behaviour.Behaviour`; what is left out has its default. Raises SandboxError.
        """
        self.sandbox.request("PUT", self._path, behaviour)

    def calls(self) -> list[Call]:
        """Its calls, oldest first."""
        return self._calls(self.sandbox.request("GET", f"{self._path}/calls"))

    def wait_for_call(self, state: str = "ended", *, count: int = 1, timeout: float = 30.0) -> Call:
        """The `count`th call, once it is "ringing", "answered" or "ended". Raises TimeoutError."""
        query = f"state={state}&count={count}&timeout={timeout}"
        reply = self.sandbox.request("GET", f"{self._path}/calls?{query}", timeout=timeout)
        order = ("ringing", "answered", "ended")
        calls = [call for call in self._calls(reply) if order.index(call.state) >= order.index(state)]
        if len(calls) < count:
            raise TimeoutError(f"{self.number} has no call that is {state} after {timeout} s")
        return calls[count - 1]

    def call(self, to: str, **script: Any) -> Call:
        """Call a number of the platform; `script` as in `behave`."""
        return self._call(self.sandbox.request("POST", f"{self._path}/calls", {"to": to, **script}))

    def texts(self) -> list[Text]:
        """The texts it received and sent, oldest first."""
        return _texts(self.sandbox.request("GET", f"{self._path}/texts"))

    def wait_for_text(self, *, count: int = 1, timeout: float = 30.0) -> Text:
        """The `count`th text it received. Raises TimeoutError."""
        reply = self.sandbox.request(
            "GET", f"{self._path}/texts?count={count}&timeout={timeout}", timeout=timeout
        )
        received = [text for text in _texts(reply) if text.direction == "inbound"]
        if len(received) < count:
            raise TimeoutError(f"{self.number} has not received {count} texts after {timeout} s")
        return received[count - 1]

    def text(self, to: str, body: str) -> None:
        """Text a number of the platform."""
        self.sandbox.request("POST", f"{self._path}/texts", {"to": to, "body": body})

    def _calls(self, reply: Any) -> list[Call]:
        return [self._call(call) for call in reply["calls"]]

    def _call(self, call: dict[str, Any]) -> Call:
        return Call(
            self,
            call["id"],
            call["direction"],
            call["from"],
            call["to"],
            call["state"],
            call["outcome"],
            call["heard_url"],
            call["heard_seconds"],
            call["digits_heard"],
        )


def _texts(reply: Any) -> list[Text]:
    return [
        Text(text["id"], text["direction"], text["from"], text["to"], text["body"]) for text in reply["texts"]
    ]


class Sandbox:
    """The sandbox of a running platform."""

    def __init__(self, url: str) -> None:
        self.url = url

    def phone(self, number: str) -> Phone:
        """The phone with this number (E.164)."""
        return Phone(self, number)

    def reset(self) -> None:
        """Hang up everything and forget everything."""
        self.request("DELETE", "/v1")

    def request(self, method: str, path: str, body: Any = None, *, timeout: float = 0.0) -> Any:
        """One request of the sandbox's HTTP API; its JSON. Raises SandboxError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30 + timeout) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            raise SandboxError(error.read().decode(errors="replace")) from None
        return json.loads(content) if content else None


class Platform:
    """A running Offhook."""

    def __init__(self, process: subprocess.Popen[bytes], facts: dict[str, Any]) -> None:
        """`facts` is what ``offhook up --json`` printed."""
        self._process = process
        self.facts = facts
        self.api_url: str = facts["api_url"]
        self.account_sid: str = facts["account_sid"]
        self.auth_token: str = facts["auth_token"]
        self.phone_numbers: list[str] = facts["phone_numbers"]
        self.sandbox = Sandbox(facts["sandbox_url"])

    @classmethod
    def start(
        cls, data_dir: Path, *, arguments: Sequence[str] = (), log: IO[bytes] | None = None
    ) -> Platform:
        """Start the platform on free ports. Raises RuntimeError when it does not come up."""
        command = [sys.executable, "-m", "offhook", "up", "--json", "--data", str(data_dir)]
        given = {argument.partition("=")[0] for argument in arguments}
        for flag in ("--http", "--sip", "--smpp", "--sandbox"):
            if flag not in given:
                command += [flag, _ANY_PORT]
        process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=log)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"offhook up ended with status {process.wait()}")
        return cls(process, json.loads(line))

    @property
    def client(self) -> TwilioRestClient:
        """A client of the API with the account's credentials."""
        from offhook.rest import TwilioRestClient

        return TwilioRestClient(self.account_sid, self.auth_token, base=self.api_url)

    def phone(self, number: str) -> Phone:
        """The virtual phone with this number (E.164)."""
        return self.sandbox.phone(number)

    def timeline(self, sid: str) -> list[dict[str, Any]]:
        """What happened to a call or message."""
        request = urllib.request.Request(f"{self.api_url}/offhook/v1/timelines/{sid}")
        login = f"{self.account_sid}:{self.auth_token}".encode()
        request.add_header("Authorization", f"Basic {_base64(login)}")
        with urllib.request.urlopen(request, timeout=30) as response:
            entries: list[dict[str, Any]] = json.load(response)["entries"]
        return entries

    def stop(self) -> None:
        """End the platform and wait until it has ended."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_SECONDS)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


@pytest.fixture(scope="session")
def offhook_platform() -> Iterator[Platform]:
    """The platform of this test session. `OFFHOOK_TEST_LOG` names a file for what it logs."""
    directory = Path(tempfile.mkdtemp(prefix="offhook-test-"))
    log_path = os.environ.get("OFFHOOK_TEST_LOG")
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, directory, ignore_errors=True)
        log = stack.enter_context(Path(log_path).open("ab")) if log_path else None
        platform = Platform.start(directory / "data", log=log)
        stack.callback(platform.stop)
        yield platform


@pytest.fixture
def offhook(offhook_platform: Platform) -> Platform:
    """The platform, with phones that remember nothing of earlier tests."""
    offhook_platform.sandbox.reset()
    return offhook_platform
