"""REFER both ways and what is told of it (RFC 3515, RFC 4488), and INVITEs that replace a dialog (RFC 3891)."""

from __future__ import annotations

import pytest
from tests.unit.sip.network import ANSWER, Host, Network
from tests.unit.sip.test_callee import Invited, Lone, Talking, invite
from tests.unit.sip.test_caller import Pair

from offhook.errors import LocalProtocolError, RemoteProtocolError
from offhook.sip.digest import Credentials
from offhook.sip.events import Ended, IncomingInvite, Notified, ReferAnswered, Referred
from offhook.sip.message import Request
from offhook.sip.parser import parse_message
from offhook.sip.referral import SUBSCRIPTION_SECONDS
from offhook.sip.replaces import Replaces, parse_replaces
from offhook.sip.sipfrag import read_status

REFER_TO = "Refer-To: <sip:carol@192.0.2.9>\r\n"


class Transfer(Pair):
    """Alice and Bob talk, and both take REFERs."""

    def __init__(self, network: Network | None = None) -> None:
        self.network = network or Network()
        self.alice = Host(self.network, "192.0.2.1", transfers=True)
        self.bob = Host(self.network, "192.0.2.2", transfers=True)
        self.leg, self.other = self.connect()

    def refer(self, refer_to: str = "sip:carol@192.0.2.9") -> Referred:
        """Alice refers Bob."""
        assert self.alice.endpoint.refer(self.leg, refer_to, self.network.now)
        self.network.run(0.1)
        return self.bob.told(Referred)[-1]

    def tell(self, status: int, reason: str) -> bool:
        told = self.bob.endpoint.notify_refer(self.other, status, reason, self.network.now)
        self.network.run(0.1)
        return told


def test_a_refer_is_accepted_and_told_of_until_it_is_over() -> None:
    pair = Transfer()
    event = pair.refer("sip:carol@192.0.2.9?X-Account=1")
    assert (event.leg, str(event.refer_to)) == (pair.other, "sip:carol@192.0.2.9?X-Account=1")
    assert (event.replaces, event.replaced) == (None, None)
    assert pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(0.1)
    assert pair.tell(180, "Ringing")
    assert pair.tell(200, "OK")
    assert not pair.tell(200, "OK"), "there is nobody to tell any more"
    assert pair.alice.told(ReferAnswered) == [ReferAnswered(pair.leg, 202, "Accepted")]
    assert pair.alice.told(Notified) == [
        Notified(pair.leg, 100, "Trying", over=False),
        Notified(pair.leg, 180, "Ringing", over=False),
        Notified(pair.leg, 200, "OK", over=True),
    ]
    pair.bob.endpoint.bye(pair.other, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(Ended) == [Ended(pair.leg, "remote")]
    assert pair.nothing_left()


def test_what_is_told_is_a_fragment_with_the_state_of_the_subscription() -> None:
    pair = Transfer()
    pair.refer()
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(10)
    pair.tell(486, "Busy Here")
    first, last = (
        message
        for message in map(parse_message, pair.network.sent)
        if isinstance(message, Request) and message.method == "NOTIFY"
    )
    assert (first.body, last.body) == (b"SIP/2.0 100 Trying\r\n", b"SIP/2.0 486 Busy Here\r\n")
    assert (first.get("Event"), first.content_type) == ("refer", "message/sipfrag")
    assert first.get("Subscription-State") == "active;expires=180"
    assert last.get("Subscription-State") == "terminated;reason=noresource"


def test_a_refused_refer_leaves_the_call_and_another_may_follow() -> None:
    pair = Transfer()
    pair.refer()
    assert pair.bob.endpoint.refuse_refer(pair.other, 603, pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(ReferAnswered) == [ReferAnswered(pair.leg, 603, "Decline")]
    pair.refer("sip:dave@192.0.2.9")
    assert pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(0.1)
    assert pair.tell(200, "OK")
    assert pair.alice.told(Notified)[-1] == Notified(pair.leg, 200, "OK", over=True)
    assert not pair.alice.told(Ended)


def test_the_second_subscription_of_a_dialog_has_an_id() -> None:
    pair = Transfer()
    for _ in range(2):
        pair.refer()
        pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
        pair.tell(404, "Not Found")
    requests = [message for message in map(parse_message, pair.network.sent) if isinstance(message, Request)]
    second = [message for message in requests if message.method == "REFER"][1]
    events = [message.get("Event") for message in requests if message.method == "NOTIFY"]
    assert events == ["refer", "refer", *[f"refer;id={second.cseq.number}"] * 2]
    assert [event.status for event in pair.alice.told(Notified)] == [100, 404, 100, 404]


def test_one_refer_at_a_time_each_way() -> None:
    pair = Transfer()
    pair.refer()
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.refer(pair.leg, "sip:dave@192.0.2.9", pair.network.now)
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(0.1)
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.refer(pair.leg, "sip:dave@192.0.2.9", pair.network.now)
    assert pair.bob.endpoint.refer(pair.other, "sip:dave@192.0.2.9", pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(Referred)[0].refer_to.user == "dave"


def test_a_subscription_ends_by_itself() -> None:
    pair = Transfer()
    pair.refer()
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(SUBSCRIPTION_SECONDS + 1)
    assert pair.alice.told(Notified)[-1].over
    assert not pair.tell(200, "OK")
    assert not pair.alice.told(Ended)


def test_a_refer_that_is_never_answered_gets_500() -> None:
    pair = Transfer()
    pair.refer()
    pair.network.run(40)
    assert "500 Server Internal Error" in pair.bob.sent()
    assert not pair.bob.endpoint.accept_refer(pair.other, pair.network.now)


def test_a_peer_that_does_not_listen_keeps_its_call() -> None:
    pair = Transfer(Network())
    pair.refer()
    pair.network.drops = lambda number, data: data.startswith(b"NOTIFY")
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(40)
    assert not pair.tell(200, "OK")
    assert not pair.bob.told(Ended)


def test_a_refer_that_nobody_hears_ends_the_call() -> None:
    pair = Transfer(Network())
    pair.network.drops = lambda number, data: data.startswith(b"REFER")
    pair.alice.endpoint.refer(pair.leg, "sip:carol@192.0.2.9", pair.network.now)
    pair.network.run(40)
    assert pair.alice.told(ReferAnswered) == [ReferAnswered(pair.leg, 408, "Request Timeout")]
    assert pair.alice.told(Ended) == [Ended(pair.leg, "timeout")]
    assert pair.nothing_left()


def test_hanging_up_answers_the_refer_that_waits() -> None:
    pair = Transfer()
    pair.refer()
    pair.bob.endpoint.bye(pair.other, pair.network.now)
    pair.network.run(0.1)
    assert "487 Request Terminated" in pair.bob.sent()
    assert pair.nothing_left()


def test_nothing_is_told_in_a_call_that_is_over() -> None:
    pair = Transfer()
    pair.refer()
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.run(0.1)
    pair.alice.endpoint.bye(pair.leg, pair.network.now)
    pair.network.run(0.1)
    assert not pair.tell(200, "OK")
    assert pair.nothing_left()


def test_without_transfers_there_is_no_refer() -> None:
    pair = Pair()
    leg, other = pair.connect()
    pair.alice.endpoint.refer(leg, "sip:carol@192.0.2.9", pair.network.now)
    pair.network.run(0.1)
    assert pair.alice.told(ReferAnswered) == [ReferAnswered(leg, 405, "Method Not Allowed")]
    assert not pair.bob.told(Referred)
    assert not pair.bob.endpoint.accept_refer(other, pair.network.now)


# Written by hand


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ("", 400),
        (REFER_TO * 2, 400),
        ("Refer-To: <sip:carol@192.0.2.9>, <sip:dave@192.0.2.9>\r\n", 400),
        ("Refer-To: carol\r\n", 400),
        ("Refer-To: \x01<sip:carol@192.0.2.9>\r\n", 400),
        ("Refer-To: <http://example.com/>\r\n", 416),
        ("Refer-To: <sip:carol@192.0.2.9;method=BYE>\r\n", 603),
        (f"Refer-To: <sip:{'c' * 1100}@192.0.2.9>\r\n", 400),
        ("Refer-To: <sip:carol@192.0.2.9?Replaces=x>\r\n", 400),
        ("Refer-To: <sip:c@192.0.2.9?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=y>\r\n", 400),
    ],
)
def test_a_refer_that_cannot_be_done_is_refused(rows: str, status: int) -> None:
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra=rows)
    assert [answer.status for answer in talking.answers("2 REFER")] == [status]
    assert not talking.bob.told(Referred)


def test_a_transfer_to_a_number_and_compact_names() -> None:
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra="r: <tel:+15105550100>\r\nb: <sip:alice@192.0.2.1>\r\n")
    (event,) = talking.bob.told(Referred)
    assert str(event.refer_to) == "tel:+15105550100"
    assert event.request.get("Referred-By") == "<sip:alice@192.0.2.1>"


def test_who_does_not_want_to_hear_is_told_nothing() -> None:
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra=REFER_TO + "Refer-Sub: false\r\nRequire: norefersub\r\n")
    assert talking.bob.endpoint.accept_refer(talking.leg, talking.network.now)
    talking.network.settle()
    (answer,) = talking.answers("2 REFER")
    assert (answer.status, answer.get("Refer-Sub")) == (202, "false")
    assert "NOTIFY" not in talking.requests()
    assert not talking.bob.endpoint.notify_refer(talking.leg, 200, "OK", talking.network.now)


def test_a_second_refer_while_the_first_is_told_of_waits() -> None:
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra=REFER_TO)
    talking.ask("REFER", 3, extra=REFER_TO)
    talking.bob.endpoint.accept_refer(talking.leg, talking.network.now)
    talking.ask("REFER", 4, extra=REFER_TO)
    assert [answer.status for answer in talking.answers("3 REFER")] == [491]
    assert [answer.status for answer in talking.answers("4 REFER")] == [491]
    assert len(talking.bob.told(Referred)) == 1


@pytest.mark.parametrize(
    ("rows", "body", "status"),
    [
        ("", b"", 489),
        ("Event: presence\r\n", b"", 489),
        ("Event: refer;id=77\r\n", b"", 481),
        ("Event: refer;id=\x00\r\n", b"", 400),
        ("Event: refer\r\nContent-Type: text/plain\r\n", b"SIP/2.0 200 OK\r\n", 415),
        ("Event: refer\r\nContent-Type: message/sipfrag\r\n", b"SIP/2.0 20x OK\r\n", 400),
        ("Event: refer\r\nContent-Type: message/sipfrag\r\n", b"\xff" * 900, 400),
    ],
)
def test_a_notify_that_cannot_be_read_is_refused(rows: str, body: bytes, status: int) -> None:
    talking = Talking(transfers=True)
    talking.bob.endpoint.refer(talking.leg, "sip:carol@192.0.2.9", talking.network.now)
    talking.ask("NOTIFY", 2, body, extra=rows)
    assert [answer.status for answer in talking.answers("2 NOTIFY")] == [status]
    assert not talking.bob.told(Notified)


def test_a_notify_before_the_202_and_one_after_the_end() -> None:
    talking = Talking(transfers=True)
    talking.bob.endpoint.refer(talking.leg, "sip:carol@192.0.2.9", talking.network.now)
    rows = "Event: refer\r\nSubscription-State: {}\r\nContent-Type: message/sipfrag;version=2.0\r\n"
    talking.ask("NOTIFY", 2, b"SIP/2.0 180 Ringing\r\n", extra=rows.format("active;expires=60"))
    talking.ask("NOTIFY", 3, b"SIP/2.0 200 OK\r\n", extra=rows.format("active;expires=60"))
    talking.ask("NOTIFY", 4, b"SIP/2.0 200 OK\r\n", extra=rows.format("terminated;reason=noresource"))
    talking.ask("NOTIFY", 5, b"SIP/2.0 200 OK\r\n", extra=rows.format("terminated;reason=noresource"))
    assert [(event.status, event.over) for event in talking.bob.told(Notified)] == [(180, False), (200, True)]
    assert [talking.answers(f"{cseq} NOTIFY")[0].status for cseq in (2, 3, 4, 5)] == [200, 200, 200, 481]


def test_a_notify_that_belongs_to_nothing_is_refused() -> None:
    talking = Talking(transfers=True)
    talking.ask("NOTIFY", 2, extra="Event: refer\r\nSubscription-State: active\r\n")
    assert [answer.status for answer in talking.answers("2 NOTIFY")] == [481]


REFRESH = "Event: refer\r\nExpires: {}\r\n"


def referred_by_hand() -> Talking:
    """Bob was referred, and tells of it."""
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra=REFER_TO)
    talking.bob.endpoint.accept_refer(talking.leg, talking.network.now)
    talking.network.settle()
    return talking


def notified(talking: Talking) -> list[Request]:
    """The NOTIFYs that Bob has sent, each once."""
    messages = map(parse_message, talking.network.sent)
    told = [one for one in messages if isinstance(one, Request) and one.method == "NOTIFY"]
    return list({one.cseq.number: one for one in told}.values())


def test_a_subscription_is_prolonged_and_told_of_at_once() -> None:
    talking = referred_by_hand()
    talking.ask("SUBSCRIBE", 3, extra=REFRESH.format(9999))
    (answer,) = talking.answers("3 SUBSCRIBE")
    assert (answer.status, answer.get("Expires")) == (200, "180")
    talking.ask("SUBSCRIBE", 4, extra="Event: refer;id=2\r\n")
    talking.ask("SUBSCRIBE", 5, extra=REFRESH.format(60))
    assert talking.answers("5 SUBSCRIBE")[0].get("Expires") == "60"
    told = notified(talking)
    assert [request.get("Subscription-State") for request in told] == [
        *["active;expires=180"] * 3,
        "active;expires=60",
    ]
    assert {request.body for request in told} == {b"SIP/2.0 100 Trying\r\n"}
    assert talking.bob.endpoint.notify_refer(talking.leg, 200, "OK", talking.network.now)


def test_a_subscription_is_ended_by_who_made_it() -> None:
    talking = referred_by_hand()
    talking.ask("SUBSCRIBE", 3, extra=REFRESH.format(0))
    assert notified(talking)[-1].get("Subscription-State") == "terminated;reason=timeout"
    assert not talking.bob.endpoint.notify_refer(talking.leg, 200, "OK", talking.network.now)
    talking.ask("SUBSCRIBE", 4, extra=REFRESH.format(60))
    assert talking.answers("4 SUBSCRIBE")[0].status == 481


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ("", 489),
        ("Event: presence\r\nExpires: 60\r\n", 489),
        ("Event: refer;id=77\r\n", 481),
        ("Event: refer;id=\x00\r\n", 400),
        ("Event: refer\r\nExpires: soon\r\n", 400),
        ("Event: refer\r\nExpires: -1\r\n", 400),
    ],
)
def test_a_subscribe_to_something_else_is_refused(rows: str, status: int) -> None:
    talking = referred_by_hand()
    talking.ask("SUBSCRIBE", 3, extra=rows)
    assert [answer.status for answer in talking.answers("3 SUBSCRIBE")] == [status]


@pytest.mark.parametrize("method", ["REFER", "NOTIFY", "SUBSCRIBE"])
def test_outside_of_a_dialog_neither_is_allowed(method: str) -> None:
    lone = Lone(transfers=True)
    lone.give(invite(body=b"", extra=REFER_TO).replace(b"INVITE", method.encode()))
    assert lone.statuses() == [405]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"SIP/2.0 200 OK", (200, "OK")),
        (b"SIP/2.0 180\r\n", (180, "")),
        (b"SIP/2.0 486 Busy Here\r\nTo: <sip:x@y>\r\n", (486, "Busy Here")),
        (b"SIP/2.0 700 What\r\n", None),
        (b"OK", None),
        (b"", None),
    ],
)
def test_status_lines(body: bytes, told: tuple[int, str] | None) -> None:
    assert read_status(body) == told


# Replaces


@pytest.mark.parametrize(
    ("text", "replaces"),
    [
        ("a@b;to-tag=1;from-tag=2", Replaces("a@b", "1", "2")),
        ("a@b ; from-tag=2 ; to-tag=1 ; early-only", Replaces("a@b", "1", "2", early_only=True)),
        ("a@b;to-tag=1;from-tag=0;x=y", Replaces("a@b", "1", "0")),
    ],
)
def test_replaces_is_read(text: str, replaces: Replaces) -> None:
    assert parse_replaces(text) == replaces


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@b",
        ";to-tag=1;from-tag=2",
        "a@b;to-tag=1",
        "a@b;to-tag=1;to-tag=2;from-tag=2",
        "a, b;to-tag=1;from-tag=2",
    ],
)
def test_replaces_that_cannot_be_read(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_replaces(text)


def replacing(talking: Talking, rows: str) -> bytes:
    """An INVITE of another call."""
    data = invite(extra=rows.format(tag=talking.tag), branch="z9hG4bKnew")
    return data.replace(b"Call-ID: c1", b"Call-ID: c2").replace(b"tag=a\r\n", b"tag=b\r\n", 1)


def test_an_invite_says_which_leg_it_is_to_replace() -> None:
    talking = Talking(transfers=True)
    talking.give(replacing(talking, "Replaces: c1;to-tag={tag};from-tag=a\r\nRequire: replaces\r\n"))
    assert talking.bob.told(IncomingInvite)[-1].replaces == talking.leg


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ("Replaces: c1;to-tag={tag};from-tag=other\r\n", 481),
        ("Replaces: c9;to-tag={tag};from-tag=a\r\n", 481),
        ("Replaces: c1;to-tag={tag};from-tag=a;early-only\r\n", 486),
        ("Replaces: c1;to-tag={tag}\r\n", 400),
        ("Replaces: c1;to-tag={tag};from-tag=a\r\n" * 2, 400),
    ],
)
def test_an_invite_that_replaces_nothing_is_refused(rows: str, status: int) -> None:
    talking = Talking(transfers=True)
    talking.give(replacing(talking, rows))
    assert talking.answers("1 INVITE")[-1].status == status
    assert len(talking.bob.told(IncomingInvite)) == 1


def test_a_dialog_that_ends_is_not_replaced() -> None:
    talking = Talking(transfers=True)
    talking.bob.endpoint.bye(talking.leg, talking.network.now)
    talking.give(replacing(talking, "Replaces: c1;to-tag={tag};from-tag=a\r\n"))
    assert talking.answers("1 INVITE")[-1].status == 603


def test_a_refer_names_the_leg_whose_place_is_to_be_taken() -> None:
    pair = Transfer()
    first = pair.leg
    second, bobs = pair.connect()
    dialog = pair.bob.endpoint._core.legs[bobs].confirmed_dialog
    value = f"{dialog.call_id}%3Bto-tag%3D{dialog.local_tag}%3Bfrom-tag%3D{dialog.remote_tag}"
    pair.alice.endpoint.refer(first, f"sip:bob@192.0.2.2?Replaces={value}", pair.network.now)
    pair.network.run(0.1)
    (event,) = pair.bob.told(Referred)
    assert (event.leg, event.replaced) == (pair.other, bobs)
    assert event.replaces == Replaces(dialog.call_id, dialog.local_tag, dialog.remote_tag)
    assert second != first


def test_a_refer_that_names_a_dialog_of_others() -> None:
    talking = Talking(transfers=True)
    talking.ask("REFER", 2, extra="Refer-To: <sip:c@192.0.2.9?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n")
    (event,) = talking.bob.told(Referred)
    assert (event.replaces, event.replaced) == (Replaces("x", "1", "2"), None)


# Challenges, and what waits


CHALLENGE = 'WWW-Authenticate: Digest realm="r", nonce="{}", algorithm=MD5\r\n'


def challenge(request: Request, nonce: str = "n") -> bytes:
    """A 401 to a request, as a server writes it."""
    rows = [(name, request.require(name)) for name in ("Via", "From", "To", "Call-ID", "CSeq")]
    text = "".join(f"{name}: {value}\r\n" for name, value in rows)
    return f"SIP/2.0 401 Unauthorized\r\n{text}{CHALLENGE.format(nonce)}Content-Length: 0\r\n\r\n".encode()


class Trunk(Lone):
    """A server that challenges: Bob has called it, and it has answered."""

    def __init__(self) -> None:
        super().__init__(transfers=True)
        self.leg = self.bob.call(self.peer, credentials=Credentials("bob", "secret"))
        (request,) = self.of("INVITE")
        rows = "".join(f"{name}: {request.require(name)}\r\n" for name in ("Via", "From", "Call-ID", "CSeq"))
        head = f"SIP/2.0 200 OK\r\n{rows}To: {request.require('To')};tag=t\r\nContact: <sip:us@192.0.2.1>\r\n"
        body = ANSWER.decode()
        self.give(
            f"{head}Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        self.request = request

    def of(self, method: str) -> list[Request]:
        sent = map(parse_message, self.network.sent)
        return [message for message in sent if isinstance(message, Request) and message.method == method]

    def ask(self, method: str, cseq: int, rows: str) -> None:
        head = (
            f"{method} sip:bob@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{method}{cseq}\r\n"
            f"From: {self.request.require('To')};tag=t\r\nTo: {self.request.require('From')}\r\n"
            f"Call-ID: {self.request.call_id}\r\nCSeq: {cseq} {method}\r\n{rows}Content-Length: 0\r\n\r\n"
        )
        self.give(head.encode())


def test_a_challenged_refer_is_sent_again_with_a_proof() -> None:
    trunk = Trunk()
    trunk.bob.endpoint.refer(trunk.leg, "sip:carol@192.0.2.9", trunk.network.now)
    trunk.network.settle()
    trunk.give(challenge(trunk.of("REFER")[0]))
    first, second = trunk.of("REFER")
    assert second.get("Authorization") is not None
    assert second.get("Refer-To") == first.get("Refer-To") == "<sip:carol@192.0.2.9>"
    assert first.get("Referred-By") == "<sip:alice@atlanta.example>"
    trunk.give(challenge(second))
    assert trunk.bob.told(ReferAnswered) == [ReferAnswered(trunk.leg, 401, "Unauthorized")]


def test_a_challenged_notify_is_sent_again_with_a_proof() -> None:
    trunk = Trunk()
    trunk.ask("REFER", 1, REFER_TO)
    trunk.bob.endpoint.accept_refer(trunk.leg, trunk.network.now)
    trunk.network.settle()
    trunk.give(challenge(trunk.of("NOTIFY")[0]))
    first, second = trunk.of("NOTIFY")
    assert second.get("Authorization") is not None
    assert (second.body, second.get("Subscription-State")) == (first.body, first.get("Subscription-State"))
    trunk.give(challenge(second))
    assert not trunk.bob.endpoint.notify_refer(trunk.leg, 200, "OK", trunk.network.now)
    assert not trunk.bob.told(Ended)


def test_a_far_end_that_tells_nothing_says_so() -> None:
    talking = Talking(transfers=True)
    talking.bob.endpoint.refer(talking.leg, "sip:carol@192.0.2.9", talking.network.now)
    talking.network.settle()
    sent = [message for message in map(parse_message, talking.network.sent) if isinstance(message, Request)]
    rows = "".join(
        f"{name}: {sent[-1].require(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")
    )
    talking.give(f"SIP/2.0 202 Accepted\r\n{rows}Refer-Sub: false\r\nContent-Length: 0\r\n\r\n".encode())
    assert talking.bob.told(ReferAnswered) == [ReferAnswered(talking.leg, 202, "Accepted")]
    assert talking.bob.told(Notified) == [Notified(talking.leg, None, "", over=True)]


def test_a_far_end_that_never_tells_is_waited_for_three_minutes() -> None:
    pair = Transfer()
    pair.refer()
    pair.bob.endpoint.accept_refer(pair.other, pair.network.now)
    pair.network.drops = lambda number, data: data.startswith(b"NOTIFY")
    pair.network.run(SUBSCRIPTION_SECONDS + 1)
    assert pair.alice.told(Notified) == [Notified(pair.leg, None, "", over=True)]
    assert not pair.alice.told(Ended)


def test_a_refer_waits_for_the_ack_of_the_answer() -> None:
    pair = Pair()
    leg, other = pair.ring()
    with pytest.raises(LocalProtocolError):
        pair.alice.endpoint.refer(leg, "sip:carol@192.0.2.9", pair.network.now)
    pair.bob.endpoint.answer(other, ANSWER, pair.network.now)
    assert pair.bob.endpoint.refer(other, "sip:carol@192.0.2.9", pair.network.now)
    pair.network.settle()
    assert not [line for line in pair.bob.sent() if line.startswith("REFER")]
    pair.network.run(0.1)
    assert [line for line in pair.bob.sent() if line.startswith("REFER")]


def test_an_answer_that_is_not_acknowledged_yet_may_be_replaced() -> None:
    invited = Invited(transfers=True)
    value = f"Replaces: c1;to-tag={invited.tag};from-tag=a\r\n"
    other = invite(extra=value, branch="z9hG4bKnew").replace(b"Call-ID: c1", b"Call-ID: c2")
    invited.give(other)
    assert invited.answers("1 INVITE")[-1].status == 481, "it rings"
    invited.answer()
    invited.give(other.replace(b"z9hG4bKnew", b"z9hG4bKagain").replace(b"Call-ID: c2", b"Call-ID: c3"))
    assert invited.bob.told(IncomingInvite)[-1].replaces == invited.leg


def test_a_refer_that_the_far_end_does_not_know_of_ends_the_call() -> None:
    pair = Transfer()
    pair.bob.endpoint._core.remove(pair.bob.endpoint._core.legs[pair.other], pair.network.now)
    pair.alice.endpoint.refer(pair.leg, "sip:carol@192.0.2.9", pair.network.now)
    pair.network.run(0.1)
    assert [event.status for event in pair.alice.told(ReferAnswered)] == [481]
    assert pair.alice.told(Ended) == [Ended(pair.leg, "remote")]
