"""The HTTP API of the sandbox: JSON, on loopback, without authentication.

| request | what it does |
|---|---|
| `GET /v1/phones/{number}` | how a phone behaves |
| `PUT /v1/phones/{number}` | changes it (`sandbox.behaviour.Behaviour`); `DELETE` makes it ordinary again |
| `GET /v1/phones/{number}/calls` | its calls; `?state=answered|ended&count=1&timeout=10` waits for that many |
| `POST /v1/phones/{number}/calls` | has it call a number of the platform (`PlaceCall`) |
| `GET /v1/calls/{id}` | one call; `?state=…`, `?phrases=2`, `?known=call_sid` and `&timeout=10` wait |
| `DELETE /v1/calls/{id}` | has the phone hang up |
| `POST /v1/calls/{id}/say` | speaks in a call that is up: `{"text": "Hello"}`; an audio file as body is played |
| `POST /v1/calls/{id}/press` | presses keys in a call that is up: `{"digits": "12#"}` |
| `GET /v1/calls/{id}/heard.wav` | what the phone heard so far |
| `GET /v1/phones/{number}/texts` | its texts; `?count=1&timeout=10` waits until it received that many |
| `POST /v1/phones/{number}/texts` | has it text a number of the platform (`PlaceText`) |
| `DELETE /v1` | hangs up everything and forgets everything |

Numbers are E.164, the plus may be left out. Bad input is answered with 400 and `{"error": …}`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
import numpy as np
from aiohttp import web

from offhook.numbers import as_e164
from offhook.sandbox.audio import PhoneAudio
from offhook.sandbox.behaviour import Behaviour, Digits, PlaceCall, PlaceText, Say
from offhook.sandbox.phone_call import PhoneCall, State
from offhook.sandbox.phones import Phones
from offhook.sandbox.smsc import Smsc
from offhook.streams.decode import DecodeError, decode_audio, is_audio_type

_MAX_BODY = 16 * 1024 * 1024
_MAX_JSON = 64 * 1024
_LONGEST_FILE = 600.0
_E164 = re.compile(r"\+[0-9]{7,15}")
_DIALLED = re.compile(r"[!-~]+")
_LONGEST_WAIT = 120.0

Body = TypeVar("Body")
_ORDER = {State.RINGING: 0, State.ANSWERED: 1, State.ENDED: 2}


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys to press."""

    digits: Digits


class SandboxApi:
    """The routes and what they do."""

    def __init__(self, phones: Phones, smsc: Smsc, base_url: str) -> None:
        self._phones = phones
        self._smsc = smsc
        self._base_url = base_url

    def app(self) -> web.Application:
        """The application, to be served."""
        app = web.Application(middlewares=[_errors], client_max_size=_MAX_BODY)
        phone, call = "/v1/phones/{number}", "/v1/calls/{id}"
        app.add_routes(
            [
                web.get(phone, self._get_phone),
                web.put(phone, self._put_phone),
                web.delete(phone, self._delete_phone),
                web.get(f"{phone}/calls", self._get_calls),
                web.post(f"{phone}/calls", self._post_call),
                web.get(f"{phone}/texts", self._get_texts),
                web.post(f"{phone}/texts", self._post_text),
                web.get(call, self._get_call),
                web.delete(call, self._delete_call),
                web.post(f"{call}/press", self._press),
                web.post(f"{call}/say", self._say),
                web.get(f"{call}/heard.wav", self._heard),
                web.delete("/v1", self._reset),
            ]
        )
        return app

    async def _get_phone(self, request: web.Request) -> web.Response:
        return _json(self._phones.behaviour(_number(request)))

    async def _put_phone(self, request: web.Request) -> web.Response:
        behaviour = await _body(request, Behaviour)
        self._phones.set_behaviour(_number(request), behaviour)
        await self._phones.rehearse(behaviour)
        return _json(behaviour)

    async def _delete_phone(self, request: web.Request) -> web.Response:
        self._phones.set_behaviour(_number(request), None)
        return web.Response(status=204)

    async def _get_calls(self, request: web.Request) -> web.Response:
        number = _number(request)
        if "state" in request.query:
            wanted, count = _state(request), _count(request)
            await self._phones.wait(lambda: self._reached(number, wanted) >= count, _timeout(request))
        calls = [call.shown(self._base_url) for call in self._phones.calls_of(number)]
        return _json({"calls": calls})

    def _reached(self, number: str, wanted: State) -> int:
        """How many of a phone's calls have come as far as `wanted`."""
        calls = self._phones.calls_of(number)
        return sum(_ORDER[call.state] >= _ORDER[wanted] for call in calls)

    async def _post_call(self, request: web.Request) -> web.Response:
        wanted = await _body(request, PlaceCall)
        if not _DIALLED.fullmatch(wanted.to):
            raise web.HTTPBadRequest(text="to: expected a number or the user part of a SIP address")
        call = await self._phones.place(_number(request), wanted)
        return _json(call.shown(self._base_url), status=201)

    async def _get_texts(self, request: web.Request) -> web.Response:
        number = _number(request)
        if "count" in request.query:
            await self._smsc.wait(number, _count(request), _timeout(request))
        return _json({"texts": [text.shown() for text in self._smsc.texts_of(number)]})

    async def _post_text(self, request: web.Request) -> web.Response:
        wanted = await _body(request, PlaceText)
        to = as_e164(wanted.to)
        if not _E164.fullmatch(to):
            raise web.HTTPBadRequest(text="to: the number is not E.164")
        text = await self._smsc.send(_number(request), to, wanted.body)
        return _json(text.shown(), status=201)

    async def _get_call(self, request: web.Request) -> web.Response:
        call = self._call(request)
        if request.query:
            await self._phones.wait(_condition(request, call), _timeout(request))
        return _json(self._call(request).shown(self._base_url))

    async def _delete_call(self, request: web.Request) -> web.Response:
        self._phones.hang_up(self._call(request))
        return web.Response(status=204)

    async def _press(self, request: web.Request) -> web.Response:
        pressed = await _body(request, Press)
        _audio_of(self._call(request)).press(pressed.digits)
        return web.Response(status=204)

    async def _say(self, request: web.Request) -> web.Response:
        """Speak, or play the file that is the body."""
        call = self._call(request)
        if is_audio_type(request.content_type):
            await self._play(call, await request.read(), request.content_type)
        else:
            words = await _body(request, Say)
            _audio_of(call)
            self._phones.say(call, words)
        return web.Response(status=204)

    async def _play(self, call: PhoneCall, content: bytes, content_type: str) -> None:
        try:
            raw = await asyncio.to_thread(decode_audio, content, content_type, _LONGEST_FILE)
        except DecodeError as error:
            raise web.HTTPBadRequest(text=f"the file cannot be played: {error}") from None
        async with call.turn:
            _audio_of(call).say(np.frombuffer(raw, dtype="<i2").astype(np.int16))

    async def _heard(self, request: web.Request) -> web.Response:
        audio = self._call(request).audio
        if audio is None:
            raise web.HTTPNotFound(text="the phone has heard nothing")
        return web.Response(body=audio.heard_wav(), content_type="audio/wav")

    async def _reset(self, request: web.Request) -> web.Response:
        self._phones.reset()
        self._smsc.reset()
        return web.Response(status=204)

    def _call(self, request: web.Request) -> PhoneCall:
        call = self._phones.call(request.match_info["id"])
        if call is None:
            raise web.HTTPNotFound(text="there is no such call")
        return call


def _audio_of(call: PhoneCall) -> PhoneAudio:
    """The audio of a call that is up; 409 when it is not."""
    if call.audio is None or call.state is not State.ANSWERED:
        raise web.HTTPConflict(text="the call is not up")
    return call.audio


def _condition(request: web.Request, call: PhoneCall) -> Callable[[], bool]:
    """What a request for one call waits for; a call that has ended fulfils everything."""
    state = _state(request) if "state" in request.query else State.RINGING
    phrases = _whole_number(request, "phrases", "0")
    if request.query.get("known", "call_sid") != "call_sid":
        raise web.HTTPBadRequest(text="known: expected call_sid")
    named = "known" in request.query

    def fulfilled() -> bool:
        heard = call.audio.phrases_heard if call.audio is not None else 0
        reached = _ORDER[call.state] >= _ORDER[state] and heard >= phrases
        return call.state is State.ENDED or (reached and (call.call_sid is not None or not named))

    return fulfilled


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors as JSON."""
    try:
        return await handler(request)
    except msgspec.MsgspecError as error:
        return _json({"error": str(error)}, status=400)
    except web.HTTPException as error:
        return _json({"error": error.text or error.reason}, status=error.status)


async def _body(request: web.Request, kind: type[Body]) -> Body:
    content = await request.read()
    if len(content) > _MAX_JSON:
        raise web.HTTPRequestEntityTooLarge(_MAX_JSON, len(content))
    return msgspec.json.decode(content or b"{}", type=kind)


def _number(request: web.Request) -> str:
    number = as_e164(request.match_info["number"].strip())
    if not _E164.fullmatch(number):
        raise web.HTTPBadRequest(text="the number is not E.164")
    return number


def _state(request: web.Request) -> State:
    try:
        return State(request.query["state"])
    except ValueError:
        raise web.HTTPBadRequest(text="state: expected ringing, answered or ended") from None


def _count(request: web.Request) -> int:
    return _whole_number(request, "count", "1")


def _whole_number(request: web.Request, name: str, default: str) -> int:
    text = request.query.get(name, default)
    if not text.isascii() or not text.isdigit() or len(text) > 4:
        raise web.HTTPBadRequest(text=f"{name}: expected a whole number")
    return int(text)


def _timeout(request: web.Request) -> float:
    try:
        seconds = float(request.query.get("timeout", "10"))
    except ValueError:
        raise web.HTTPBadRequest(text="timeout: expected seconds") from None
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise web.HTTPBadRequest(text=f"timeout: expected 0 to {_LONGEST_WAIT:.0f} seconds")
    return seconds


def _json(value: object, *, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json", status=status)
