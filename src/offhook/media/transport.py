"""A leg's socket for RTP: where its packets go, and whose packets it takes (`offhook.rtp.latch`).

While the address that SDP named is heard, the socket is connected to it: the kernel then passes over everybody
else, and sends faster. When that address falls silent everyone is listened to again, since its NAT may have bound
it to another port.
"""

from __future__ import annotations

import contextlib
import ctypes
import socket
import time
from collections.abc import Callable
from typing import Final

from offhook.rtp import packet as rtp
from offhook.rtp.latch import SILENT_SECONDS, Address, Latch, Stream, Verdict
from offhook.sdp.address import is_unspecified

MAX_DRAINED: Final = 1000

_libc = ctypes.CDLL(None, use_errno=True)


class Transport:
    """The socket of one leg. Plain attributes, since it is touched for every packet.

    recv: reads a packet of the peer into a buffer, its length; raises OSError when there is none. send: sends one
    to the peer. target: where to, None while it is not known. discarded: packets of others.
    """

    __slots__ = (
        "_connected",
        "_latch",
        "_on_latched",
        "_on_packet",
        "_socket",
        "_stream",
        "discarded",
        "recv",
        "send",
        "target",
    )

    def __init__(
        self,
        bound: socket.socket,
        on_packet: Callable[[rtp.Packet, float], None],
        on_latched: Callable[[Address], None],
        stream: Callable[[], Stream | None],
    ) -> None:
        """on_packet: takes packets that were judged one by one. on_latched: told of each new source, before its
        first packet. stream: what was heard of the source so far.
        """
        self._socket = bound
        self._on_packet = on_packet
        self._on_latched = on_latched
        self._stream = stream
        self._latch: Latch | None = None
        self._connected = False
        self.recv: Callable[[memoryview], int] = self._recv_from_anyone
        self.send: Callable[[bytes | memoryview], int] = self._send_nowhere
        self.target: Address | None = None
        self.discarded = 0

    @property
    def latched(self) -> bool:
        """Whether it is known where the peer's packets come from."""
        return self._latch is not None and self._latch.source is not None

    def name(self, address: Address) -> None:
        """SDP names the peer's address: send there, and learn again where its packets come from."""
        self._latch = Latch(address)
        self._listen_to_anyone()
        self._aim(address)

    def guard(self, last_heard: float, now: float) -> None:
        """Called a few times a second: listen to the named address alone while it is heard."""
        latch = self._latch
        if latch is None or latch.source != latch.named:
            return
        silent = now - last_heard >= SILENT_SECONDS
        if silent and self._connected:
            self._listen_to_anyone()
            self._aim(latch.named)
        elif not silent and not self._connected:
            self._listen_to(latch.named)

    def _aim(self, target: Address) -> None:
        """Send to this address from now on; to nobody when it is the one that means hold."""
        if is_unspecified(target[0]):
            self.target = None
            self.send = self._send_nowhere
            return
        self.target = target
        sendto = self._socket.sendto
        self.send = lambda data: sendto(data, target)

    def _listen_to(self, source: Address) -> None:
        try:
            self._socket.connect(source)
        except OSError:
            return
        self._connected = True
        self._drain(source)
        self.recv = self._socket.recv_into
        self.send = self._socket.send

    def _listen_to_anyone(self) -> None:
        if self._connected:
            _disconnect(self._socket)
        self._connected = False
        self.recv = self._recv_from_anyone

    def _drain(self, peer: Address) -> None:
        """Take what had been queued before the socket was connected, leaving out what others sent."""
        now = time.monotonic()
        with contextlib.suppress(OSError):
            for _ in range(MAX_DRAINED):
                data, source = self._socket.recvfrom(rtp.MAX_PACKET_BYTES)
                if source[:2] != peer:
                    self.discarded += 1
                    continue
                with contextlib.suppress(rtp.PacketError):
                    self._on_packet(rtp.unpack(data), now)

    def _recv_from_anyone(self, buffer: memoryview) -> int:
        """Read a packet of the peer's. Another's is judged here, and there is nothing to take then."""
        count, source = self._socket.recvfrom_into(buffer)
        latch = self._latch
        if latch is not None and latch.source == source[:2]:
            return count
        self._judge(buffer[:count], source[:2])
        raise BlockingIOError

    def _judge(self, data: memoryview, source: Address) -> None:
        """Believe the source of a packet, or discard it."""
        latch = self._latch
        if latch is None or rtp.kind_of(data) is not rtp.Kind.RTP:
            self.discarded += 1
            return
        try:
            packet = rtp.unpack(data)
        except rtp.PacketError:
            self.discarded += 1
            return
        now = time.monotonic()
        if latch.receive(source, packet.ssrc, packet.sequence, now, self._stream()) is Verdict.REJECT:
            self.discarded += 1
            return
        self._listen_to_anyone()
        self._aim(source)
        self._on_latched(source)
        self._on_packet(packet, now)

    def _send_nowhere(self, data: bytes | memoryview) -> int:
        return 0


class _Unspecified(ctypes.Structure):
    """A sockaddr of AF_UNSPEC: connecting a datagram socket to it ends its connection (connect(2))."""

    _fields_ = (("family", ctypes.c_ushort), ("data", ctypes.c_char * 26))


def _disconnect(connected: socket.socket) -> None:
    """Let a socket hear everyone again, at the same port."""
    nowhere = _Unspecified(socket.AF_UNSPEC)
    with contextlib.suppress(OSError):
        _libc.connect(connected.fileno(), ctypes.byref(nowhere), ctypes.sizeof(nowhere))
