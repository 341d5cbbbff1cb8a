"""An announcement to everybody in a conference: a document whose plays go to the room.

It is run by an interpreter of its own (`offhook.twiml.interpreter`), so that one request is made, however many hear it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from offhook.delivery.documents import fetch_document
from offhook.media.client import MediaClient
from offhook.media.protocol import PlayFinished
from offhook.store.records import AccountRecord
from offhook.streams.client import Received
from offhook.streams.protocol import received_file
from offhook.twiml import effects, events, interpreter
from offhook.twiml.effects import Pairs
from offhook.twiml.entry import CallFacts, Entry, Purpose
from offhook.voice.prompts import Prompts
from offhook.voice.services import Services

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where an announcement is made: a conference's room at a media worker, and what its document is told.

    `sid` names the announcement's files: no other that is made at the same time has it.
    """

    sid: str
    media: MediaClient
    room: int
    params: Pairs


class Announcement:
    """One announcement. `over` is called once: with None when it was heard, else with what kept it from being."""

    def __init__(
        self,
        services: Services,
        account: AccountRecord,
        stage: Stage,
        over: Callable[[str | None], None],
        notify: Callable[[effects.Notify], None],
    ) -> None:
        self._services = services
        self._account = account
        self._stage = stage
        self._over = over
        self._notify = notify
        self._prompts = Prompts(stage.media, services.streams, stage.room, account.auth_token, self._feed)
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._fetching: set[asyncio.Task[None]] = set()
        self._state: interpreter.State | None = None

    def start(self, entry: Entry) -> None:
        """Begin."""
        facts = CallFacts("", "", answered=True)
        self._state, wanted = interpreter.start(entry, facts, purpose=Purpose.ANNOUNCEMENT)
        self._do_all(wanted)

    def on_play_finished(self, event: PlayFinished) -> None:
        """A play of the room is over; it may be another's."""
        self._prompts.finished(event)

    def fail(self, why: str) -> None:
        """Nobody will hear it."""
        self.stop()
        self._over(why)

    def stop(self) -> None:
        """The conference is over."""
        self._prompts.stop_all()
        for timer in self._timers.values():
            timer.cancel()
        for task in self._fetching:
            task.cancel()

    def _feed(self, event: events.Event) -> None:
        assert self._state is not None
        self._state, wanted = interpreter.step(self._state, event)
        self._do_all(wanted)

    def _do_all(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            self._do(effect)

    def _do(self, effect: effects.Effect) -> None:
        """Carry out one effect; a document that is heard by a room asks for no others."""
        match effect:
            case effects.Fetch():
                task = asyncio.create_task(self._fetch(effect), name="announcement")
                self._fetching.add(task)
                task.add_done_callback(self._fetching.discard)
            case effects.Speak() | effects.PlayUrl() | effects.PlayDigits() | effects.Beep():
                self._prompts.start(effect)
            case effects.StopPlay():
                self._prompts.stop(effect.play)
            case effects.StartTimer(timer, seconds):
                fired = events.TimerFired(timer)
                self._timers[timer] = asyncio.get_running_loop().call_later(seconds, self._feed, fired)
            case effects.StopTimer(timer):
                if (handle := self._timers.pop(timer, None)) is not None:
                    handle.cancel()
            case effects.Notify():
                self._notify(effect)
            case effects.Announced(failed):
                self._over(failed)

    async def _fetch(self, effect: effects.Fetch) -> None:
        audio = received_file(self._services.settings.data_dir, f"{self._stage.sid}-{effect.request}")
        told, _ = await fetch_document(
            self._services.http,
            effect,
            [("AccountSid", self._account.sid), *self._stage.params, *effect.params],
            auth_token=self._account.auth_token,
            cookies=self._account.sid,
            audio_to=audio,
        )
        if isinstance(told, events.FetchFailed):
            audio.unlink(missing_ok=True)
        elif (kind := told.content_type or "").lower().startswith("audio/"):
            self._prompts.received(told.url, Received(audio, kind))
        self._feed(told)
