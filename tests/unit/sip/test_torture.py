"""Each torture message of RFC 4475 gets the verdict that the RFC describes, from the parser and from the endpoint."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.unit.sip.network import tokens

from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.events import IncomingInvite, RegisterRequest
from offhook.sip.flow import TCP, UDP, Address, Close, Flow, Send
from offhook.sip.message import Request, Response
from offhook.sip.parser import BadMessageError, parse_message

DIRECTORY = Path(__file__).parent / "torture"
MANIFEST = list(csv.DictReader((DIRECTORY / "MANIFEST.tsv").read_text().splitlines(), delimiter="\t"))
FLOW = Flow(UDP, Address("192.0.2.200", 5060), Address("192.0.2.201", 5060))

#: What the endpoint answers: a status, "call" for an INVITE that reaches the application, None for silence.
ANSWERS: dict[str, int | str | None] = {
    "wsinv": 481,  # well formed, with the To tag of a dialog that is not here
    "intmeth": 501,
    "esc01": "call",
    "escnull": 200,
    "esc02": 501,
    "lwsdisp": 200,
    "longreq": "call",
    "dblreq": 200,
    "semiuri": 200,
    "transports": 200,
    "mpart01": 405,
    "unreason": None,
    "noreason": None,
    "badinv01": 400,
    "clerr": 400,
    "ncl": 400,
    "scalar02": 400,
    "scalarlg": None,
    "quotbal": 400,
    "ltgtruri": 400,
    "lwsruri": 400,
    "lwsstart": 400,
    "trws": 400,
    "escruri": "call",
    "baddate": "call",
    "regbadct": 400,
    "badaspec": 400,
    "baddn": 400,
    "badvers": 505,
    "mismatch01": 400,
    "mismatch02": 501,
    "bigcode": None,
    "badbranch": 200,
    "insuf": 400,
    "unkscm": 416,
    "novelsc": 416,
    "unksm2": 400,
    "bext01": 420,
    "invut": 415,
    "regaut01": 200,
    "multi01": 400,
    "mcl01": 400,
    "bcast": None,
    "zeromf": 200,
    "cparam01": 200,
    "cparam02": 200,
    "regescrt": 200,
    "sdp01": 406,
    "inv2543": "call",
    "test": None,
}


def read(name: str) -> bytes:
    return (DIRECTORY / f"{name}.dat").read_bytes()


@pytest.mark.parametrize("row", MANIFEST, ids=lambda row: row["file"])
def test_the_parser_accepts_and_rejects_as_the_manifest_says(row: dict[str, str]) -> None:
    data = (DIRECTORY / row["file"]).read_bytes()
    assert len(data) == int(row["bytes"])
    try:
        message = parse_message(data)
    except BadMessageError:
        assert row["parser"] != "accept"
    else:
        assert row["parser"] in ("accept", "may-reject") or row["file"] == "bcast.dat"
        assert isinstance(message, Request if row["kind"].startswith("request") else Response)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_endpoint_answers_as_the_rfc_asks(name: str) -> None:
    endpoint, sent, events = give(read(name))
    statuses = [int(data.split(b" ", 2)[1]) for data in sent]
    expected = ANSWERS[name]
    if expected == "call":
        assert [type(event) for event in events] == [IncomingInvite]
        assert statuses == [100]
    else:
        assert statuses == ([] if expected is None else [expected])
    assert endpoint.next_timer() is None or expected is not None


def give(data: bytes) -> tuple[Endpoint, list[bytes], list[object]]:
    """Give an endpoint with a registrar one datagram; REGISTER is accepted for its To."""
    config = EndpointConfig(nonce_secret=b"s", register_min_expires=1, log_messages=False)
    endpoint = Endpoint(config, tokens("t"))
    endpoint.receive(data, FLOW, 1.0)
    events: list[object] = list(endpoint.events())
    for event in events:
        if isinstance(event, RegisterRequest):
            endpoint.accept_register(event.request_id, event.request.to.uri.user_text, 1.0)
    return endpoint, [action.data for action in endpoint.actions() if isinstance(action, Send)], events


def answer_to(data: bytes) -> tuple[Endpoint, Response]:
    """The endpoint after one datagram, and its one answer."""
    endpoint, (sent,), _ = give(data)
    answer = parse_message(sent)
    assert isinstance(answer, Response)
    return endpoint, answer


def test_no_required_header_is_invented() -> None:
    _, answer = answer_to(read("insuf"))
    assert (answer.get("To"), answer.get("From"), answer.get("Call-ID")) == (None, None, None)


def test_unsupported_extensions_are_all_named() -> None:
    _, answer = answer_to(read("bext01"))
    assert answer.values("Unsupported") == ["nothingSupportsThis", "nothingSupportsThisEither"]


def test_an_unknown_method_is_told_what_is_allowed() -> None:
    _, answer = answer_to(read("mpart01"))
    assert "INVITE" in answer.values("Allow")


def test_an_unknown_body_is_told_what_is_accepted() -> None:
    _, answer = answer_to(read("invut"))
    assert answer.get("Accept") == "application/sdp"


def test_escapes_are_decoded_once() -> None:
    message = parse_message(read("esc01"))
    assert isinstance(message, Request)
    assert message.request_uri.user_text == "sips:user@example.com"
    assert message.to.uri.user_text == "user"


def test_nul_octets_do_not_cut_an_address() -> None:
    endpoint, answer = answer_to(read("escnull"))
    assert [binding.contact.user for binding in endpoint.bindings("null-\0-null", 2.0)] == ["%00", "%00%00"]
    assert len(answer.values("Contact")) == 2


def test_a_percent_sign_is_no_escape_in_a_header_name() -> None:
    assert len(parse_message(read("esc02")).values("Contact")) == 2


def test_semicolons_belong_to_the_user() -> None:
    message = parse_message(read("semiuri"))
    assert isinstance(message, Request)
    assert message.request_uri.user_text == "user;par=u@example.net"


def test_a_parameter_stays_where_it_was_written() -> None:
    endpoint, answer = answer_to(read("cparam01"))
    (binding,) = endpoint.bindings("watson", 2.0)
    assert binding.contact.parameters == ()
    endpoint, answer = answer_to(read("cparam02"))
    (binding,) = endpoint.bindings("watson", 2.0)
    assert binding.contact.parameters == (("unknownparam", None),)
    assert ";unknownparam>" in (answer.get("Contact") or "")


def test_an_escaped_route_is_kept_in_the_contact() -> None:
    endpoint, _ = answer_to(read("regescrt"))
    (binding,) = endpoint.bindings("user", 2.0)
    assert str(binding.contact) == "sip:user@example.com?Route=%3Csip:sip.example.com%3E"


def test_binary_bodies_pass_whole() -> None:
    message = parse_message(read("mpart01"))
    assert len(message.body) == 553


def test_octets_after_the_body_are_ignored() -> None:
    message = parse_message(read("dblreq"))
    assert (message.call_id[:6], message.body) == ("dblreq", b"")


def test_reasons_are_utf8_or_empty() -> None:
    unusual, empty = parse_message(read("unreason")), parse_message(read("noreason"))
    assert isinstance(unusual, Response)
    assert isinstance(empty, Response)
    assert unusual.reason.startswith("= 2**3 * 5**2 но сто")
    assert empty.reason == ""


def test_a_stream_waits_for_a_body_that_is_too_short_and_then_closes() -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), tokens("t"))
    flow = FLOW._replace(transport=TCP)
    endpoint.receive(read("clerr"), flow, 1.0)
    assert endpoint.actions() == []
    endpoint.tick(12.0)
    (close,) = endpoint.actions()
    assert close.flow == flow


@pytest.mark.parametrize("name", ["ncl", "mcl01"])
def test_a_stream_that_cannot_be_followed_is_closed(name: str) -> None:
    endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), tokens("t"))
    endpoint.receive(read(name), FLOW._replace(transport=TCP), 1.0)
    answer, close = endpoint.actions()
    assert isinstance(answer, Send)
    assert answer.data.startswith(b"SIP/2.0 400 ")
    assert isinstance(close, Close)
