"""What a platform is busy with while one of its processes is killed: live calls of every kind, and texts being posted.

`Traffic` is one customer of a running platform: it makes calls and texts, hears their callbacks, and says afterwards
what became of each.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from tests.fault.running import Running, command_of
from tests.harness.history import HeardCallback, History, check
from tests.harness.waiting import HANGS, eventually
from tests.harness.webhook_app import Folder, WebhookApp

from offhook.config import SETTINGS_VARIABLE, Settings
from offhook.store.records import CALL_TERMINAL, CallRecord, MessageRecord
from offhook.store.store import Store
from offhook.supervisor.process import descendants

TEXTS = 200
POSTERS = 8
WAITS_FOR_A_KEY = '<Gather numDigits="1" timeout="100" action="next"><Pause length="100"/></Gather>'
TOKEN_HEADER = "I-Twilio-Idempotency-Token"

_phones = itertools.count(1)


@dataclass(slots=True)
class LiveCall:
    """A call under way, and the phone that can press a key in it (None while it rings)."""

    sid: str
    phone: str
    sandbox_id: str | None = None


@dataclass(slots=True)
class Texts:
    """The texts of one scene: what each acknowledged one said, by SID."""

    phone: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    refused: int = 0


class Traffic:
    """A customer of one platform. Use as an asynchronous context manager."""

    def __init__(self, running: Running, app: WebhookApp) -> None:
        facts = running.facts
        self.running = running
        self.web: Folder = app.folder()
        self.account: str = facts["account_sid"]
        self.owned: str = facts["phone_numbers"][0]
        self._root = str(facts["api_url"]).rstrip("/")
        self._api = f"{self._root}/2010-04-01/Accounts/{self.account}"
        self._sandbox: str = facts["sandbox_url"]
        self._login = aiohttp.encode_basic_auth(self.account, facts["auth_token"])
        self.calls: list[LiveCall] = []
        self.web.twiml("answer", WAITS_FOR_A_KEY)
        self.web.twiml("next", "<Hangup/>")

    async def __aenter__(self) -> Traffic:
        self._http = aiohttp.ClientSession(
            headers={"Authorization": self._login}, timeout=aiohttp.ClientTimeout(total=HANGS)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    # Calls

    async def begin_calls(self) -> None:
        """Five live calls: two that wait for a key, one bridged, one from outside, one that rings."""
        await asyncio.gather(self._answered(), self._answered(), self._bridged(), self._inbound())
        await self._ringing()

    async def _answered(self) -> None:
        phone = await self.phone()
        sid = await self.call(phone, Url=self.web.url("answer"))
        self.calls.append(LiveCall(sid, phone, await self.reached(phone)))

    async def _bridged(self) -> None:
        caller, called = await self.phone(), await self.phone()
        url = self.web.url("status")
        dialled = f'<Number statusCallback="{url}">{called}</Number>'
        sid = await self.call(
            caller, Twiml=f'<Response><Dial hangupOnStar="true">{dialled}</Dial></Response>'
        )
        await self.reached(called)
        self.calls.append(LiveCall(sid, caller, await self.reached(caller)))
        children = await self.get(f"Calls.json?ParentCallSid={sid}")
        self.calls.append(LiveCall(children["calls"][0]["sid"], called))

    async def _inbound(self) -> None:
        bought = await self.post(
            "IncomingPhoneNumbers",
            AreaCode="415",
            VoiceUrl=self.web.url("answer"),
            StatusCallback=self.web.url("status"),
        )
        phone = await self.phone()
        made = await self._ask_sandbox("POST", f"phones/{phone}/calls", {"to": bought["phone_number"]})
        await self.reached(phone)
        listed = await self.get(f"Calls.json?To={bought['phone_number'].replace('+', '%2B')}")
        self.calls.append(LiveCall(listed["calls"][0]["sid"], phone, made["id"]))

    async def _ringing(self) -> None:
        phone = await self.phone(answer_after=3000)
        sid = await self.call(phone, Url=self.web.url("answer"))
        await self.reached(phone, "ringing")
        self.calls.append(LiveCall(sid, phone))

    async def phone(self, **behaviour: Any) -> str:
        """The number of a phone that was never called."""
        number = f"+1556{next(_phones):07d}"
        await self._ask_sandbox("PUT", f"phones/{number}", {"answer_after": 0, **behaviour})
        return number

    async def call(self, phone: str, **form: str) -> str:
        """Call a phone, with all callbacks; the SID."""
        form.setdefault("StatusCallback", self.web.url("status"))
        events = [("StatusCallbackEvent", name) for name in ("initiated", "ringing", "answered", "completed")]
        parameters = [("To", phone), ("From", self.owned), *form.items(), *events]
        return str((await self._post("Calls", parameters))["sid"])

    async def reached(self, phone: str, state: str = "answered", seconds: float = HANGS) -> str:
        """Wait until a phone's first call is in `state`; the sandbox's id of that call."""
        shown = await self._ask_sandbox("GET", f"phones/{phone}/calls?state={state}&timeout={seconds}")
        calls = shown["calls"]
        assert calls, f"{phone} was not called"
        assert state in (calls[0]["state"], "ringing"), calls
        return str(calls[0]["id"])

    async def still_up(self) -> None:
        """Every call is live yet, at the platform and at its phone."""
        for call in self.calls:
            shown = await self.get(f"Calls/{call.sid}.json")
            assert shown["status"] in ("in-progress", "ringing"), shown
            if call.sandbox_id is not None:
                assert (await self._ask_sandbox("GET", f"calls/{call.sandbox_id}"))["state"] == "answered"

    async def hears_audio(self) -> None:
        """Audio comes to the phones that are answered: each has heard more than a moment ago."""
        ids = [call.sandbox_id for call in self.calls if call.sandbox_id is not None]

        async def heard(call_id: str) -> float:
            return float((await self._ask_sandbox("GET", f"calls/{call_id}"))["heard_seconds"])

        for call_id, before in [(call_id, await heard(call_id)) for call_id in ids]:

            async def more(call_id: str = call_id, before: float = before) -> bool:
                return await heard(call_id) > before

            await eventually(more)

    async def finish_calls(self) -> None:
        """Have the TwiML of each call go on, by a key, and give up the one that rings."""
        for call in self.calls:
            if call.sandbox_id is not None:
                await self._ask_sandbox("POST", f"calls/{call.sandbox_id}/press", {"digits": "*"})
        await self._post(f"Calls/{self.calls[-1].sid}", [("Status", "canceled")])

    async def hang_up(self) -> None:
        """End each call through the API."""
        for call in self.calls:
            await self._post(f"Calls/{call.sid}", [("Status", "completed")], (200, 400, 404))

    async def calls_ended(self, seconds: float = HANGS) -> dict[str, str]:
        """Wait for the one final callback of each call; the status it told, by SID."""
        async with asyncio.timeout(seconds):
            while True:
                told = self._final_callbacks()
                if len(told) >= len({call.sid for call in self.calls}):
                    return told
                await asyncio.sleep(0.05)

    def _final_callbacks(self) -> dict[str, str]:
        told = {}
        for received in self.web.received("status"):
            if received.params.get("CallStatus") in CALL_TERMINAL:
                told[received.params["CallSid"]] = received.params["CallStatus"]
        return {call.sid: told[call.sid] for call in self.calls if call.sid in told}

    # Texts

    async def post_texts(self, under_way: Callable[[int], None], count: int = TEXTS) -> Texts:
        """Post texts, several at a time; `under_way` hears after each how many were acknowledged."""
        texts = Texts(await self.phone(deliver_after=0.1))

        async def post_share(first: int) -> None:
            for number in range(first, count, POSTERS):
                body = f"text {number} to {texts.phone}"
                if (sid := await self.text(texts.phone, body)) is not None:
                    texts.acknowledged[sid] = body
                    under_way(len(texts.acknowledged))
                else:
                    texts.refused += 1

        await asyncio.gather(*(post_share(first) for first in range(POSTERS)))
        return texts

    async def text(self, phone: str, body: str) -> str | None:
        """The SID of a text that was acknowledged, None when it was not."""
        try:
            status, _, message = await self.text_answer(phone, body)
        except aiohttp.ClientError:
            return None
        return str(message["sid"]) if status == 201 else None

    async def text_answer(self, phone: str, body: str) -> tuple[int, Mapping[str, str], Any]:
        """The status, headers and body of the answer to a request to send a text."""
        form = {"To": phone, "From": self.owned, "Body": body, "StatusCallback": self.web.url("status")}
        async with self._http.post(f"{self._api}/Messages.json", data=form) as response:
            return response.status, response.headers, await response.json(content_type=None)

    async def texts_settled(self, texts: Texts, among: Iterable[str] = ("delivered",)) -> None:
        """Wait until each acknowledged text has a status `among` these."""
        wanted = frozenset(among)
        waiting = set(texts.acknowledged)
        while waiting:
            statuses = await self._statuses(texts.phone)
            waiting = {sid for sid in waiting if statuses.get(sid) not in wanted}
            if waiting:
                await asyncio.sleep(0.1)

    async def _statuses(self, phone: str) -> dict[str, str]:
        listed = await self.get(f"Messages.json?PageSize=1000&To={phone.replace('+', '%2B')}")
        return {message["sid"]: message["status"] for message in listed["messages"]}

    async def arrived(self, phone: str) -> Counter[str]:
        """How often each text came to a phone."""
        shown = await self._ask_sandbox("GET", f"phones/{phone}/texts")
        return Counter(text["body"] for text in shown["texts"])

    # The platform works

    async def works(self) -> None:
        """A new call is answered and ended, and a new text is delivered, at the first attempt."""
        phone = await self.phone(hangup_after=0.3)
        text = await self.text(phone, "works")
        sid = await self.call(phone, Url=self.web.url("answer"))
        assert text is not None

        statuses = ("", "")

        async def done() -> bool:
            nonlocal statuses
            called = await self.get(f"Calls/{sid}.json")
            assert called["status"] in ("queued", "ringing", "in-progress", "completed"), called
            sent = await self.get(f"Messages/{text}.json")
            statuses = called["status"], sent["status"]
            return statuses == ("completed", "delivered")

        try:
            await eventually(done)
        except TimeoutError:
            raise AssertionError(f"the new call and the new text stay {statuses}") from None

    async def history_problems(self, texts: Texts) -> list[str]:
        """What the history checker says of this scene."""
        heard = [
            HeardCallback(received.params, received.headers.get(TOKEN_HEADER, ""))
            for received in self.web.received("status")
        ]
        store = await Store.open(settings_of(self.running).database_url)
        try:
            history = await self._history(store, texts, heard)
        finally:
            await store.close()
        return check(history)

    async def _history(self, store: Store, texts: Texts, heard: list[HeardCallback]) -> History:
        sids = {callback.sid for callback in heard} | set(texts.acknowledged)
        calls: list[CallRecord] = []
        messages: list[MessageRecord] = []
        for sid in sids:
            if sid.startswith("CA"):
                if (call := await store.calls.fetch(self.account, sid)) is not None:
                    calls.append(call)
            elif (message := await store.messages.fetch(self.account, sid)) is not None:
                messages.append(message)
        entries = await store.ledger.entries(self.account, limit=10_000)
        timelines = {sid: await store.timeline.list(sid) for sid in sids}
        return History(calls, messages, entries, timelines, heard)

    # Requests

    async def get(self, path: str) -> Any:
        """A resource of the account."""
        async with self._http.get(f"{self._api}/{path}") as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, **form: str) -> Any:
        """Create something."""
        return await self._post(path, list(form.items()))

    async def post_status(self, path: str, **form: str) -> int:
        """The status of the answer to a POST."""
        async with self._http.post(f"{self._api}/{path}.json", data=form) as response:
            return response.status

    async def _post(self, path: str, form: list[tuple[str, str]], allowed: Iterable[int] = (200, 201)) -> Any:
        async with self._http.post(f"{self._api}/{path}.json", data=form) as response:
            assert response.status in allowed, await response.text()
            return await response.json()

    async def _ask_sandbox(self, method: str, path: str, body: object = None) -> Any:
        async with aiohttp.request(method, f"{self._sandbox}/v1/{path}", json=body) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.status != 204 else None


def settings_of(running: Running) -> Settings:
    """What the roles of a running platform were told."""
    environ = (Path("/proc") / str(running.child("api")) / "environ").read_bytes().split(b"\0")
    prefix = f"{SETTINGS_VARIABLE}=".encode()
    told = next(variable for variable in environ if variable.startswith(prefix))
    return msgspec.json.decode(told.removeprefix(prefix), type=Settings)


def process_with(running: Running, *words: str) -> int:
    """The newest process of the instance whose command line has all these words."""
    for pid in reversed(descendants(running.process.pid)):
        if all(word in " ".join(command_of(pid)) for word in words):
            return pid
    raise AssertionError(f"no process has {words}")


def kill(pid: int) -> None:
    """`kill -9`."""
    os.kill(pid, signal.SIGKILL)
