"""The ear, mouth and fingers of a virtual phone, tick by tick."""

from __future__ import annotations

import numpy as np

from offhook.audio import g711
from offhook.rtp.packet import Packet, pack, unpack
from offhook.sandbox.audio import FRAME, PhoneAudio, Ticker

DTMF = 101
REMOTE = ("127.0.0.1", 4000)


class Still(Ticker):
    """Does not tick: the test does."""

    def add(self, audio: PhoneAudio) -> None:
        """Leave it alone."""


class Sent:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []

    def sendto(self, data: bytes, _: tuple[str, int]) -> None:
        """Keep a packet."""
        self.packets.append(unpack(data))

    def close(self) -> None:
        """Nothing to free."""


class Phone:
    """A phone's audio in a call, and what it sent and told."""

    def __init__(self) -> None:
        self.phrases = 0
        self.sent = Sent()
        self.audio = PhoneAudio(Still(), self._count)
        self.audio.connection_made(self.sent)  # type: ignore[arg-type]
        self.audio.connect(*REMOTE, DTMF)

    def _count(self) -> None:
        self.phrases += 1

    def tick(self, count: int) -> list[Packet]:
        """What it sends in so many ticks."""
        before = len(self.sent.packets)
        for _ in range(count):
            self.audio.tick()
        return self.sent.packets[before:]

    def hear(self, loudness: int, frames: int, start: int = 0) -> None:
        """Have it hear a sound, a tick a frame."""
        payload = g711.ulaw_encode(np.full(FRAME, loudness, np.int16)).tobytes()
        for at in range(start, start + frames):
            packet = Packet(0, False, at, at * FRAME, 1, payload)
            self.audio.datagram_received(pack(packet), REMOTE)
            self.tick(1)


def loud(packets: list[Packet]) -> list[bool]:
    """Which packets of audio are not silence."""
    return [
        bool(np.abs(g711.ulaw_decode(np.frombuffer(each.payload, np.uint8))).max() > 1000) for each in packets
    ]


def test_keys_are_pressed_while_it_speaks() -> None:
    phone = Phone()
    phone.audio.say(np.full(50 * FRAME, 8000, np.int16))
    phone.tick(5)
    phone.audio.press("1w2")
    packets = phone.tick(45)
    keys = [packet.payload_type == DTMF for packet in packets]
    assert keys[0] and keys.count(True) == 14
    assert all(loud([packet for packet in packets if packet.payload_type == 0]))
    assert not phone.audio.speaking


def test_a_phrase_ends_with_half_a_second_of_silence() -> None:
    phone = Phone()
    phone.hear(8000, 10)
    phone.tick(20)
    phone.hear(8000, 10, start=30)
    assert phone.phrases == 0
    phone.hear(0, 26, start=40)
    assert (phone.phrases, phone.audio.phrases_heard) == (1, 1)
    phone.tick(100)
    assert phone.phrases == 1


def test_noise_is_no_phrase_and_the_end_of_a_call_ends_one() -> None:
    phone = Phone()
    phone.hear(50, 10)
    phone.tick(50)
    assert phone.phrases == 0
    phone.hear(8000, 3, start=60)
    phone.audio.close()
    assert phone.phrases == 1
