"""The session as transcripts on a fake clock: both roles, what they may ask, and peers that are odd."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.smpp.pair import TEXT, Pair, bound_smsc, header

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
)
from offhook.smpp.pdu import HEADER, encode, encode_bare
from offhook.smpp.session import MOST_OVERDUE, Role, Session, SessionConfig, State
from offhook.smpp.vocabulary import RESPONSE, Command, Status, Tag


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


def test_commands_that_the_state_or_the_role_forbids_are_defects() -> None:
    pair = Pair().bind()
    with pytest.raises(LocalProtocolError, match="cannot bind"):
        pair.esme.bind(b.BindTransceiver("me", "pw"), pair.now)
    with pytest.raises(LocalProtocolError, match="cannot bind"):
        Session(Role.SMSC, SessionConfig(), 0.0).bind(b.BindTransceiver("me", "pw"), 0.0)
    with pytest.raises(LocalProtocolError, match="no bind to accept"):
        pair.smsc.accept_bind(BindRequested(1, b.BindTransceiver("me", "pw")), "sink", pair.now)
    for session in (pair.smsc, Session(Role.ESME, SessionConfig(), 0.0)):
        with pytest.raises(LocalProtocolError, match="cannot outbind"):
            session.outbind("centre", "pw")


def test_an_alert_is_told_and_has_no_response() -> None:
    pair = Pair().bind()
    alert = b.AlertNotification(1, 1, "15551230001", 1, 1, "15551230000")
    pair.smsc.request(alert, None, pair.now)
    assert pair.smsc.waiting == 0
    pair.exchange()
    (told,) = pair.esme.events()
    assert isinstance(told, Requested)
    assert told.body == alert
    pair.smsc.tick(pair.now + 31)
    assert not [event for event in pair.smsc.events() if isinstance(event, Overdue)]


def test_operations_beside_texts_are_told_to_the_owner() -> None:
    pair = Pair().bind()
    query = b.QuerySm("id-1", 1, 1, "15551230000")
    pair.esme.request(query, "query", pair.now)
    pair.exchange()
    (asked,) = pair.smsc.events()
    assert isinstance(asked, Requested)
    assert asked.body == query
    state = b.QuerySmResp("id-1", "261123220000000+", 2, 0)
    pair.smsc.respond(asked.sequence, state)
    pair.exchange()
    assert pair.esme.events() == [Answered("query", 0, state)]


def test_of_very_many_overdue_requests_the_oldest_are_forgotten() -> None:
    pair = Pair(SessionConfig(window=MOST_OVERDUE + 1, response=5)).bind()
    sequences = [pair.esme.request(TEXT, token, pair.now) for token in range(MOST_OVERDUE + 1)]
    pair.esme.tick(pair.now + 5)
    assert pair.esme.events() == [Overdue(token) for token in range(MOST_OVERDUE + 1)]
    for sequence in sequences[:2]:
        pair.esme.receive(encode(b.SubmitSmResp("late"), sequence), pair.now + 6)
    assert pair.esme.events() == [Answered(1, 0, b.SubmitSmResp("late"))]


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
