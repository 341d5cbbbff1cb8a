"""Two trunks (SIPp): calls from any of their ports, by either transport, and calls that the first one cannot take.

Also what a peer nobody wrote well may put into its addresses, and the places where one user's phones are registered.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from tests.harness.raw_sip import SDP, RawPeer, answer_to, status_of, tag_of
from tests.harness.sipp import (
    Sipp,
    answered,
    ask,
    awaited,
    free_port,
    hang_up,
    pause,
    refused,
    reply,
    reply_within,
    require_sipp,
    sdp,
)
from tests.harness.stage import Stage
from tests.harness.waiting import HANGS
from tests.harness.webhook_app import WebhookApp

from offhook.supervisor.process import descendants
from offhook.testing import Platform

CALLED = "+15557770199"
TALK = '<Gather timeout="20"/>'


@pytest.fixture(scope="module")
def trunks() -> tuple[Sipp, Sipp]:
    """The carrier over UDP, and the spare one over TCP."""
    require_sipp()
    return Sipp(free_port(), "udp"), Sipp(free_port(), "tcp")


@pytest.fixture(scope="module")
def platform(trunks: tuple[Sipp, Sipp], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder: Path = tmp_path_factory.mktemp("trunks")
    first = f"sip:127.0.0.1:{trunks[0].port};name=carrier;priority=1;from=127.0.0.1"
    second = f"sip:127.0.0.1:{trunks[1].port};name=spare;priority=2;transport=tcp"
    with (folder / "log").open("wb") as log:
        running = Platform.start(folder / "data", arguments=["--trunk", second, "--trunk", first], log=log)
    yield running
    running.stop()
    assert b"Traceback" not in (folder / "log").read_bytes()


@pytest.fixture
def stage(platform: Platform, webhook_app: WebhookApp) -> Stage:
    return Stage(platform, webhook_app)


def notes(stage: Stage, sid: str, name: str) -> list[str]:
    """The reasons in the timeline's entries of that name."""
    return [entry["detail"]["reason"] for entry in stage.whole_timeline(sid) if entry["name"] == name]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_carrier_calls_in_from_a_port_of_its_own(stage: Stage, transport: str) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    gateway = Sipp(free_port(), transport)
    gateway.call(
        stage.platform.facts["sip"], number, ask("INVITE", body=sdp()), *answered(), pause(200), *hang_up()
    )
    assert stage.final_status() == "completed"


def answer_the_call(spare: Sipp) -> list[str]:
    steps = [awaited("INVITE"), reply("180 Ringing"), reply("200 OK", body=sdp(), again=True), awaited("ACK")]
    return [*steps, awaited("BYE"), reply_within("200 OK")]


def test_the_spare_takes_what_the_carrier_refuses(trunks: tuple[Sipp, Sipp], stage: Stage) -> None:
    carrier, spare = trunks
    full = (awaited("INVITE"), reply("503 Service Unavailable", again=True), awaited("ACK"))
    with spare.serve(*answer_the_call(spare)), carrier.serve(*full):
        sid = stage.call(CALLED, twiml='<Pause length="1"/>')
        assert stage.final_status() == "completed"
    assert notes(stage, sid, "next trunk") == ["Service Unavailable"]


def test_the_spare_takes_what_the_carrier_says_nothing_to(trunks: tuple[Sipp, Sipp], stage: Stage) -> None:
    carrier, spare = trunks
    with spare.serve(*answer_the_call(spare)):
        sid = stage.call(CALLED, twiml='<Pause length="1"/>')
        assert stage.final_status() == "completed"
    (reason,) = notes(stage, sid, "next trunk")
    assert reason == f"127.0.0.1:{carrier.port} over UDP did not answer at all"


def test_nobody_takes_the_call(trunks: tuple[Sipp, Sipp], stage: Stage) -> None:
    carrier, spare = trunks
    full = (awaited("INVITE"), reply("503 Service Unavailable", again=True), awaited("ACK"))
    with carrier.serve(*full):
        sid = stage.call(CALLED, twiml=TALK)
        assert stage.final_status() == "failed"
    reason = f"127.0.0.1:{spare.port} over TCP cannot be reached"
    assert notes(stage, sid, "unreached") == [reason]
    (told,) = stage.client.calls(sid).notifications.list()
    assert (told.error_code, reason in told.message_text) == ("32011", True)


def test_a_number_the_carrier_does_not_know_is_nobodys(trunks: tuple[Sipp, Sipp], stage: Stage) -> None:
    unknown = (awaited("INVITE"), reply("404 Not Found", again=True), awaited("ACK"))
    with trunks[0].serve(*unknown):
        sid = stage.call(CALLED, twiml=TALK)
        assert stage.final_status() == "failed"
    assert notes(stage, sid, "next trunk") == []


def test_refusals_are_counted(stage: Stage) -> None:
    stranger = Sipp(free_port(), "udp")
    stranger.call(stage.platform.facts["sip"], "+15557770998", ask("INVITE", body=sdp()), *refused(404))
    account = (stage.platform.account_sid, stage.platform.auth_token)
    told = requests.get(f"{stage.platform.api_url}/offhook/v1/diagnosis", auth=account, timeout=HANGS)
    report = told.json()["roles"]["voice"]
    assert report["sip_refused"]["INVITE 404"] >= 1
    assert report["trunks"] == {"carrier": ["127.0.0.1"], "spare": ["127.0.0.1"]}


def udp_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(HANGS)
    return made


def address(stage: Stage) -> tuple[str, int]:
    host, port = stage.platform.facts["sip"].split(":")
    return host, int(port)


@pytest.mark.parametrize(
    ("user", "shown"),
    [
        ("john%20smith", "john smith"),
        ("h%C3%B6he", "höhe"),
        ("%22quoted%22", '"quoted"'),
        ("a%00b", "ab"),
        ("%2b15105550123", "+15105550123"),
    ],
)
def test_a_caller_with_any_name_is_taken(stage: Stage, user: str, shown: str) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    uri = f"sip:{number}@{stage.platform.facts['sip']}"
    with udp_socket() as bound:
        peer = RawPeer(bound, address(stage), user=user)
        peer.send(peer.request("INVITE", uri, body=SDP))
        answer = peer.final()
        assert status_of(answer) == 200
        peer.send(peer.request("ACK", uri, to_tag=tag_of(answer)))
        peer.send(peer.request("BYE", uri, cseq=2, to_tag=tag_of(answer)))
        assert stage.final_status() == "completed"
    assert stage.web.wait("voice").params["From"] == shown


@pytest.mark.parametrize(
    "called", ["tel:{number}", "tel:+1-{area}-{exchange}-{line}", "sip:+1({area}){exchange}-{line}@{sip}"]
)
def test_a_number_may_be_written_in_any_way(stage: Stage, called: str) -> None:
    number = stage.number(voice_url=stage.web.twiml("voice", TALK))
    parts = {"number": number, "area": number[2:5], "exchange": number[5:8], "line": number[8:]}
    uri = called.format(sip=stage.platform.facts["sip"], **parts)
    with udp_socket() as bound:
        peer = RawPeer(bound, address(stage))
        peer.send(peer.request("INVITE", uri, body=SDP))
        answer = peer.final()
        assert status_of(answer) == 200
        own = f"sip:{number}@{stage.platform.facts['sip']}"
        peer.send(peer.request("ACK", own, to_tag=tag_of(answer)))
        peer.send(peer.request("BYE", own, cseq=2, to_tag=tag_of(answer)))
        assert stage.final_status() == "completed"


# Phones


def credentials(stage: Stage) -> tuple[str, str]:
    made = json.loads((Path(stage.platform.facts["data_dir"]) / "settings.json").read_text())
    return made["sip_username"], made["sip_password"]


def register(stage: Stage, peer: RawPeer) -> None:
    user, password = credentials(stage)
    registrar = f"sip:{stage.platform.facts['sip']}"
    own = f"sip:{user}@{stage.platform.facts['sip']}"
    peer.send(peer.request("REGISTER", registrar, to=own))
    row = answer_to(peer.final(), "REGISTER", registrar, user, password)
    assert peer.status(peer.request("REGISTER", registrar, cseq=2, to=own, rows=row)) == 200


def call_id(text: str) -> str:
    return str(re.findall(r"Call-ID: (.*)", text)[0])


def invite_at(bound: socket.socket, earlier: str = "") -> str:
    """The next INVITE that reaches a phone, which is not that of an `earlier` call again."""
    while True:
        text = bound.recv(65535).decode()
        if text.startswith("INVITE ") and call_id(text) != earlier:
            return text


def answer(bound: socket.socket, invite: str, status: str, to: tuple[str, int]) -> None:
    """Answer an INVITE without a body."""
    rows = "".join(re.findall(r"^(?:Via|From|Call-ID|CSeq):[^\n]*\n", invite, re.MULTILINE))
    whom = re.findall(r"^To: ([^\r]*)", invite, re.MULTILINE)[0]
    text = f"SIP/2.0 {status}\r\n{rows}To: {whom};tag={bound.getsockname()[1]}\r\nContent-Length: 0\r\n\r\n"
    bound.sendto(text.encode(), to)


def test_all_phones_of_a_user_ring_and_ring_again_after_a_restart(stage: Stage) -> None:
    with ExitStack() as stack:
        phones = [stack.enter_context(udp_socket()) for _ in range(2)]
        for bound in phones:
            register(stage, RawPeer(bound, address(stage)))
        earlier = ""
        for restart in (False, True):
            if restart:
                restart_voice(stage)
            again = stage.another()
            sid = again.call(f"sip:{credentials(stage)[0]}@{stage.platform.facts['sip']}", twiml=TALK)
            invites = [invite_at(bound, earlier) for bound in phones]
            assert len({call_id(text) for text in invites}) == 1
            earlier = call_id(invites[0])
            answer(phones[0], invites[0], "480 Temporarily Unavailable", address(stage))
            answer(phones[1], invites[1], "480 Temporarily Unavailable", address(stage))
            assert again.final_status() == "no-answer"
            assert again.web.statuses()[-1].params["CallSid"] == sid


def restart_voice(stage: Stage) -> None:
    """Kill voice, and wait until the one that follows answers."""
    (pid,) = voices(stage)
    os.kill(pid, signal.SIGKILL)
    with udp_socket() as bound:
        bound.settimeout(0.5)
        peer = RawPeer(bound, address(stage))
        for cseq in range(1, 61):
            with suppress(TimeoutError):
                status = peer.status(peer.request("OPTIONS", "sip:ping@127.0.0.1", cseq=cseq))
                if status == 200 and voices(stage) not in ([], [pid]):
                    return
    raise AssertionError("voice did not come back")


def voices(stage: Stage) -> list[int]:
    """The process ids of the voice role."""
    found = []
    for pid in descendants(stage.platform.facts["pid"]):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue
        if command[-2:] == [b"role", b"voice"]:
            found.append(pid)
    return found


def test_a_phone_over_tcp_that_went_away_is_not_registered(stage: Stage) -> None:
    user, password = credentials(stage)
    registrar = f"sip:{stage.platform.facts['sip']}"
    own = f"sip:{user}@{stage.platform.facts['sip']}"
    with socket.create_connection(address(stage)) as connection:
        connection.settimeout(HANGS)
        peer = RawPeer(connection, address(stage))

        def ask_(cseq: int, row: str = "") -> str:
            text = peer.request("REGISTER", registrar, cseq=cseq, to=own, rows=row).replace(b"/UDP", b"/TCP")
            connection.sendall(text.replace(b"Max-Forwards: 70", b"Expires: 60\r\nMax-Forwards: 70"))
            return connection.recv(65535).decode()

        row = answer_to(ask_(1), "REGISTER", registrar, user, password)
        listed = ask_(2, row)
        assert status_of(listed) == 200
        assert f":{connection.getsockname()[1]}" in listed
    with udp_socket() as bound:
        peer = RawPeer(bound, address(stage))
        for cseq in range(1, 60, 2):
            peer.send(peer.request("REGISTER", registrar, cseq=cseq, to=own))
            row = answer_to(peer.final(), "REGISTER", registrar, user, password)
            text = peer.request("REGISTER", registrar, cseq=cseq + 1, to=own, rows=row)
            peer.send(re.sub(rb"Contact: [^\r]*\r\n", b"", text))
            if f":{connection_port(listed)}" not in peer.final():
                return
    raise AssertionError("the binding of the closed connection is still there")


def connection_port(listed: str) -> str:
    """The port of the last Contact of a listing."""
    found = re.search(r"Contact: <sip:[^>]*:([0-9]+)>", listed)
    assert found is not None, listed
    return found[1]


def test_a_call_that_nobody_hears_of_has_failed(stage: Stage) -> None:
    sid = stage.call(CALLED, twiml=TALK, timeout=2)
    assert stage.final_status() == "failed"
    assert stage.error_codes(sid) == [32011]
