"""Signalling throughput of `offhook.sip.endpoint`: `python -m benchmarks.sip_endpoint [CALLS]`.

One called endpoint takes INVITE, ACK and BYE of each call and answers 100, 180, 200 and 200, in memory: what a voice
node does for one inbound call, without sockets. The same datagrams are then only parsed and serialised; the ratio of
the two says what transactions, dialogs and timers cost over that, whatever the machine. Time passes for the endpoint as
if calls came at 1,000 a second, so that the transactions that linger for 32 s do linger.
"""

from __future__ import annotations

import sys
import time
from itertools import count

from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import IncomingInvite, SipMessageLog
from offhook.sip.flow import UDP, Address, Flow, Send
from offhook.sip.parser import parse_message

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
)
FLOW = Flow(UDP, Address("192.0.2.2", 5060), Address("192.0.2.1", 5060))
PACE = 0.001
TARGET = 2_000


def request(method: str, number: int, cseq: int, tag: str, body: bytes = b"") -> bytes:
    """One request of call `number`, as a trunk sends it."""
    to = f";tag={tag}" if tag else ""
    branch = f"z9hG4bK-{number}-{cseq}-{method}"
    typed = "Content-Type: application/sdp\r\n" if body else ""
    head = (
        f"{method} sip:+15550100100@192.0.2.2:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch={branch};rport\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:+15551230000@192.0.2.1>;tag=t{number}\r\n"
        f"To: <sip:+15550100100@192.0.2.2>{to}\r\n"
        f"Call-ID: call-{number}@192.0.2.1\r\n"
        f"CSeq: {cseq} {method}\r\n"
        "Contact: <sip:trunk@192.0.2.1:5060>\r\n"
        "User-Agent: benchmark\r\n"
        f"{typed}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def run_calls(calls: int) -> tuple[float, list[bytes]]:
    """Take `calls` calls. Returns the seconds spent in the endpoint, and every datagram that came in."""
    numbers = count()
    config = EndpointConfig(nonce_secret=b"benchmark", max_legs=calls, max_transaction_octets=2**30)
    endpoint = Endpoint(config, lambda: f"{next(numbers):016x}")
    received: list[bytes] = []
    spent, now = 0.0, 0.0
    for number in range(calls):
        now += PACE
        invite = request("INVITE", number, 1, "", SDP)
        began = time.perf_counter()
        endpoint.receive(invite, FLOW, now)
        leg = next(event.leg for event in endpoint.events() if isinstance(event, IncomingInvite))
        endpoint.provisional(leg, 180, now)
        endpoint.answer(leg, SDP, now)
        actions = endpoint.actions()
        logged = [event for event in endpoint.events() if isinstance(event, SipMessageLog)]
        spent += time.perf_counter() - began
        assert len(logged) == 2
        answer = actions[-1]
        assert isinstance(answer, Send)
        tag = answer.data.split(b"\r\nTo: ", 1)[1].split(b"tag=", 1)[1].split(b"\r\n", 1)[0].decode()
        ack, bye = request("ACK", number, 1, tag), request("BYE", number, 2, tag)
        began = time.perf_counter()
        endpoint.receive(ack, FLOW, now)
        endpoint.receive(bye, FLOW, now)
        endpoint.tick(now)
        endpoint.next_timer()
        endpoint.actions()
        endpoint.events()
        spent += time.perf_counter() - began
        received += [invite, ack, bye]
    assert not endpoint.bindings("nobody", now)
    return spent, received


def run_parser(datagrams: list[bytes]) -> float:
    """Parse each datagram and serialise the message again. Returns the seconds spent."""
    began = time.perf_counter()
    for data in datagrams:
        parse_message(data).encode()
    return time.perf_counter() - began


def main() -> None:
    """Print calls a second, and the ratio to the bare parser."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    run_calls(200)
    endpoint, datagrams = run_calls(calls)
    parser = run_parser(datagrams)
    print(f"endpoint: {calls / endpoint:,.0f} calls/s ({endpoint / calls * 1e6:,.0f} us a call)")
    print(f"parser:   {calls / parser:,.0f} calls/s of the same messages")
    print(f"ratio:    {endpoint / parser:.2f} times the bare parse and serialise loop")
    print(f"target:   {TARGET:,} calls/s, {calls / endpoint / TARGET:.2f} of it reached")


if __name__ == "__main__":
    main()
