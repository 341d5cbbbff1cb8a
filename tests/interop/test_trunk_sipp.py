"""A carrier (SIPp) at the trunk: calls in both directions, and what the API and the timeline say of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.harness.raw_sip import SDP as RAW_SDP
from tests.harness.raw_sip import RawPeer, tag_of
from tests.harness.sipp import (
    CALLER,
    Sipp,
    answered,
    ask,
    ask_back,
    ask_within,
    awaited,
    expect,
    free_port,
    hang_up,
    pause,
    proven,
    refused,
    reply,
    reply_within,
    require_sipp,
    sdp,
)
from tests.harness.stage import Stage
from tests.harness.waiting import HANGS
from tests.harness.webhook_app import WebhookApp

from offhook.testing import Platform

CALLED = "+15557770199"
#: Answers at once and waits; a `<Pause>` in its place would let the caller go on ringing.
USER, PASSWORD = "offhook", "known-to-both"
TALK = '<Gather timeout="20"/>'


@pytest.fixture(scope="module", params=["udp", "tcp"])
def trunk(request: pytest.FixtureRequest) -> Sipp:
    """The carrier, by either transport."""
    require_sipp()
    return Sipp(free_port(), request.param)


@pytest.fixture(scope="module")
def platform(trunk: Sipp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with this carrier."""
    folder: Path = tmp_path_factory.mktemp("trunk")
    uri = f"sip:{USER}:{PASSWORD}@127.0.0.1:{trunk.port};transport={trunk.transport}"
    with (folder / "log").open("wb") as log:
        running = Platform.start(folder / "data", arguments=["--trunk", uri], log=log)
    yield running
    running.stop()


@pytest.fixture
def stage(platform: Platform, webhook_app: WebhookApp) -> Stage:
    return Stage(platform, webhook_app)


def sip_lines(stage: Stage, sid: str) -> list[tuple[str, str]]:
    """The SIP messages of a timeline, those that came again left out: direction, and the method or the status."""
    entries = [entry for entry in stage.whole_timeline(sid) if entry["kind"] == "sip"]
    once = {(entry["detail"]["direction"], entry["detail"]["message"]): entry["name"] for entry in entries}
    return [(direction, name.split()[0]) for (direction, _), name in once.items()]


def ended(stage: Stage) -> Any:
    """The call of this stage, once its last status callback has come."""
    return stage.client.calls(stage.web.statuses()[-1].params["CallSid"]).fetch()


# Calls to the carrier


def test_the_carrier_answers(trunk: Sipp, stage: Stage) -> None:
    steps = [awaited("INVITE"), reply("180 Ringing"), reply("200 OK", body=sdp(), again=True), awaited("ACK")]
    with trunk.serve(*steps, awaited("BYE"), reply_within("200 OK")):
        sid = stage.call(CALLED, twiml='<Pause length="1"/>')
        statuses = [callback.params["CallStatus"] for callback in stage.web.statuses()]
    assert statuses == ["initiated", "ringing", "in-progress", "completed"]
    call = ended(stage)
    assert (call.to, call._from, call.direction) == (CALLED, stage.owned, "outbound-api")
    sent, received = "sent", "received"
    assert sip_lines(stage, sid) == [
        *((sent, "INVITE"), (received, "180"), (received, "200"), (sent, "ACK")),
        *((sent, "BYE"), (received, "200")),
    ]


def test_the_carrier_hangs_up(trunk: Sipp, stage: Stage) -> None:
    early = [awaited("INVITE", remember=True), reply("183 Session Progress", body=sdp()), pause(300)]
    answer = [reply("200 OK", body=sdp(), again=True), awaited("ACK"), pause(300)]
    with trunk.serve(*early, *answer, ask_back("BYE"), expect(200)):
        sid = stage.call(CALLED, twiml=TALK)
        assert stage.final_status() == "completed"
    lines = sip_lines(stage, sid)
    assert ("received", "183") in lines
    assert lines[-2:] == [("received", "BYE"), ("sent", "200")]


@pytest.mark.parametrize(
    ("response", "status", "rows"),
    [
        ("486 Busy Here", "busy", ()),
        ("603 Decline", "busy", ()),
        ("480 Temporarily Unavailable", "no-answer", ()),
        ("404 Not Found", "failed", ()),
        ("503 Service Unavailable", "failed", ()),
        ("302 Moved Temporarily", "failed", ()),
        ("401 Unauthorized", "failed", ('WWW-Authenticate: Basic realm="carrier"',)),
        (
            "407 Proxy Authentication Required",
            "failed",
            ('Proxy-Authenticate: Basic realm="carrier"',),
        ),
    ],
)
def test_the_carrier_refuses(
    trunk: Sipp, stage: Stage, response: str, status: str, rows: tuple[str, ...]
) -> None:
    with trunk.serve(awaited("INVITE"), reply(response, rows=rows, again=True), awaited("ACK")):
        sid = stage.call(CALLED, twiml=TALK)
        assert stage.final_status() == status
    assert ("received", response[:3]) in sip_lines(stage, sid)
    assert stage.web.statuses()[-1].params["SipResponseCode"] == response[:3]


def test_nobody_answers_in_time(trunk: Sipp, stage: Stage) -> None:
    steps = [awaited("INVITE"), reply("180 Ringing"), awaited("CANCEL"), reply_within("200 OK")]
    with trunk.serve(*steps, *late_487()):
        stage.call(CALLED, twiml=TALK, timeout=1)
        assert stage.final_status() == "no-answer"


def test_the_customer_cancels(trunk: Sipp, stage: Stage) -> None:
    steps = [awaited("INVITE"), reply("180 Ringing"), awaited("CANCEL"), reply_within("200 OK")]
    with trunk.serve(*steps, *late_487()):
        sid = stage.call(CALLED, twiml=TALK)
        stage.web.wait("status", 2)
        stage.client.calls(sid).update(status="canceled")
        assert stage.final_status() == "canceled"


def test_the_carrier_asks_who_we_are(trunk: Sipp, stage: Stage) -> None:
    rows = ('WWW-Authenticate: Digest realm="carrier", nonce="abc", qop="auth"',)
    challenge = reply("401 Unauthorized", rows=rows, again=True)
    asked = [awaited("INVITE"), challenge, awaited("ACK"), *proven("INVITE", USER, PASSWORD)]
    answer = [reply("200 OK", body=sdp(), again=True), awaited("ACK"), awaited("BYE"), reply_within("200 OK")]
    with trunk.serve(*asked, *answer):
        stage.call(CALLED, twiml='<Pause length="1"/>')
        assert stage.final_status() == "completed"


def test_a_sip_address_asks_who_we_are(trunk: Sipp, stage: Stage) -> None:
    rows = ('WWW-Authenticate: Digest realm="desk", nonce="abc"',)
    challenge = reply("401 Unauthorized", rows=rows, again=True)
    asked = [awaited("INVITE"), challenge, awaited("ACK"), *proven("INVITE", "desk", "secret of the desk")]
    answer = [reply("200 OK", body=sdp(), again=True), awaited("ACK"), awaited("BYE"), reply_within("200 OK")]
    address = f"sip:joe@127.0.0.1:{trunk.port};transport={trunk.transport}"
    account = {"sip_auth_username": "desk", "sip_auth_password": "secret of the desk"}
    with trunk.serve(*asked, *answer):
        stage.call(address, twiml='<Pause length="1"/>', **account)
        assert stage.final_status() == "completed"


def late_487() -> list[str]:
    """The INVITE's own end after its CANCEL."""
    invite = reply("487 Request Terminated", again=True).replace("[last_CSeq:]", "CSeq: 1 INVITE")
    return [invite, awaited("ACK")]


def test_the_carrier_knows_pcma_alone(trunk: Sipp, stage: Stage) -> None:
    steps = [awaited("INVITE"), reply("200 OK", body=sdp("8"), again=True), awaited("ACK")]
    with trunk.serve(*steps, awaited("BYE"), reply_within("200 OK")):
        stage.call(CALLED, twiml='<Pause length="1"/>')
        assert stage.final_status() == "completed"


BAD_SDP = 32102
"""The notification of a call whose offer and answer have come to nothing."""


@pytest.mark.parametrize(
    "body",
    [
        sdp("18"),
        sdp("0").replace("IP4 127.0.0.1", "IP6 ::1"),
        sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP4 224.2.1.1/127"),
        sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP4 no-such-host.invalid"),
        "",
    ],
    ids=["a codec nobody offered", "the other family", "multicast", "an unknown host", "nothing"],
)
def test_the_carrier_answers_with_what_cannot_be_used(trunk: Sipp, stage: Stage, body: str) -> None:
    steps = [awaited("INVITE"), reply("200 OK", body=body, again=True), awaited("ACK")]
    with trunk.serve(*steps, awaited("BYE"), reply_within("200 OK")):
        sid = stage.call(CALLED, twiml=TALK)
        assert stage.final_status() == "failed"
    assert any(entry["kind"] == "sdp" for entry in stage.whole_timeline(sid)) or not body
    assert BAD_SDP in stage.error_codes(sid)


def test_the_carrier_names_a_host(trunk: Sipp, stage: Stage) -> None:
    body = sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP4 localhost")
    steps = [awaited("INVITE"), reply("200 OK", body=body, again=True), awaited("ACK")]
    with trunk.serve(*steps, awaited("BYE"), reply_within("200 OK")):
        sid = stage.call(CALLED, twiml='<Pause length="1"/>')
        assert stage.final_status() == "completed"
    counters = next(entry for entry in stage.whole_timeline(sid) if entry["name"] == "counters")
    assert counters["detail"]["packets_sent"] > 0


# Calls from the carrier


def target(stage: Stage) -> str:
    return str(stage.platform.facts["sip"])


def test_a_call_from_the_carrier(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    trunk.call(target(stage), number, ask("INVITE", body=sdp()), *answered(), pause(300), *hang_up())
    assert stage.final_status() == "completed"
    asked = stage.web.wait("voice").params
    assert (asked["From"], asked["To"], asked["CallStatus"]) == (CALLER, number, "ringing")
    call = ended(stage)
    assert (call.direction, call.status, call._from) == ("inbound", "completed", CALLER)
    names = [name for _, name in sip_lines(stage, call.sid)]
    assert names == ["INVITE", "100", "180", "200", "ACK", "BYE", "200"]


def test_the_platform_hangs_up(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", "<Pause/>"))
    steps = [ask("INVITE", body=sdp("8")), *answered(), awaited("BYE"), reply_within("200 OK")]
    trunk.call(target(stage), number, *steps)
    assert stage.final_status() == "completed"


def test_the_caller_gives_up_before_the_answer(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(
        voice_url=stage.web.twiml("voice", '<Dial answerOnBridge="true">+15557770111</Dial>')
    )
    cancel = ask("CANCEL", branch="INVITE1")
    steps = [ask("INVITE", body=sdp()), expect(100, optional=True), expect(180), cancel, expect(200)]
    trunk.call(target(stage), number, *steps, *refused(487)[2:])
    assert stage.final_status() in ("canceled", "no-answer")


def test_hold_resume_and_a_late_offer_within_the_call(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    trunk.call(
        target(stage),
        number,
        ask("INVITE", body=sdp()),
        *answered(),
        ask_within("INVITE", cseq=2, body=sdp(direction="sendonly", version=2)),
        expect(100, optional=True),
        expect(200).replace("/>", f">{expects('a=recvonly')}</recv>"),
        ask_within("ACK", cseq=2, branch="ACK2"),
        ask_within("INVITE", cseq=3, body=sdp(version=3)),
        expect(100, optional=True),
        expect(200).replace("/>", f">{expects('a=sendrecv')}</recv>"),
        ask_within("ACK", cseq=3, branch="ACK3"),
        ask_within("INVITE", cseq=4),
        *answered(cseq=4, body=sdp("8 101", version=4)),
        *hang_up(5),
    )
    assert stage.final_status() == "completed"


def expects(line: str) -> str:
    """Fail the call unless the message has this."""
    found = f'<ereg regexp="{line}" search_in="msg" check_it="true" assign_to="9"/>'
    return f'<action>{found}<log message="[$9]"/></action>'


def test_the_offer_comes_late(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    trunk.call(target(stage), number, ask("INVITE"), *answered(body=sdp("0 101")), pause(200), *hang_up())
    assert stage.final_status() == "completed"


@pytest.mark.parametrize("body", ["", sdp("18")], ids=["nothing", "a codec nobody offered"])
def test_the_late_offer_gets_no_answer(trunk: Sipp, stage: Stage, body: str) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    steps = [ask("INVITE"), *answered(body=body), awaited("BYE"), reply_within("200 OK")]
    trunk.call(target(stage), number, *steps)
    assert stage.final_status() == "failed"
    assert BAD_SDP in stage.error_codes(ended(stage).sid)


def test_a_repeated_invite_is_one_call(trunk: Sipp, stage: Stage) -> None:
    if trunk.transport == "tcp":
        pytest.skip("nothing is repeated over TCP")
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    host, port = target(stage).split(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as carrier:
        carrier.bind(("127.0.0.1", trunk.port))
        carrier.settimeout(HANGS)
        peer = RawPeer(carrier, (host, int(port)))
        invite = peer.request("INVITE", f"sip:{number}@{host}:{port}", body=RAW_SDP)
        peer.send(invite, invite)
        first = peer.final()
        peer.send(invite)
        assert peer.final(again=True) == first
        peer.send(peer.request("ACK", f"sip:{number}@{host}:{port}", to_tag=tag_of(first)))
        peer.send(peer.request("BYE", f"sip:{number}@{host}:{port}", cseq=2, to_tag=tag_of(first)))
        assert stage.final_status() == "completed"
    assert len(stage.web.received("voice")) == 1
    assert len(stage.client.calls.list(to=number)) == 1


def test_no_codec_in_common(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    trunk.call(target(stage), number, ask("INVITE", body=sdp("18 4")), *refused(488))
    elsewhere = sdp("0").replace("c=IN IP4 127.0.0.1", "c=IN IP6 ::1")
    trunk.call(target(stage), number, ask("INVITE", body=elsewhere), *refused(488))
    assert stage.web.received("voice") == []


def test_a_number_the_platform_does_not_own(trunk: Sipp, stage: Stage) -> None:
    trunk.call(target(stage), "+15557770999", ask("INVITE", body=sdp()), *refused(404))
    trunk.call(target(stage), "nobody", ask("INVITE", body=sdp()), *refused(404))


def test_the_carrier_asks_whether_we_are_there(trunk: Sipp, stage: Stage) -> None:
    trunk.call(target(stage), "ping", ask("OPTIONS"), expect(200))


def test_the_same_call_from_another_port_is_challenged(trunk: Sipp, stage: Stage) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    stranger = Sipp(free_port(), trunk.transport)
    stranger.call(target(stage), number, ask("INVITE", body=sdp()), *refused(401))
    assert stage.web.received("voice") == []
