"""A leg's RTCP: reports every few seconds with its source description, goodbyes, and what the peer reports of us."""

from __future__ import annotations

from typing import Final

from offhook.media.kernel import TickKernel
from offhook.media.leg import CLOCK_RATE, Leg
from offhook.rtp import rtcp

REPORT_SECONDS: Final = 5.0
MAX_DATAGRAM: Final = 1500


def report(leg: Leg, kernel: TickKernel, now: float, unix_time: float) -> bytes:
    """The compound packet that is due: a sender report if anything was sent since the last, else a receiver report."""
    identity, state = leg.identity, leg.rtcp_state
    blocks = _blocks(leg, now)
    _, timestamp = kernel.outgoing(leg.slot)
    first: rtcp.RtcpPacket
    if leg.packets_sent != state.packets_reported:
        ntp = rtcp.ntp_time(unix_time)
        first = rtcp.SenderReport(identity.ssrc, ntp, timestamp, leg.packets_sent, leg.bytes_sent, blocks)
    else:
        first = rtcp.ReceiverReport(identity.ssrc, blocks)
    state.packets_reported = leg.packets_sent
    return rtcp.pack((first, rtcp.SourceDescription(identity.ssrc, identity.cname)))


def goodbye(leg: Leg) -> bytes:
    """The compound packet with which a leg ends."""
    ssrc = leg.identity.ssrc
    description = rtcp.SourceDescription(ssrc, leg.identity.cname)
    return rtcp.pack((rtcp.ReceiverReport(ssrc), description, rtcp.Goodbye((ssrc,))))


def _blocks(leg: Leg, now: float) -> tuple[rtcp.ReportBlock, ...]:
    """What is to be said of the peer's stream, if there is one."""
    reception, state = leg.reception, leg.rtcp_state
    if reception is None:
        return ()
    block = rtcp.ReportBlock(
        ssrc=leg.remote_ssrc,
        fraction_lost=reception.fraction_lost(),
        lost=reception.expected - reception.received,
        highest_sequence=reception.highest,
        jitter=int(reception.jitter),
        last_sr=state.last_sr,
        delay_since_sr=int((now - state.last_sr_at) * 65536) if state.last_sr else 0,
    )
    return (block,)


def receive(leg: Leg, data: bytes, source_host: str, now: float, unix_time: float) -> None:
    """Take a datagram from the leg's RTCP port. What is malformed, or not of the peer's host, is dropped."""
    state = leg.rtcp_state
    if leg.transport.target is None or source_host != leg.transport.target[0]:
        return
    try:
        packets = rtcp.unpack(data)
    except rtcp.RtcpError:
        leg.discard()
        return
    for packet in packets:
        if isinstance(packet, rtcp.SenderReport):
            state.last_sr, state.last_sr_at = rtcp.middle(packet.ntp), now
        if isinstance(packet, rtcp.SenderReport | rtcp.ReceiverReport):
            for block in packet.reports:
                if block.ssrc == leg.identity.ssrc:
                    _learn(leg, block, unix_time)


def _learn(leg: Leg, block: rtcp.ReportBlock, unix_time: float) -> None:
    """Keep what the peer says of our stream."""
    state = leg.rtcp_state
    state.remote_lost = max(0, block.lost)
    state.remote_jitter_ms = round(block.jitter * 1000 / CLOCK_RATE, 3)
    seconds = rtcp.round_trip_seconds(rtcp.ntp_time(unix_time), block)
    if seconds is not None:
        state.rtt_ms = round(seconds * 1000, 3)
