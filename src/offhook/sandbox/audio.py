"""The ear, mouth and fingers of a virtual phone in one call: RTP with G.711 µ-law and telephone events.

Independent of the platform's media worker, so that the two check each other. What is heard is laid out by RTP
timestamp, without a jitter buffer: a recording shows exactly what was sent. All phones share one 20 ms ticker.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable
from typing import cast

import numpy as np

from offhook.audio import g711, wav
from offhook.audio.g711 import Samples
from offhook.rtp import telephone_event
from offhook.rtp.packet import TIMESTAMP_MASK, Packet, PacketError, pack, unpack

TICK = 0.02
FRAME = 160
PCMU = 0
_KEY_FRAMES = 5
_KEY_PAUSE_FRAMES = 3
_LONGEST_SAMPLES = 600 * 8000
"""What a phone remembers of a call: ten minutes."""
_LOUD = 300
"""Samples louder than this are a sound: well above the noise of G.711, well below quiet speech."""
_PHRASE_GAP_TICKS = 25
"""A silence of half a second ends what was heard as one phrase: sentences of a prompt are closer together."""
_JUMP_SAMPLES = 10 * 8000
"""A timestamp further away than this from what came before begins a new stretch."""

Payload = tuple[int, bytes, bool, int]
"""What one packet holds: payload type, payload, marker, and samples by which its timestamp lies before now."""


class Ticker:
    """Calls every phone that is in a call, 50 times a second, on one schedule without drift."""

    def __init__(self) -> None:
        self._audios: set[PhoneAudio] = set()
        self._handle: asyncio.TimerHandle | None = None
        self._next = 0.0

    def add(self, audio: PhoneAudio) -> None:
        """Begin to tick a phone."""
        self._audios.add(audio)
        if self._handle is None:
            loop = asyncio.get_running_loop()
            self._next = loop.time() + TICK
            self._handle = loop.call_at(self._next, self._tick)

    def discard(self, audio: PhoneAudio) -> None:
        """Tick a phone no longer."""
        self._audios.discard(audio)

    def _tick(self) -> None:
        for audio in list(self._audios):
            audio.tick()
        if not self._audios:
            self._handle = None
            return
        loop = asyncio.get_running_loop()
        self._next = max(self._next + TICK, loop.time() - 5 * TICK)
        self._handle = loop.call_at(self._next, self._tick)


class PhoneAudio(asyncio.DatagramProtocol):
    """The audio of one call."""

    def __init__(self, ticker: Ticker, on_phrase: Callable[[], None]) -> None:
        self._ticker = ticker
        self._on_phrase = on_phrase
        self._transport: asyncio.DatagramTransport | None = None
        self._remote: tuple[str, int] | None = None
        self._dtmf_type: int | None = None
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._ssrc = secrets.randbits(32)
        self._speech: deque[bytes] = deque()
        self._pressed: deque[Payload | None] = deque()
        self._keys = telephone_event.KeyReader()
        self._heard = bytearray()
        self._base: int | None = None
        self._quiet_ticks: int | None = None
        self.phrases_heard = 0
        self.digits_heard = ""
        self.port = 0

    @classmethod
    async def open(cls, ticker: Ticker, host: str, on_phrase: Callable[[], None]) -> PhoneAudio:
        """Bind a free UDP port of `host`. Raises OSError.

        `on_phrase` is called whenever a phrase is over: a sound of any kind, then half a second of silence.
        """
        audio = cls(ticker, on_phrase)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: audio, local_addr=(host, 0))
        audio.port = transport.get_extra_info("sockname")[1]
        return audio

    def connect(self, host: str, port: int, dtmf_type: int | None) -> None:
        """Begin to send to the platform."""
        self._remote = (host, port)
        self._dtmf_type = dtmf_type
        self._ticker.add(self)

    def close(self) -> None:
        """The call is over, and with it what was being heard."""
        self._ticker.discard(self)
        if self._quiet_ticks is not None:
            self._phrase_over()
        if self._transport is not None:
            self._transport.close()

    def say(self, samples: Samples) -> None:
        """Play audio (8 kHz) after what is being played."""
        count = -(-len(samples) // FRAME)
        padded = np.zeros(count * FRAME, dtype=np.int16)
        padded[: len(samples)] = samples
        encoded = g711.ulaw_encode(padded).tobytes()
        for start in range(0, len(encoded), FRAME):
            self._speech.append(encoded[start : start + FRAME])

    @property
    def speaking(self) -> bool:
        """Whether audio is being played."""
        return bool(self._speech)

    def press(self, keys: str) -> None:
        """Press keys one after the other, over what is being played; nothing without telephone events."""
        if self._dtmf_type is None:
            return
        for key in keys:
            if key in "wW":
                self._pause(25 if key == "w" else 50)
                continue
            for index, (payload, marker) in enumerate(telephone_event.press(key, _KEY_FRAMES, FRAME)):
                self._pressed.append((self._dtmf_type, payload, marker, index * FRAME))
            self._pause(_KEY_PAUSE_FRAMES)

    def heard_wav(self) -> bytes:
        """All that was heard, as a WAV file."""
        return wav.write(np.frombuffer(bytes(self._heard), dtype="<i2").astype(np.int16))

    @property
    def heard_seconds(self) -> float:
        """How much was heard."""
        return len(self._heard) / 16000

    def tick(self) -> None:
        """Send one packet: a key, what is to be said, or silence. What is said goes on below a key, unheard."""
        if self._transport is None or self._remote is None:
            return
        self._listen()
        said = self._speech.popleft() if self._speech else _SILENCE
        key = self._pressed.popleft() if self._pressed else None
        payload_type, payload, marker, behind = key or (PCMU, said, False, 0)
        timestamp = (self._timestamp - behind) & TIMESTAMP_MASK
        packet = Packet(payload_type, marker, self._sequence, timestamp, self._ssrc, payload)
        self._transport.sendto(pack(packet), self._remote)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + FRAME) & TIMESTAMP_MASK

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        # uvloop's transport has the interface, not the type.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A packet came; what is not RTP is passed over."""
        with contextlib.suppress(PacketError):
            packet = unpack(data)
            if packet.payload_type == self._dtmf_type:
                self.digits_heard += self._keys.receive(packet) or ""
            elif packet.payload_type == PCMU:
                self._hear(packet)

    def error_received(self, exc: Exception) -> None:
        """The far end's port is closed: it has hung up."""

    def _hear(self, packet: Packet) -> None:
        if self._base is None:
            self._base = packet.timestamp
        position = _signed(packet.timestamp - self._base)
        end = len(self._heard) // 2
        if position < 0 or abs(position - end) > _JUMP_SAMPLES:
            self._base = (packet.timestamp - end) & TIMESTAMP_MASK
            position = end
        if position + len(packet.payload) > _LONGEST_SAMPLES:
            return
        decoded = g711.ulaw_decode(np.frombuffer(packet.payload, dtype=np.uint8))
        if len(decoded) and int(np.abs(decoded.astype(np.int32)).max()) > _LOUD:
            self._quiet_ticks = 0
        samples = decoded.astype("<i2").tobytes()
        if (gap := 2 * position - len(self._heard)) > 0:
            self._heard.extend(bytes(gap))
        self._heard[2 * position : 2 * position + len(samples)] = samples

    def _listen(self) -> None:
        """Tell when a phrase is over; called at each tick."""
        if self._quiet_ticks is None:
            return
        self._quiet_ticks += 1
        if self._quiet_ticks > _PHRASE_GAP_TICKS:
            self._phrase_over()

    def _phrase_over(self) -> None:
        self._quiet_ticks = None
        self.phrases_heard += 1
        self._on_phrase()

    def _pause(self, frames: int) -> None:
        """Let time pass between keys; what is said goes on."""
        self._pressed.extend([None] * frames)


_SILENCE = bytes([g711.ULAW_SILENCE]) * FRAME


def _signed(difference: int) -> int:
    """A difference of two 32-bit timestamps, with its sign."""
    difference &= TIMESTAMP_MASK
    return difference - (TIMESTAMP_MASK + 1) if difference > TIMESTAMP_MASK // 2 else difference
