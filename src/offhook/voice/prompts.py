"""What a call plays: speech, audio files, digits, beeps and the ringing tone, as plays of its media leg.

Turns the interpreter's play effects into audio files (by the streams role) and those into plays (of the media
role), and the end of a play into the interpreter's event. A text is played as it is spoken: its first sentence is
heard while the others are still being made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from itertools import cycle

from offhook.audio.ringing import ring
from offhook.media.client import MediaClient
from offhook.media.protocol import AudioFile, Digits, Item, PlayFinished, Silence, Tone
from offhook.streams.client import Prompt, Received, Segment, StreamsClient, StreamsError
from offhook.twiml import effects, events

_BEEP = Tone((1000.0,), 400)
"""The tone before a recording: long enough to be noticed, short enough not to be taken for a fax."""

_INTERNAL_FAILURE = 12400


class Prompts:
    """The plays of one call."""

    def __init__(
        self,
        media: MediaClient,
        streams: StreamsClient,
        media_leg: int,
        auth_token: str,
        tell: Callable[[events.Event], None],
    ) -> None:
        """`tell` gets `Played` and `PlayFailed`; it is called from the event loop."""
        self._media = media
        self._streams = streams
        self._leg = media_leg
        self._auth_token = auth_token
        self._tell = tell
        self._making: dict[int, asyncio.Task[None]] = {}
        self._playing: dict[int, int] = {}
        self._of_media: dict[int, int] = {}
        self._ringback: int | None = None
        self._received: dict[str, Received] = {}
        """Audio that came where TwiML was asked for, by its URL, until it is played."""

    def received(self, url: str, audio: Received) -> None:
        """Take over the file that came from `url`, for the play of it that follows."""
        if (earlier := self._received.get(url)) is not None:
            earlier.path.unlink(missing_ok=True)
        self._received[url] = audio

    def start(self, effect: effects.Play) -> None:
        """Begin a play; its end is reported once, unless it is stopped."""
        match effect:
            case effects.Beep():
                self._play(effect.play, [_BEEP])
            case effects.PlayDigits():
                self._play(effect.play, [Digits(effect.digits)], loop=effect.loop)
            case effects.Speak() | effects.PlayUrl():
                task = asyncio.create_task(self._make(effect), name=f"play-{effect.play}")
                self._making[effect.play] = task
                task.add_done_callback(lambda _: self._making.pop(effect.play, None))

    def stop(self, play: int) -> None:
        """End a play without telling; what has ended is ignored."""
        if (task := self._making.pop(play, None)) is not None:
            task.cancel()
        if (media_play := self._playing.pop(play, None)) is not None:
            self._of_media.pop(media_play, None)
            self._media.stop_play(self._leg, media_play)

    def stop_all(self) -> None:
        """The call is over."""
        self.stop_ringback()
        for play in {*self._making, *self._playing}:
            self.stop(play)
        while self._received:
            self._received.popitem()[1].path.unlink(missing_ok=True)

    def finished(self, event: PlayFinished) -> None:
        """A play of the leg is over."""
        play = self._of_media.pop(event.play, None)
        if play is None:
            return
        self._playing.pop(play, None)
        if event.reason == "failed":
            self._tell(events.PlayFailed(play, _INTERNAL_FAILURE, event.detail))
        else:
            self._tell(events.Played(play, silent=event.milliseconds == 0))

    def start_ringback(self, country: str) -> None:
        """Let the caller hear that a dialled call rings."""
        if self._ringback is None:
            self._ringback = self._media.play(self._leg, _ringing(country), loop=0)

    def stop_ringback(self) -> None:
        """End the ringing tone, if it plays."""
        if self._ringback is not None:
            self._media.stop_play(self._leg, self._ringback)
            self._ringback = None

    def _play(self, play: int, items: Sequence[Item], *, loop: int = 1, more: bool = False) -> int:
        media_play = self._media.play(self._leg, items, loop=loop, more=more)
        self._playing[play] = media_play
        self._of_media[media_play] = play
        return media_play

    async def _make(self, effect: effects.Speak | effects.PlayUrl) -> None:
        """Have the audio made and play it."""
        try:
            if isinstance(effect, effects.PlayUrl):
                prompt = await self._prepare(effect.url)
                self._play(effect.play, [AudioFile(prompt.path)], loop=effect.loop)
            elif effect.loop == 1:
                await self._speak_as_made(effect)
            else:
                await self._speak_repeatedly(effect)
        except StreamsError as error:
            self._fail(effect.play, error)

    async def _prepare(self, url: str) -> Prompt:
        """Have a file of the customer's made ready: the one that has come, or else the one at `url`."""
        received = self._received.pop(url, None)
        try:
            return await self._streams.prepare(url, auth_token=self._auth_token, received=received)
        finally:
            if received is not None:
                received.path.unlink(missing_ok=True)

    async def _speak_as_made(self, effect: effects.Speak) -> None:
        """Play each piece of a text as soon as it is there."""
        media_play: int | None = None
        speech = self._streams.synthesize(effect.text, effect.voice, effect.language)
        async with aclosing(speech) as segments:  # type: ignore[type-var]
            async for segment in segments:
                item = _item(segment)
                if media_play is None:
                    media_play = self._play(effect.play, [item], more=True)
                else:
                    self._media.extend_play(self._leg, media_play, [item], more=True)
        if media_play is None:
            self._tell(events.Played(effect.play, silent=True))
        else:
            self._media.extend_play(self._leg, media_play, [])

    async def _speak_repeatedly(self, effect: effects.Speak) -> None:
        """Play a text more than once: it has to be complete first."""
        speech = self._streams.synthesize(effect.text, effect.voice, effect.language)
        items = [_item(segment) async for segment in speech]
        if items:
            self._play(effect.play, items, loop=effect.loop)
        else:
            self._tell(events.Played(effect.play, silent=True))

    def _fail(self, play: int, error: StreamsError) -> None:
        """Tell of a play that could not be made, or of which the rest could not."""
        media_play = self._playing.pop(play, None)
        if media_play is not None:
            self._of_media.pop(media_play, None)
            self._media.stop_play(self._leg, media_play)
        self._tell(events.PlayFailed(play, error.code, error.detail))


def _ringing(country: str) -> list[Item]:
    """A country's ringing tone as something to play."""
    tone = ring(country)
    return [
        Silence(milliseconds) if off else Tone(tone.hz, milliseconds)
        for milliseconds, off in zip(tone.cadence, cycle((False, True)), strict=False)
    ]


def _item(segment: Segment) -> Item:
    """A piece of a spoken text as something to play."""
    return AudioFile(segment.path)
