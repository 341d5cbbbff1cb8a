"""The session as transcripts on a fake clock: both roles, their timers, and peers that misbehave."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.errors import LocalProtocolError
from offhook.smpp import bodies as b
from offhook.smpp.events import (
    Answered,
    BindRefused,
    BindRequested,
    Bound,
    Closed,
    Event,
    Outbound,
    Overdue,
    ProtocolViolation,
    Requested,
    Throttled,
    Unanswered,
)
from offhook.smpp.pdu import HEADER, encode, encode_bare
from offhook.smpp.session import Role, Session, SessionConfig, State
from offhook.smpp.vocabulary import RESPONSE, Command, Status, Tag

TEXT = b.SubmitSm("15551230000", "15551230001", b"Hello", tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\x01"),))


class Pair:
    """An ESME and an SMSC wired together, with one clock."""

    def __init__(self, config: SessionConfig | None = None) -> None:
        self.now = 100.0
        self.esme = Session(Role.ESME, config or SessionConfig(), self.now)
        self.smsc = Session(Role.SMSC, SessionConfig(), self.now)

    def exchange(self) -> None:
        """Carry octets until both are silent."""
        while True:
            up, down = self.esme.data_to_send(), self.smsc.data_to_send()
            if not up and not down:
                return
            if up:
                self.smsc.receive(up, self.now)
            if down:
                self.esme.receive(down, self.now)

    def bind(self, bind: b.Bind | None = None) -> "Pair":
        """Bind as a transceiver."""
        self.esme.bind(bind or b.BindTransceiver("me", "pw"), self.now)
        self.exchange()
        (request,) = self.smsc.events()
        assert isinstance(request, BindRequested)
        self.smsc.accept_bind(request, "sink", self.now)
        self.exchange()
        assert [*self.esme.events(), *self.smsc.events()] == [Bound("sink"), Bound("me")]
        return self


def header(data: bytes) -> tuple[int, int, int]:
    _, command, status, sequence = HEADER.unpack(data)
    return command, status, sequence


@pytest.mark.parametrize(
    ("bind", "state"),
    [
        (b.BindTransceiver("me", "pw"), State.BOUND_TRX),
        (b.BindTransmitter("me", "pw"), State.BOUND_TX),
        (b.BindReceiver("me", "pw"), State.BOUND_RX),
    ],
)
def test_the_three_binds(bind: b.Bind, state: State) -> None:
    pair = Pair().bind(bind)
    assert pair.esme.state is pair.smsc.state is state


def test_a_text_its_response_and_a_receipt() -> None:
    pair = Pair().bind()
    pair.esme.request(TEXT, "token", pair.now)
    pair.exchange()
    (taken,) = pair.smsc.events()
    assert isinstance(taken, Requested)
    assert taken.body == TEXT
    pair.smsc.respond(taken.sequence, b.SubmitSmResp("id-1"))
    pair.smsc.request(b.DeliverSm("1", "2", b"id:id-1 stat:DELIVRD"), None, pair.now)
    pair.exchange()
    answered, receipt = pair.esme.events()
    assert answered == Answered("token", 0, b.SubmitSmResp("id-1"))
    assert isinstance(receipt, Requested)
    pair.esme.respond(receipt.sequence, b.DeliverSmResp())
    pair.exchange()
    assert pair.smsc.events() == [Answered(None, 0, b.DeliverSmResp())]


def test_a_refused_bind_closes_both() -> None:
    pair = Pair()
    pair.esme.bind(b.BindTransceiver("me", "no"), pair.now)
    pair.exchange()
    (request,) = pair.smsc.events()
    assert isinstance(request, BindRequested)
    pair.smsc.refuse_bind(request, Status.RINVPASWD)
    pair.exchange()
    assert pair.esme.events()[0] == BindRefused(Status.RINVPASWD)
    assert pair.esme.state is pair.smsc.state is State.CLOSED


def test_outbind() -> None:
    pair = Pair()
    pair.smsc.outbind("centre", "pw")
    pair.exchange()
    assert pair.esme.events() == [Outbound("centre", "pw")]


def test_the_window_is_a_limit() -> None:
    pair = Pair(SessionConfig(window=2)).bind()
    assert pair.esme.capacity(pair.now) == 2
    for token in (1, 2):
        pair.esme.request(TEXT, token, pair.now)
    assert pair.esme.capacity(pair.now) == 0
    with pytest.raises(LocalProtocolError, match="window"):
        pair.esme.request(TEXT, 3, pair.now)


def test_a_body_that_does_not_fit_leaves_the_session_unharmed() -> None:
    pair = Pair().bind()
    with pytest.raises(LocalProtocolError):
        pair.esme.request(b.SubmitSm("1" * 30, "2"), None, pair.now)
    assert pair.esme.waiting == 0
    assert pair.esme.data_to_send() == b""


def test_an_older_peer_gets_no_optional_parameters() -> None:
    pair = Pair()
    pair.esme.bind(b.BindTransceiver("me", "pw"), pair.now)
    command, _, sequence = header(pair.esme.data_to_send()[:16])
    old = b.BindTransceiverResp("old", ((Tag.SC_INTERFACE_VERSION, b"\x33"),))
    pair.esme.receive(encode(old, sequence), pair.now)
    assert pair.esme.events() == [Bound("old")]
    pair.esme.request(TEXT, None, pair.now)
    assert b"\x02\x04\x00\x02\x00\x01" not in pair.esme.data_to_send()
    assert command == Command.BIND_TRANSCEIVER


def test_an_smsc_tells_its_version_only_to_those_who_know_it() -> None:
    for version, told in ((0x33, False), (0x34, True), (0x50, True)):
        pair = Pair()
        pair.smsc.receive(encode(b.BindTransceiver("me", "pw", "", version), 1), pair.now)
        (request,) = pair.smsc.events()
        assert isinstance(request, BindRequested)
        pair.smsc.accept_bind(request, "s", pair.now)
        assert (b"\x02\x10\x00\x01\x34" in pair.smsc.data_to_send()) is told


def test_busy_peers_are_left_alone_for_longer_each_time() -> None:
    pair = Pair().bind()
    pauses = []
    for _ in range(4):
        sequence = pair.esme.request(TEXT, "t", pair.now)
        pair.esme.data_to_send()
        pair.esme.receive(encode_bare(b.SubmitSmResp.command, sequence, Status.RTHROTTLED), pair.now)
        assert pair.esme.events() == [Throttled("t", Status.RTHROTTLED)]
        assert pair.esme.capacity(pair.now) == 0
        opens = pair.esme.next_timer(pair.now)
        assert opens is not None
        pauses.append(opens - pair.now)
        pair.now = opens
        while not pair.esme.capacity(pair.now):
            pair.now = pair.esme.next_timer(pair.now) or 0.0
    assert pauses == pytest.approx([0.05, 0.1, 0.2, 0.4])


def test_a_configured_rate_spreads_requests() -> None:
    pair = Pair(SessionConfig(rate=10)).bind()
    sent = 0
    for _ in range(100):
        for _ in range(pair.esme.capacity(pair.now)):
            pair.esme.request(TEXT, None, pair.now)
            sent += 1
            pair.exchange()
            for event in pair.smsc.events():
                assert isinstance(event, Requested)
                pair.smsc.respond(event.sequence, b.SubmitSmResp("x"))
            pair.exchange()
        pair.now += 0.02
    assert sent == pytest.approx(20, abs=2)


def test_a_response_that_does_not_come() -> None:
    pair = Pair(SessionConfig(response=5)).bind()
    pair.esme.request(TEXT, "lost", pair.now)
    assert pair.esme.next_timer(pair.now) == pair.now + 5
    pair.esme.tick(pair.now + 4.9)
    assert pair.esme.events() == []
    pair.esme.tick(pair.now + 5)
    assert pair.esme.events() == [Overdue("lost")]
    assert (pair.esme.waiting, pair.esme.capacity(pair.now + 5)) == (0, 100)
    pair.esme.receive(encode(b.SubmitSmResp("late"), 2), pair.now + 60)
    assert pair.esme.events() == [Answered("lost", 0, b.SubmitSmResp("late"))]
    pair.esme.receive(encode(b.SubmitSmResp("again"), 2), pair.now + 61)
    assert pair.esme.events() == []


def test_whoever_the_pace_held_back_is_woken_though_it_opens_before_the_timer_is_asked_for() -> None:
    pair = Pair().bind()
    sequence = pair.esme.request(TEXT, "t", pair.now)
    pair.esme.receive(encode_bare(b.SubmitSmResp.command, sequence, Status.RTHROTTLED), pair.now)
    assert pair.esme.events() == [Throttled("t", Status.RTHROTTLED)]
    assert pair.esme.capacity(pair.now) == 0
    later = pair.now + 0.06
    timer = pair.esme.next_timer(later)
    assert timer is not None
    assert timer <= later
    pair.esme.tick(later)
    # Told once: whoever has nothing to send is not woken again and again.
    timer = pair.esme.next_timer(later)
    assert timer is not None
    assert timer > later
    assert pair.esme.capacity(later) > 0


def test_an_unfinished_pdu_ends_the_session_though_octets_come() -> None:
    pair = Pair(SessionConfig(assembly=10)).bind()
    data = HEADER.pack(60_000, Command.DELIVER_SM, 0, 1) + bytes(60)
    pair.esme.receive(data, pair.now)
    for second in range(1, 10):
        pair.esme.receive(b"x", pair.now + second)
        pair.esme.tick(pair.now + second)
    assert pair.esme.state is State.BOUND_TRX
    assert pair.esme.next_timer(pair.now + 9) == pair.now + 10
    pair.esme.tick(pair.now + 10)
    assert pair.esme.events() == [Closed("a PDU did not become whole in time")]


def test_pdus_that_become_whole_one_after_the_other_do_not_end_it() -> None:
    pair = Pair(SessionConfig(assembly=10)).bind()
    link = encode_bare(Command.ENQUIRE_LINK, 1)
    pair.esme.receive(link[:7], pair.now)
    for second in range(1, 40):
        pair.esme.receive(link[7:] + link[:7], pair.now + second)
        pair.esme.tick(pair.now + second)
    assert pair.esme.state is State.BOUND_TRX


def test_an_idle_link_is_asked_and_a_dead_one_closed() -> None:
    pair = Pair(SessionConfig(enquire_link=30, response=10)).bind()
    pair.now += 30
    pair.esme.tick(pair.now)
    asked = pair.esme.data_to_send()
    assert header(asked)[0] == Command.ENQUIRE_LINK
    pair.smsc.receive(asked, pair.now)
    pair.esme.receive(pair.smsc.data_to_send(), pair.now)
    pair.now += 30
    pair.esme.tick(pair.now)
    assert header(pair.esme.data_to_send())[0] == Command.ENQUIRE_LINK
    pair.esme.tick(pair.now + 10)
    assert pair.esme.events() == [Closed("the peer does not respond")]
    assert pair.esme.next_timer(pair.now) is None


def test_inactivity_and_a_bind_that_never_comes() -> None:
    silent = Session(Role.SMSC, SessionConfig(session_init=5), 0.0)
    assert silent.next_timer(0.0) == 5.0
    silent.tick(5.0)
    assert silent.events() == [Closed("no bind was made in time")]
    pair = Pair(SessionConfig(inactivity=20)).bind()
    pair.esme.tick(pair.now + 20)
    assert pair.esme.events() == [Closed("the peer was silent for too long")]


def test_unbind_from_either_side() -> None:
    for first, second in (("esme", "smsc"), ("smsc", "esme")):
        pair = Pair().bind()
        getattr(pair, first).unbind(pair.now)
        pair.exchange()
        assert getattr(pair, first).events() == [Closed("unbound")]
        assert getattr(pair, second).events() == [Closed("the peer unbound")]


def test_a_lost_connection_tells_what_was_not_answered() -> None:
    pair = Pair().bind()
    pair.esme.request(TEXT, "a", pair.now)
    pair.esme.connection_lost()
    assert pair.esme.events() == [Unanswered("a"), Closed("the connection was lost")]
    assert pair.esme.data_to_send() == b""


def bound_smsc(bind: b.Bind | None = None) -> Session:
    return Pair().bind(bind).smsc


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (encode_bare(0x42, 9), (Command.GENERIC_NACK, Status.RINVCMDID, 9)),
        (
            encode_bare(Command.SUBMIT_SM, 9),
            (RESPONSE | Command.SUBMIT_SM, Status.RINVCMDLEN, 9),
        ),
        (
            encode(b.SubmitSm("1", "2", b"abc"), 9)[:-1],
            (RESPONSE | Command.SUBMIT_SM, Status.RINVMSGLEN, 9),
        ),
        (
            encode(b.DeliverSm("1", "2", b"abc"), 9),
            (RESPONSE | Command.DELIVER_SM, Status.RINVBNDSTS, 9),
        ),
        (
            encode(b.BindTransceiver("me", "pw"), 9),
            (RESPONSE | Command.BIND_TRANSCEIVER, Status.RALYBND, 9),
        ),
        (encode(b.Outbind("me", "pw"), 9), (Command.GENERIC_NACK, Status.RINVBNDSTS, 9)),
    ],
)
def test_what_is_malformed_or_out_of_place_is_refused_and_the_session_lives(
    sent: bytes, answer: tuple[int, int, int]
) -> None:
    smsc = bound_smsc()
    smsc.receive(len(sent).to_bytes(4, "big") + sent[4:], 101.0)
    assert header(smsc.data_to_send()) == answer
    (violation,) = smsc.events()
    assert isinstance(violation, ProtocolViolation)
    smsc.receive(encode_bare(Command.ENQUIRE_LINK, 10), 101.0)
    assert header(smsc.data_to_send()) == (RESPONSE | Command.ENQUIRE_LINK, 0, 10)


def test_requests_before_the_bind_and_in_the_wrong_direction() -> None:
    unbound = Session(Role.SMSC, SessionConfig(), 0.0)
    unbound.receive(encode(TEXT, 3), 0.0)
    assert header(unbound.data_to_send()) == (RESPONSE | Command.SUBMIT_SM, Status.RINVBNDSTS, 3)
    receiver = bound_smsc(b.BindReceiver("me", "pw"))
    receiver.receive(encode(TEXT, 3), 101.0)
    assert header(receiver.data_to_send()) == (RESPONSE | Command.SUBMIT_SM, Status.RINVBNDSTS, 3)
    with pytest.raises(LocalProtocolError):
        bound_smsc(b.BindTransmitter("me", "pw")).request(b.DeliverSm("1", "2"), None, 101.0)


def test_a_stream_that_cannot_be_framed_is_closed() -> None:
    smsc = bound_smsc()
    smsc.receive(encode(TEXT, 3) + b"\0\0\0\x05" + bytes(12), 101.0)
    assert header(smsc.data_to_send()) == (Command.GENERIC_NACK, Status.RINVCMDLEN, 0)
    events = smsc.events()
    assert [type(event) for event in events] == [Requested, ProtocolViolation, Closed]


def test_responses_to_nothing_are_passed_over_and_a_nack_answers() -> None:
    pair = Pair().bind()
    pair.esme.receive(encode(b.SubmitSmResp("x"), 999) + encode_bare(0x80000042, 1), pair.now)
    assert (pair.esme.events(), pair.esme.data_to_send()) == ([], b"")
    sequence = pair.esme.request(TEXT, "t", pair.now)
    pair.esme.receive(encode_bare(Command.GENERIC_NACK, sequence, Status.RINVCMDID), pair.now)
    assert pair.esme.events() == [Answered("t", Status.RINVCMDID, None)]


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (b"abc", "abc"),
        (b"abc\0\0\0", "abc"),
        (b"abc\0\x04\x24\xff\xff", "abc"),
        (b"x" * 65 + b"\0", "x" * 65),
        (b"x" * 70, "x" * 70),
        (b"x" * 999, "x" * 255),
        (b"\xff\0", "\xff"),
        (b"", ""),
    ],
)
def test_the_header_of_a_response_decides_whatever_its_body_is(body: bytes, message_id: str) -> None:
    pair = Pair().bind()
    sequence = pair.esme.request(TEXT, "t", pair.now)
    pdu = HEADER.pack(16 + len(body), b.SubmitSmResp.command, 0, sequence) + body
    pair.esme.receive(pdu, pair.now)
    *violations, answered = pair.esme.events()
    assert answered == Answered("t", 0, b.SubmitSmResp(message_id))
    assert all(isinstance(event, ProtocolViolation) for event in violations)


@pytest.mark.parametrize(("body", "peer"), [(b"", ""), (b"sink", "sink"), (b"x" * 40 + b"\0", "x" * 40)])
def test_a_bind_is_accepted_by_the_header_of_its_response(body: bytes, peer: str) -> None:
    pair = Pair()
    pair.esme.bind(b.BindTransceiver("me", "pw"), pair.now)
    pdu = HEADER.pack(16 + len(body), b.BindTransceiverResp.command, 0, 1) + body
    pair.esme.receive(pdu, pair.now)
    assert pair.esme.events()[-1] == Bound(peer)
    assert pair.esme.state is State.BOUND_TRX


@given(st.lists(st.binary(max_size=80), max_size=10), st.booleans())
def test_no_octets_raise(chunks: Sequence[bytes], framed: bool) -> None:
    for session in (bound_smsc(), Pair().bind().esme):
        for chunk in chunks:
            data = (len(chunk) + 4).to_bytes(4, "big") + chunk if framed else chunk
            session.receive(data, 101.0)
            session.tick(101.0)
            events: Sequence[Event] = session.events()
            assert all(isinstance(event, Event) for event in events)
