"""Virtual phones as a test uses them: over the sandbox's HTTP API."""

from __future__ import annotations

import json
import mimetypes
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LONGEST_SECONDS: Final = 60.0
"""For how long is waited unless a test says otherwise: a busy machine may take long to load a voice."""
_NAMED_SECONDS = 30.0
_REPLY_SECONDS = 30.0
_STATES = ("ringing", "answered", "ended")


class SandboxError(Exception):
    """The sandbox refused a request."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a virtual phone, as it was when it was asked for; `refresh` asks again.

    Attributes:
        direction: the phone's: "inbound" when the platform called it.
        state: "ringing", "answered" or "ended".
        outcome: how it ended, None while it has not.
        heard_seconds: how much audio the phone heard.
        digits_heard: the keys it heard.
        phrases_heard: the sounds it heard, each ended by half a second of silence.
    """

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
    phrases_heard: int = 0
    call_sid: str | None = None

    @property
    def sid(self) -> str:
        """The platform's SID of the call. Raises TimeoutError when the platform made none of it."""
        call = self if self.call_sid is not None else self._ask(_NAMED_SECONDS, known="call_sid")
        if call.call_sid is None:
            raise TimeoutError(f"the call of {self.phone.number} has no SID: {call.outcome or call.state}")
        return call.call_sid

    def refresh(self) -> Call:
        """The call as it is."""
        return self._ask(0.0)

    def wait(self, state: str = "ended", *, timeout: float = LONGEST_SECONDS) -> Call:
        """The call once it is "answered" or "ended". Raises TimeoutError."""
        call = self._ask(timeout, state=state)
        if _STATES.index(call.state) < _STATES.index(state):
            raise TimeoutError(
                f"the call of {self.phone.number} is {call.state}, not {state}, after {timeout} s"
            )
        return call

    def wait_for_phrases(self, count: int, *, timeout: float = LONGEST_SECONDS) -> Call:
        """The call once the phone has heard that many sounds, each followed by silence. Raises TimeoutError."""
        call = self._ask(timeout, phrases=count)
        if call.phrases_heard < count:
            raise TimeoutError(
                f"{self.phone.number} heard {call.phrases_heard} of {count} phrases; it is {call.state}"
            )
        return call

    def wait_until_heard(self, text: str, *, timeout: float = LONGEST_SECONDS) -> Call:
        """The call once these words were said to the phone. Needs the extra `speech`.

        Raises:
            TimeoutError: they were not, and what was.
            SpeechMissingError: the extra is not installed.
        """
        from offhook.testing.hearing import prepare, words

        prepare()
        wanted, deadline = words(text), time.monotonic() + timeout
        call, heard = self.refresh(), ""
        while True:
            if call.phrases_heard:
                heard = call.words_heard()
            if f" {wanted} " in f" {heard} ":
                return call
            left = deadline - time.monotonic()
            if call.state == "ended" or left <= 0:
                raise TimeoutError(
                    f"{self.phone.number} heard {heard!r}, not {wanted!r}; the call is {call.state}"
                )
            call = call._ask(left, phrases=call.phrases_heard + 1)

    def words_heard(self) -> str:
        """What was said to the phone up to now: lower case, no punctuation, digits as words.

        Raises:
            SpeechMissingError: the extra `speech` is not installed.
        """
        from offhook.testing.hearing import words_of

        return words_of(self.heard())

    def heard(self) -> bytes:
        """What the phone heard up to now, as a WAV file (8 kHz, 16 bits, mono)."""
        with urllib.request.urlopen(self.heard_url, timeout=_REPLY_SECONDS) as response:
            return bytes(response.read())

    def save_heard(self, path: Path) -> None:
        """Write what the phone heard into a WAV file."""
        path.write_bytes(self.heard())

    def press(self, digits: str) -> None:
        """Press keys; `w` waits half a second, `W` a second."""
        self._tell("press", {"digits": digits})

    def say(self, text: str, *, voice: str | None = None, language: str | None = None) -> None:
        """Speak, after what is being said already; `voice` and `language` as in `<Say>`."""
        self._tell("say", {"text": text, "voice": voice, "language": language})

    def play(self, path: Path) -> None:
        """Play an audio file (WAV, MP3, FLAC), after what is being said already."""
        content_type = mimetypes.guess_type(path.name)[0] or "audio/wav"
        self._tell("say", path.read_bytes(), content_type)

    def hang_up(self) -> None:
        """Have the phone hang up."""
        self.phone.sandbox.request("DELETE", f"/v1/calls/{self.id}")

    def _tell(self, what: str, body: Any, content_type: str = "application/json") -> None:
        self.phone.sandbox.request("POST", f"/v1/calls/{self.id}/{what}", body, content_type=content_type)

    def _ask(self, timeout: float, **wanted: Any) -> Call:
        query = urllib.parse.urlencode({**wanted, "timeout": min(timeout, 120.0)}) if wanted else ""
        reply = self.phone.sandbox.request("GET", f"/v1/calls/{self.id}?{query}", timeout=timeout)
        return _call(self.phone, reply)


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

        See `offhook.sandbox.behaviour.Behaviour`; what is left out has its default.

        Raises:
            SandboxError: there is no such behaviour, or the number is the platform's own.
        """
        self.sandbox.check_virtual(self.number)
        self.sandbox.request("PUT", self._path, behaviour)

    def calls(self) -> list[Call]:
        """Its calls, oldest first."""
        return self._calls(self.sandbox.request("GET", f"{self._path}/calls"))

    def wait_for_call(
        self, state: str = "ended", *, count: int = 1, timeout: float = LONGEST_SECONDS
    ) -> Call:
        """The `count`th call, once it is "ringing", "answered" or "ended". Raises TimeoutError."""
        query = f"state={state}&count={count}&timeout={timeout}"
        reply = self.sandbox.request("GET", f"{self._path}/calls?{query}", timeout=timeout)
        calls = [call for call in self._calls(reply) if _STATES.index(call.state) >= _STATES.index(state)]
        if len(calls) < count:
            raise TimeoutError(f"{self.number} has no call that is {state} after {timeout} s")
        return calls[count - 1]

    def call(self, to: str, **script: Any) -> Call:
        """Call a number of the platform; `script` as in `behave`. Raises SandboxError."""
        self.sandbox.check_virtual(self.number)
        return _call(self, self.sandbox.request("POST", f"{self._path}/calls", {"to": to, **script}))

    def texts(self) -> list[Text]:
        """The texts it received and sent, oldest first."""
        return _texts(self.sandbox.request("GET", f"{self._path}/texts"))

    def wait_for_text(self, *, count: int = 1, timeout: float = LONGEST_SECONDS) -> Text:
        """The `count`th text it received. Raises TimeoutError."""
        query = f"count={count}&timeout={timeout}"
        reply = self.sandbox.request("GET", f"{self._path}/texts?{query}", timeout=timeout)
        received = [text for text in _texts(reply) if text.direction == "inbound"]
        if len(received) < count:
            raise TimeoutError(f"{self.number} has not received {count} texts after {timeout} s")
        return received[count - 1]

    def text(self, to: str, body: str) -> None:
        """Text a number of the platform. Raises SandboxError."""
        self.sandbox.check_virtual(self.number)
        self.sandbox.request("POST", f"{self._path}/texts", {"to": to, "body": body})

    def _calls(self, reply: Any) -> list[Call]:
        return [_call(self, call) for call in reply["calls"]]


class Sandbox:
    """The sandbox of a running platform.

    Args:
        url: of its HTTP API.
        owns: tells whether a number is the platform's own, and so no virtual phone.
    """

    def __init__(self, url: str, owns: Callable[[str], bool] = lambda _: False) -> None:
        self.url = url
        self._owns = owns

    def phone(self, number: str) -> Phone:
        """The phone with this number (E.164)."""
        return Phone(self, number)

    def reset(self) -> None:
        """Hang up everything and forget everything."""
        self.request("DELETE", "/v1")

    def check_virtual(self, number: str) -> None:
        """Raise SandboxError when a number is not a virtual phone's."""
        if self._owns(number):
            raise SandboxError(
                f"{number} is one of the platform's own numbers, which a program answers; "
                "a virtual phone is any number that is not"
            )

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        timeout: float = 0.0,
    ) -> Any:
        """One request of the sandbox's HTTP API, with JSON or bytes; its JSON. Raises SandboxError."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {} if data is None else {"Content-Type": content_type}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_REPLY_SECONDS + timeout) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            raise SandboxError(error.read().decode(errors="replace")) from None
        return json.loads(content) if content else None


def _call(phone: Phone, call: dict[str, Any]) -> Call:
    return Call(
        phone,
        call["id"],
        call["direction"],
        call["from"],
        call["to"],
        call["state"],
        call["outcome"],
        call["heard_url"],
        call["heard_seconds"],
        call["digits_heard"],
        call["phrases_heard"],
        call["call_sid"],
    )


def _texts(reply: Any) -> list[Text]:
    return [
        Text(text["id"], text["direction"], text["from"], text["to"], text["body"]) for text in reply["texts"]
    ]
