"""REGISTER, through an endpoint."""

from __future__ import annotations

import dataclasses
import re

import pytest
from tests.unit.sip.network import tokens

from offhook.sip.config import EndpointConfig
from offhook.sip.digest import Credentials, Password, authorization, choose_challenge
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import RegisterRequest
from offhook.sip.flow import TCP, UDP, Address, Flow, Send
from offhook.sip.message import Response
from offhook.sip.parser import parse_message
from offhook.sip.uri import parse_uri

FLOW = Flow(UDP, Address("192.0.2.1", 5060), Address("203.0.113.9", 40000))


class Phone:
    """Writes REGISTERs to a registrar and reads its answers."""

    def __init__(self, **settings: object) -> None:
        config = EndpointConfig(nonce_secret=b"s", **settings)  # type: ignore[arg-type]
        self.endpoint = Endpoint(config, tokens("t"))
        self.cseq = self.sent = 0
        self.asked: RegisterRequest | None = None

    def send(
        self,
        *contacts: str,
        extra: str = "",
        call_id: str = "c",
        now: float = 1.0,
        flow: Flow = FLOW,
        cseq: int | None = None,
    ) -> Response | None:
        """Send one; returns an answer that came without the application."""
        self.sent += 1
        self.cseq = self.cseq + 1 if cseq is None else cseq
        rows = "".join(f"Contact: {contact}\r\n" for contact in contacts)
        data = (
            "REGISTER sip:example.com SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK{self.sent}\r\n"
            "From: <sip:alice@example.com>;tag=1\r\nTo: <sip:alice@example.com>\r\n"
            f"Call-ID: {call_id}\r\nCSeq: {self.cseq} REGISTER\r\n{rows}{extra}Content-Length: 0\r\n\r\n"
        )
        self.endpoint.receive(data.encode(), flow, now)
        asked = [event for event in self.endpoint.events() if isinstance(event, RegisterRequest)]
        self.asked = asked[0] if asked else None
        return self.answer()

    def answer(self) -> Response | None:
        actions = [action for action in self.endpoint.actions() if isinstance(action, Send)]
        if not actions:
            return None
        message = parse_message(actions[-1].data)
        assert isinstance(message, Response)
        return message

    def register(
        self,
        *contacts: str,
        aor: str = "alice",
        extra: str = "",
        call_id: str = "c",
        now: float = 1.0,
        flow: Flow = FLOW,
        cseq: int | None = None,
    ) -> Response:
        """Send one that is accepted."""
        answer = self.send(*contacts, extra=extra, call_id=call_id, now=now, flow=flow, cseq=cseq)
        if self.asked is not None:
            self.endpoint.accept_register(self.asked.request_id, aor, now)
            answer = self.answer()
        assert answer is not None
        return answer

    def reached(self, now: float = 1.0) -> list[str]:
        return [str(binding.contact) for binding in self.endpoint.bindings("alice", now)]


def test_bindings_are_listed_by_preference_and_run_out() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5>;q=0.2;expires=600")
    answer = phone.register("<sip:alice@10.0.0.6>;q=0.9", extra="Expires: 100\r\n", now=2.0)
    assert answer.status == 200
    assert answer.values("Contact") == [
        "<sip:alice@10.0.0.6>;expires=100",
        "<sip:alice@10.0.0.5>;expires=599",
    ]
    assert phone.reached(2.0) == ["sip:alice@10.0.0.6", "sip:alice@10.0.0.5"]
    assert phone.reached(150.0) == ["sip:alice@10.0.0.5"]
    assert phone.reached(700.0) == []
    assert phone.endpoint.bindings("alice", 2.0)[0].flow == FLOW


def test_expiry_has_a_default_and_bounds() -> None:
    phone = Phone()
    brief = phone.register("<sip:alice@10.0.0.5>;expires=5")
    assert (brief.status, brief.get("Min-Expires")) == (423, "60")
    assert phone.register("<sip:alice@10.0.0.5>").get("Contact") == "<sip:alice@10.0.0.5>;expires=3600"
    assert (
        phone.register("<sip:alice@10.0.0.5>;expires=99999").get("Contact")
        == "<sip:alice@10.0.0.5>;expires=7200"
    )


def test_one_contact_or_all_are_removed() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5>, <sip:alice@10.0.0.6>", "<sip:alice@10.0.0.7>")
    phone.register("<sip:alice@10.0.0.6>;expires=0")
    assert len(phone.reached()) == 2
    assert phone.register("*", extra="Expires: 0\r\n").get("Contact") is None
    assert phone.reached() == []


def test_a_wildcard_that_means_nothing_is_refused() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5>")
    assert phone.register("*").status == 400
    assert phone.register("*", "<sip:alice@10.0.0.6>", extra="Expires: 0\r\n").status == 400
    assert len(phone.reached()) == 1


def test_a_query_changes_nothing() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5>")
    assert phone.register().get("Contact") == "<sip:alice@10.0.0.5>;expires=3600"


def test_an_older_request_does_not_undo_a_newer() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5>", cseq=7)
    for late in (6, 7):
        assert phone.register("<sip:alice@10.0.0.5>;expires=0", cseq=late).status == 500
        assert phone.register("*", extra="Expires: 0\r\n", cseq=late).status == 500
    assert phone.reached() == ["sip:alice@10.0.0.5"]
    # A phone that has been started again counts from the beginning, under another Call-ID.
    assert phone.register("<sip:alice@10.0.0.5>;expires=0", cseq=1, call_id="again").status == 200
    assert phone.reached() == []


def test_limits() -> None:
    phone = Phone(max_bindings=2)
    for number in range(2):
        assert phone.register(f"<sip:alice@10.0.0.{number + 1}>").status == 200
    assert phone.register("<sip:alice@10.0.0.9>").status == 503
    assert len(phone.reached()) == 2
    assert phone.register("<mailto:alice@example.com>").status == 400


def test_all_that_run_out_make_room_for_others() -> None:
    phone = Phone(max_aors=1)
    phone.register("<sip:alice@10.0.0.5>;expires=100")
    full = phone.register("<sip:bob@10.0.0.6>", aor="bob")
    assert (full.status, full.get("Retry-After")) == (503, "60")
    assert phone.register("<sip:alice@10.0.0.5>;expires=100", now=2.0).status == 200
    assert phone.register("<sip:bob@10.0.0.6>", aor="bob", now=102.0).status == 200
    assert phone.reached(102.0) == []


@pytest.mark.parametrize(
    ("written", "q"), [("0.5", 0.5), ("2", 1.0), ("-1", 0.0), ("loud", 1.0), ("nan", 0.0)]
)
def test_a_preference_is_a_number_from_0_to_1(written: str, q: float) -> None:
    phone = Phone()
    phone.register(f"<sip:alice@10.0.0.5>;q={written}")
    assert [binding.q for binding in phone.endpoint.bindings("alice", 1.0)] == [q]


def test_a_challenge_is_answered() -> None:
    phone = Phone(digest_algorithms=("MD5", "SHA-256"))
    phone.send("<sip:alice@10.0.0.5>")
    assert phone.asked is not None
    phone.endpoint.challenge(phone.asked.request_id, 1.0, realm="sip.example")
    refused = phone.answer()
    assert refused is not None
    assert refused.status == 401
    assert [re.findall("algorithm=([^,]+)", row)[0] for row in refused.get_all("WWW-Authenticate")] == [
        "MD5",
        "SHA-256",
    ]
    challenge = choose_challenge(refused.get_all("WWW-Authenticate"))
    assert challenge is not None
    value = authorization(challenge, Credentials("alice", "pw"), "REGISTER", "sip:example.com", "c", 1)
    phone.send("<sip:alice@10.0.0.5>", extra=f"Authorization: {value}\r\n")
    asked = phone.asked
    lookup = {"alice": Password("pw")}.get
    assert phone.endpoint.verify(asked.request, lookup, 2.0, realm="sip.example") == "alice"
    assert phone.endpoint.verify(asked.request, lookup, 2.0, realm="sip.example") is None
    phone.endpoint.accept_register(asked.request_id, "alice", 2.0)
    assert phone.reached() == ["sip:alice@10.0.0.5"]


def test_an_old_nonce_is_called_stale() -> None:
    phone = Phone()
    challenge = 'Digest realm="offhook", nonce="from before the restart", qop="auth"'
    parsed = choose_challenge([challenge])
    assert parsed is not None
    value = authorization(parsed, Credentials("alice", "pw"), "REGISTER", "sip:example.com", "c", 7)
    phone.send("<sip:alice@10.0.0.5>", extra=f"Authorization: {value}\r\n")
    assert phone.asked is not None
    assert phone.endpoint.verify(phone.asked.request, {"alice": Password("pw")}.get, 1.0) is None
    phone.endpoint.challenge(phone.asked.request_id, 1.0)
    answer = phone.answer()
    assert answer is not None
    assert "stale=true" in (answer.get("WWW-Authenticate") or "")


def test_nobody_waits_for_ever() -> None:
    phone = Phone()
    phone.send("<sip:alice@10.0.0.5>")
    assert phone.asked is not None
    phone.endpoint.tick(40.0)
    answer = phone.answer()
    assert answer is not None
    assert answer.status == 500
    assert phone.endpoint.accept_register(phone.asked.request_id, "alice", 41.0) is False


def test_without_a_registrar_it_is_not_allowed() -> None:
    answer = Phone(registrar=False).send("<sip:alice@10.0.0.5>")
    assert answer is not None
    assert answer.status == 405
    assert "REGISTER" not in (answer.get("Allow") or "")


def test_the_newest_binding_comes_first() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5:5060>;expires=7200", call_id="desk", now=1.0)
    phone.register("<sip:alice@10.0.0.6:5060>;expires=300", call_id="mobile", now=2.0)
    phone.register("<sip:alice@10.0.0.7:5060>;q=0.5", call_id="spare", now=3.0)
    hosts = [binding.contact.host for binding in phone.endpoint.bindings("alice", 4.0)]
    assert hosts == ["10.0.0.6", "10.0.0.5", "10.0.0.7"]
    phone.register("<sip:alice@10.0.0.5:5060>;expires=7200", call_id="desk", now=5.0)
    assert phone.endpoint.bindings("alice", 6.0)[0].contact.host == "10.0.0.5"


def test_the_bindings_of_a_closed_connection_go() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5:5060>", call_id="desk")
    registrar = phone.endpoint._registrar
    (kept,) = phone.endpoint.bindings("alice", 1.0)
    stream = Flow(TCP, FLOW.local, Address("203.0.113.9", 40001))
    for host in ("10.0.0.8", "10.0.0.9"):
        contact = parse_uri(f"sip:alice@{host}")
        registrar.restore("alice", dataclasses.replace(kept, contact=contact, flow=stream))
    assert len(phone.endpoint.bindings("alice", 1.0)) == 3
    phone.endpoint.flow_closed(stream, 2.0)
    assert phone.endpoint.bindings("alice", 2.0) == [kept]
    assert not registrar._on_stream


def test_a_connection_may_carry_several_who_come_and_go() -> None:
    phone = Phone()
    stream = Flow(TCP, FLOW.local, Address("203.0.113.9", 40001))
    for aor in ("alice", "bob"):
        phone.register(f"<sip:{aor}@10.0.0.5>", aor=aor, call_id=aor, flow=stream)
    phone.register("<sip:bob@10.0.0.5>;expires=0", aor="bob", call_id="bob", flow=stream)
    assert phone.reached() == ["sip:alice@10.0.0.5"]
    phone.endpoint.flow_closed(stream, 2.0)
    assert phone.reached(2.0) == []


def test_what_is_no_digest_for_us_proves_nothing() -> None:
    phone = Phone()
    rows = ["Basic YWxpY2U6cHc=", "Digest username=", 'Digest realm="elsewhere", username="alice"']
    phone.send("<sip:alice@10.0.0.5>", extra="".join(f"Authorization: {row}\r\n" for row in rows))
    assert phone.asked is not None
    request = phone.asked.request
    assert phone.endpoint.authorization_username(request) is None
    assert phone.endpoint.verify(request, {"alice": Password("pw")}.get, 1.0) is None
    assert phone.endpoint.authorization_username(request, realm="elsewhere") == "alice"


def test_a_restored_binding_is_replaced_by_the_phones_own() -> None:
    phone = Phone()
    phone.register("<sip:alice@10.0.0.5:5060>;expires=600")
    (binding,) = phone.endpoint.bindings("alice", 1.0)
    again = Phone()
    again.endpoint.restore_binding("alice", dataclasses.replace(binding, expires_at=100.0))
    assert [item.flow for item in again.endpoint.bindings("alice", 1.0)] == [FLOW]
    assert again.endpoint.bindings("alice", 101.0) == []
    answer = again.register("<sip:alice@10.0.0.5:5060>;expires=600", call_id="after", now=2.0)
    assert answer.get_all("Contact") == ["<sip:alice@10.0.0.5:5060>;expires=600"]
    again.endpoint.restore_binding("alice", dataclasses.replace(binding, expires_at=100.0))
    assert again.endpoint.bindings("alice", 101.0)
