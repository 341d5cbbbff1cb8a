"""SIP that the platform has to refuse or survive: strangers, forged identities, replays, garbage, unfinished calls.

Its trunk is a socket of the test that never answers and remembers what it is sent: nothing that a stranger or a
phone asks for may reach it. What takes SIP half a minute (Timer B, a missing ACK) begins with the module and is
looked at by its last tests.
"""

from __future__ import annotations

import json
import random
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.harness.raw_sip import SDP, RawPeer, answer_to, status_of
from tests.harness.stage import Stage
from tests.harness.waiting import HANGS, until
from tests.harness.webhook_app import WebhookApp

from offhook.supervisor.process import descendants
from offhook.testing import Platform

TORTURE = Path(__file__).parent.parent / "unit" / "sip" / "torture"
NOT_OURS = "+15557770666"
UNREACHABLE = "+15557770555"
UNFINISHED = 20


@dataclass
class Scene:
    """The platform, its silent trunk, and what began when it did."""

    platform: Platform
    trunk: socket.socket
    log: Path
    web: WebhookApp
    stage: Stage
    unreachable: Stage
    abandoned: str = ""

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.platform.facts["sip"].split(":")
        return host, int(port)

    def uri(self, user: str, host: str | None = None) -> str:
        """An address of the platform's."""
        return f"sip:{user}@{host or self.platform.facts['sip']}"

    def credentials(self) -> tuple[str, str]:
        made = json.loads((Path(self.platform.facts["data_dir"]) / "settings.json").read_text())
        return made["sip_username"], made["sip_password"]

    def trunk_heard(self) -> set[str]:
        """The numbers that the trunk was asked to call since the last look."""
        called: set[str] = set()
        self.trunk.setblocking(False)
        while True:
            try:
                data = self.trunk.recv(65535)
            except BlockingIOError:
                return called
            called.update(re.findall(r"^INVITE sip:([^@]+)@", data.decode()))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder: Path = tmp_path_factory.mktemp("refusals")
    with udp_socket() as trunk, (folder / "log").open("wb") as log, WebhookApp() as web:
        uri = f"sip:127.0.0.1:{trunk.getsockname()[1]};transport=udp"
        platform = Platform.start(folder / "data", arguments=["--trunk", uri], log=log)
        stage = Stage(platform, web)
        made = Scene(platform, trunk, folder / "log", web, stage, stage.another())
        try:
            begin_unfinished_calls(made)
            made.unreachable.call(UNREACHABLE, twiml="<Say>Hello.</Say>")
            yield made
            assert b"Traceback" not in made.log.read_bytes()
        finally:
            platform.stop()


def begin_unfinished_calls(scene: Scene) -> None:
    """Calls from the trunk whose answer nobody ever acknowledges."""
    scene.abandoned = scene.stage.number(voice_url=scene.stage.web.twiml("voice", '<Gather timeout="60"/>'))
    for _ in range(UNFINISHED):
        peer = RawPeer(scene.trunk, scene.address)
        peer.send(peer.request("INVITE", scene.uri(scene.abandoned), body=SDP))
    until(lambda: media_sockets(scene.platform) >= UNFINISHED)


def udp_socket() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(HANGS)
    return made


@pytest.fixture
def stranger(scene: Scene) -> Iterator[RawPeer]:
    """Somebody at a port that is nobody's."""
    with udp_socket() as bound:
        yield RawPeer(bound, scene.address)


def media_sockets(platform: Platform) -> int:
    """How many UDP sockets the media worker has bound: those of its legs."""
    bound = {row.split()[9] for row in Path("/proc/net/udp").read_text().splitlines()[1:]}
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"\0media\0" not in (folder / "cmdline").read_bytes() or not descends(
                folder, platform.facts["pid"]
            ):
                continue
            for link in (folder / "fd").iterdir():
                target = str(link.readlink())
                count += target.startswith("socket:[") and target[8:-1] in bound
        except OSError:
            continue
    return count


def descends(folder: Path, pid: int) -> bool:
    return int(re.findall(r"^PPid:\s+(\d+)", (folder / "status").read_text(), re.MULTILINE)[0]) == pid


# No open relay


@pytest.mark.parametrize("user", [NOT_OURS, "phone", "echo"])
def test_a_stranger_calls_nobody(scene: Scene, stranger: RawPeer, user: str) -> None:
    assert stranger.status(stranger.request("INVITE", scene.uri(user), body=SDP)) == 401
    assert NOT_OURS not in scene.trunk_heard()


def test_the_operator_is_told_of_a_stranger(scene: Scene, stranger: RawPeer) -> None:
    until(lambda: b"INVITE from 127.0.0.1:" in scene.log.read_bytes())
    (line, *_) = [line for line in scene.log.read_text().splitlines() if "INVITE from 127.0.0.1:" in line]
    assert "over UDP refused with 401: 127.0.0.1 is the trunk 127.0.0.1:" in line


def test_a_stranger_does_not_even_call_our_numbers(scene: Scene, stranger: RawPeer) -> None:
    number = scene.platform.phone_numbers[0]
    for rows in ("", "X-Offhook-Loop: \r\n", f"X-Offhook-Loop: {'0' * 32}\r\n"):
        assert stranger.status(stranger.request("INVITE", scene.uri(number), body=SDP, rows=rows)) == 401
        stranger.call_id += "x"
    assert scene.stage.client.calls.list(to=number) == []


@pytest.mark.parametrize("host", [None, "203.0.113.9", "127.0.0.1:9"])
@pytest.mark.parametrize("user", [NOT_OURS, NOT_OURS[2:], "somebody"])
def test_a_phone_calls_nothing_but_our_numbers(
    scene: Scene, stranger: RawPeer, host: str | None, user: str
) -> None:
    uri = scene.uri(user, host)
    stranger.send(stranger.request("INVITE", uri, body=SDP))
    row = answer_to(stranger.final(), "INVITE", uri, *scene.credentials())
    assert stranger.status(stranger.request("INVITE", uri, cseq=2, body=SDP, rows=row)) == 404
    assert NOT_OURS not in scene.trunk_heard()


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH", "NOTIFY"])
def test_what_could_relay_otherwise_is_not_allowed(scene: Scene, stranger: RawPeer, method: str) -> None:
    rows = f"Refer-To: <sip:{NOT_OURS}@127.0.0.1>\r\n"
    assert stranger.status(stranger.request(method, scene.uri(NOT_OURS), rows=rows)) == 405


# Proving who one is


def register(scene: Scene, peer: RawPeer, user: str, password: str, *, address_of_record: str = "") -> int:
    """The status that a REGISTER with these credentials ends with."""
    uri = scene.uri("").replace("@", "")
    to = scene.uri(address_of_record or user)
    peer.send(peer.request("REGISTER", uri, to=to))
    row = answer_to(peer.final(), "REGISTER", uri, user, password)
    return peer.status(peer.request("REGISTER", uri, cseq=2, to=to, rows=row))


def test_registering(scene: Scene, stranger: RawPeer) -> None:
    user, password = scene.credentials()
    assert register(scene, stranger, user, password[:-1]) == 401
    assert register(scene, stranger, "nobody", password) == 401
    assert register(scene, stranger, "x'--", password) == 401
    assert register(scene, stranger, user, password, address_of_record="reception") == 403
    assert register(scene, stranger, user, password) == 200


def test_a_proof_is_good_once(scene: Scene, stranger: RawPeer) -> None:
    user, password = scene.credentials()
    uri = scene.uri("").replace("@", "")
    stranger.send(stranger.request("REGISTER", uri, to=scene.uri(user)))
    row = answer_to(stranger.final(), "REGISTER", uri, user, password)
    assert stranger.status(stranger.request("REGISTER", uri, cseq=2, to=scene.uri(user), rows=row)) == 200
    with udp_socket() as bound:
        thief = RawPeer(bound, scene.address)
        thief.send(thief.request("REGISTER", uri, cseq=3, to=scene.uri(user), rows=row))
        refusal = thief.final()
        assert status_of(refusal) == 401
        assert "stale=true" in refusal
        invite = scene.uri(scene.platform.phone_numbers[0])
        thief.call_id += "x"
        assert thief.status(thief.request("INVITE", invite, body=SDP, rows=row)) == 401


def test_a_proof_for_one_method_is_none_for_another(scene: Scene, stranger: RawPeer) -> None:
    uri = scene.uri(scene.platform.phone_numbers[0])
    stranger.send(stranger.request("INVITE", uri, body=SDP))
    row = answer_to(stranger.final(), "REGISTER", uri, *scene.credentials())
    assert stranger.status(stranger.request("INVITE", uri, cseq=2, body=SDP, rows=row)) == 401


# Surviving


def garbage() -> list[bytes]:
    """The torture messages, broken copies of them, and noise; the same in every run."""
    chance = random.Random(4475)
    messages = [path.read_bytes() for path in sorted(TORTURE.glob("*.dat"))]
    cut = [message[: chance.randrange(len(message))] for message in messages]
    changed = []
    for message in messages * 4:
        octets = bytearray(message)
        for _ in range(chance.randrange(1, 12)):
            octets[chance.randrange(len(octets))] = chance.randrange(256)
        changed.append(bytes(octets))
    noise = [chance.randbytes(chance.randrange(1, 1400)) for _ in range(300)]
    return messages + cut + changed + noise


def test_garbage_is_survived(scene: Scene, stranger: RawPeer) -> None:
    messages = garbage()
    with udp_socket() as bound:
        for number, message in enumerate(messages):
            bound.sendto(message, scene.address)
            if number % 50 == 0:
                assert answers_options(scene)
    for number in range(0, len(messages), 5):
        with socket.create_connection(scene.address) as connection:
            connection.settimeout(0.01)
            try:
                for message in messages[number : number + 5]:
                    connection.sendall(message)
                connection.recv(65535)
            except OSError:
                continue
    assert answers_options(scene)
    calls_work(scene)


def answers_options(scene: Scene) -> bool:
    with udp_socket() as bound:
        peer = RawPeer(bound, scene.address)
        return peer.status(peer.request("OPTIONS", scene.uri("ping"))) == 200


def calls_work(scene: Scene) -> None:
    """One of our numbers calls another, by SIP and with audio."""
    stage = scene.stage.another()
    number = stage.number(voice_url=stage.web.twiml("voice", '<Gather numDigits="2" action="keys"/>'))
    stage.web.twiml("keys", "<Hangup/>")
    sid = stage.call(number, twiml='<Pause/><Play digits="42"/><Pause length="5"/>')
    assert stage.web.wait("keys").params["Digits"] == "42"
    statuses = [callback.params for callback in stage.web.statuses() if callback.params["CallSid"] == sid]
    assert statuses
    until(lambda: "X-Offhook-Loop: (not shown)" in json.dumps(scene.platform.timeline(sid)))


def test_a_flood_of_strangers_leaves_nothing(scene: Scene) -> None:
    with udp_socket() as bound:
        for number in range(400):
            peer = RawPeer(bound, scene.address)
            peer.send(peer.request("INVITE", scene.uri(scene.platform.phone_numbers[0]), body=SDP))
            if number % 20 == 0:
                peer.final()
    assert answers_options(scene)
    calls_work(scene)


def test_big_invites_of_a_stranger_are_not_kept(scene: Scene, stranger: RawPeer) -> None:
    """The same one 3,000 times, and 500 others: 196 MB in all."""
    uri = scene.uri(scene.platform.phone_numbers[0])
    before = memory_of_voice(scene.platform)
    filler = "".join(f"a=x{number}:{'y' * 200}\r\n" for number in range(260))
    same = stranger.request("INVITE", uri, body=SDP + filler)
    assert len(same) > 50_000
    for number in range(3500):
        if number % 7 == 0:
            other = RawPeer(stranger._socket, scene.address)
            other.send(other.request("INVITE", uri, body=SDP + filler))
            other.final()
        stranger.send(same)
    assert answers_options(scene)
    assert memory_of_voice(scene.platform) - before < 40_000_000


def memory_of_voice(platform: Platform) -> int:
    """The resident octets of the voice role."""
    for pid in descendants(platform.facts["pid"]):
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
        if command[-2:] == [b"role", b"voice"]:
            status = Path(f"/proc/{pid}/status").read_text()
            return int(re.findall(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)[0]) * 1024
    raise AssertionError("voice does not run")


# What took half a minute


def test_a_trunk_that_never_answers_fails_the_call(scene: Scene) -> None:
    last = scene.unreachable.web.statuses()[-1].params
    assert (last["To"], last["CallStatus"], last["CallDuration"]) == (UNREACHABLE, "failed", "0")


def test_calls_that_nobody_acknowledged_end(scene: Scene) -> None:
    until(lambda: media_sockets(scene.platform) == 0)
    calls = scene.stage.client.calls
    until(lambda: {call.status for call in calls.list(to=scene.abandoned)} == {"completed"})
    listed = calls.list(to=scene.abandoned)
    assert len(listed) == UNFINISHED
    # Neither audio nor an ACK came: whichever is missed first ends the call.
    assert scene.stage.error_codes(listed[0].sid) in ([32014], [32022])
