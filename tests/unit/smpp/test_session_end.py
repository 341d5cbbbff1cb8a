"""How a session ends: unbound, silent, lost, or left by a peer in the middle of something."""

import pytest
from tests.unit.smpp.pair import TEXT, Pair, bound_smsc, header

from offhook.smpp import bodies as b
from offhook.smpp.events import BindRequested, Closed, Requested, Unanswered
from offhook.smpp.pdu import HEADER, encode, encode_bare
from offhook.smpp.session import Role, Session, SessionConfig, State
from offhook.smpp.vocabulary import Command, Status


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


@pytest.mark.parametrize(
    "answer", [(b.UnbindResp.command, Status.RSYSERR), (Command.GENERIC_NACK, Status.RINVCMDID)]
)
def test_an_unbind_ends_the_session_however_it_is_answered(answer: tuple[int, int]) -> None:
    pair = Pair(SessionConfig(enquire_link=30, response=10)).bind()
    pair.esme.tick(pair.now + 30)
    _, _, asked = header(pair.esme.data_to_send())
    pair.esme.unbind(pair.now + 31)
    _, _, sequence = header(pair.esme.data_to_send())
    pair.esme.receive(encode_bare(b.EnquireLinkResp.command, asked), pair.now + 32)
    assert pair.esme.state is State.UNBINDING
    assert pair.esme.next_timer(pair.now + 32) == pair.now + 41
    command, status = answer
    pair.esme.receive(encode_bare(command, sequence, status), pair.now + 33)
    assert pair.esme.events() == [Closed("unbound")]


def test_an_unbind_that_is_not_answered_ends_the_session_too() -> None:
    pair = Pair(SessionConfig(response=10)).bind()
    pair.esme.unbind(pair.now)
    pair.esme.tick(pair.now + 10)
    assert pair.esme.events() == [Closed("the peer does not respond")]


def test_unbinding_what_is_not_bound_closes_it() -> None:
    for session in (Session(Role.ESME, SessionConfig(), 0.0), Session(Role.SMSC, SessionConfig(), 0.0)):
        session.unbind(0.0)
        assert session.events() == [Closed("closed before it was bound")]
        assert session.data_to_send() == b""
        session.unbind(1.0)
        assert session.events() == []


@pytest.mark.parametrize("rest", [b"\0\0\0\x05" + bytes(12), encode(TEXT, 4), encode_bare(Command.UNBIND, 4)])
def test_what_comes_after_the_end_is_not_read(rest: bytes) -> None:
    for together in (True, False):
        smsc = bound_smsc()
        unbind = encode_bare(Command.UNBIND, 3)
        for data in (unbind + rest,) if together else (unbind, rest):
            smsc.receive(data, 101.0)
        assert header(smsc.data_to_send()) == (b.UnbindResp.command, 0, 3)
        assert smsc.events() == [Closed("the peer unbound")]


def test_a_peer_that_has_gone_before_its_bind_is_answered_stays_away() -> None:
    for status in (None, Status.RINVPASWD):
        smsc = Session(Role.SMSC, SessionConfig(), 0.0)
        smsc.receive(encode(b.BindTransceiver("me", "pw"), 1) + encode_bare(Command.UNBIND, 2), 0.0)
        request, closed = smsc.events()
        assert isinstance(request, BindRequested)
        assert closed == Closed("the peer unbound")
        assert header(smsc.data_to_send()) == (b.UnbindResp.command, 0, 2)
        if status is None:
            smsc.accept_bind(request, "sink", 0.0)
        else:
            smsc.refuse_bind(request, status)
        assert (smsc.events(), smsc.data_to_send(), smsc.state) == ([], b"", State.CLOSED)


def test_a_request_that_is_answered_after_the_end_is_answered_no_more() -> None:
    pair = Pair().bind()
    pair.esme.request(TEXT, None, pair.now)
    pair.exchange()
    (taken,) = pair.smsc.events()
    assert isinstance(taken, Requested)
    pair.smsc.connection_lost()
    pair.smsc.respond(taken.sequence, b.SubmitSmResp("late"))
    assert pair.smsc.data_to_send() == b""


def test_a_silent_peer_has_no_longer_because_it_was_asked() -> None:
    """The link is asked at 10 s, and the answer may take longer than the peer may be silent."""
    pair = Pair(SessionConfig(enquire_link=10, response=60, inactivity=20)).bind()
    pair.esme.tick(pair.now + 10)
    assert header(pair.esme.data_to_send())[0] == Command.ENQUIRE_LINK
    assert pair.esme.next_timer(pair.now + 10) == pair.now + 20
    pair.esme.tick(pair.now + 20)
    assert pair.esme.events() == [Closed("the peer was silent for too long")]


def test_a_lost_connection_tells_what_was_not_answered() -> None:
    pair = Pair().bind()
    pair.esme.request(TEXT, "a", pair.now)
    pair.esme.connection_lost()
    assert pair.esme.events() == [Unanswered("a"), Closed("the connection was lost")]
    assert pair.esme.data_to_send() == b""
