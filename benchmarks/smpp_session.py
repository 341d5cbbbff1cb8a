"""How many texts a second the SMPP core carries on one bind, in one process and on one core.

    python benchmarks/smpp_session.py [MESSAGES]

An ESME's session and an SMSC's are wired together without sockets; each text is encoded, framed, decoded,
answered, and the answer is encoded, framed, decoded and matched with its request. The ratio compares that
with the least any implementation in Python would do: `struct` over header and strings of the same octets,
without session, checks or events.
"""

import struct
import sys
import time

from offhook.smpp import bodies as b
from offhook.smpp.events import Answered, BindRequested, Requested
from offhook.smpp.pdu import decode_body, encode
from offhook.smpp.session import Role, Session, SessionConfig

WINDOW = 500
RESPONSE = b.SubmitSmResp("0123456789abcdef")


def text(number: int) -> b.SubmitSm:
    """A text as the platform sends it."""
    return b.SubmitSm(
        "15105550100", str(15551230000 + number), b"Hello world.", 1, 1, 1, 1, registered_delivery=1
    )


def bound() -> tuple[Session, Session]:
    """An ESME and an SMSC that are bound."""
    esme, smsc = (Session(role, SessionConfig(window=WINDOW), 0.0) for role in (Role.ESME, Role.SMSC))
    esme.bind(b.BindTransceiver("me", "pw"), 0.0)
    smsc.receive(esme.data_to_send(), 0.0)
    (request,) = smsc.events()
    assert isinstance(request, BindRequested)
    smsc.accept_bind(request, "sink", 0.0)
    esme.receive(smsc.data_to_send(), 0.0)
    esme.events()
    return esme, smsc


def carry(messages: int) -> tuple[float, float]:
    """Seconds that the ESME's end and the SMSC's end take for so many texts."""
    esme, smsc = bound()
    esme_seconds = smsc_seconds = 0.0
    done = 0
    while done < messages:
        started = time.perf_counter()
        for number in range(esme.capacity(0.0)):
            esme.request(text(number), number, 0.0)
        up = esme.data_to_send()
        sent = time.perf_counter()
        smsc.receive(up, 0.0)
        for event in smsc.events():
            if isinstance(event, Requested):
                smsc.respond(event.sequence, RESPONSE)
        down = smsc.data_to_send()
        answered = time.perf_counter()
        esme.receive(down, 0.0)
        done += sum(isinstance(event, Answered) and event.status == 0 for event in esme.events())
        esme_seconds += time.perf_counter() - answered + sent - started
        smsc_seconds += answered - sent
    return esme_seconds, smsc_seconds


def floor(messages: int) -> float:
    """Seconds for packing and unpacking the same two PDUs with nothing around it."""
    submit, response = encode(text(0), 1)[16:], encode(RESPONSE, 1)[16:]
    header = struct.Struct(">IIII")
    started = time.perf_counter()
    for number in range(messages):
        data = header.pack(16 + len(submit), 4, 0, number) + submit
        length, *_ = header.unpack_from(data)
        [part.decode("latin-1") for part in data[16:length].split(b"\0", 8)]
        data = header.pack(16 + len(response), 0x80000004, 0, number) + response
        length, *_ = header.unpack_from(data)
        data[16 : length - 1].decode("latin-1")
    return time.perf_counter() - started


def codec(messages: int) -> float:
    """Seconds for encoding and decoding so many submit_sm."""
    started = time.perf_counter()
    for number in range(messages):
        decode_body(4, encode(text(number), number))
    return time.perf_counter() - started


def main() -> None:
    """Measure three times each, take the best, and print."""
    messages = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    esme, smsc = min((carry(messages) for _ in range(3)), key=sum)
    least = min(floor(messages) for _ in range(3))
    codec_seconds = min(codec(messages) for _ in range(3))
    print(f"submit_sm encoded and decoded: {messages / codec_seconds:,.0f}/s")
    print(f"our end of a bind (ESME):      {messages / esme:,.0f} texts/s")
    print(f"the other end (SMSC):          {messages / smsc:,.0f} texts/s")
    print(f"both ends on one core:         {messages / (esme + smsc):,.0f} texts/s")
    print(f"ratio to bare struct:          {(esme + smsc) / least:.1f}")


if __name__ == "__main__":
    main()
