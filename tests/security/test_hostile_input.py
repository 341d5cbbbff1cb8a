"""A running platform under malformed input at every door: it refuses, goes on, and its log gives nothing away."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import random
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from struct import pack

import aiohttp
import pytest
from tests.fault.running import ANY_PORTS, Running
from tests.fault.traffic import Texts, Traffic
from tests.harness.waiting import HANGS, eventually
from tests.harness.webhook_app import Answer, WebhookApp
from tests.security.hostile_smsc import BIND_TRANSCEIVER, SUBMIT_SM, HostileSmsc, pdu
from yarl import URL

ROLES = ("media", "streams", "voice", "messaging", "api", "sandbox")
DIGITS = "8675309"
BODY = "the eagle lands at midnight"
BOMB = (
    '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in itertools.pairwise("abcdefghij"))
    + "]><Response><Say>&j;</Say></Response>"
)
OUTSIDE = '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><Response><Say>&x;</Say></Response>'


@pytest.fixture(scope="module")
def app() -> Iterator[WebhookApp]:
    with WebhookApp() as serving:
        yield serving


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One platform for all of these tests; no role of it may end."""
    with Running(tmp_path_factory.mktemp("hostile") / "data", *ANY_PORTS) as running:
        running.ready()
        before = {role: running.child(role) for role in ROLES}
        yield running
        after = {role: running.child(role) for role in ROLES}
    assert after == before
    said = "".join([*running.seen, running.rest_of_stderr()])
    assert "Traceback" not in said


@pytest.fixture
async def traffic(platform: Running, app: WebhookApp) -> AsyncIterator[Traffic]:
    """A customer; when the test is over the platform still works for it."""
    async with Traffic(platform, app) as customer:
        yield customer
        await customer.works()


# Webhooks


NO_TWIML = [
    (Answer(BOMB.encode()), 12100),
    (Answer(OUTSIDE.encode()), 12100),
    (Answer(b"<Response>" + b"<Gather>" * 5000), 12100),
    (Answer(b"<Response><Say>\0</Say></Response>"), 12100),
    (Answer(b"\xff\xfe\xfa<Response/>"), 12100),
    (Answer(b"<html><body>It works!", "text/html"), 12100),
    (Answer(b""), 11770),
    (Answer(b"x" * 10_000_000), 11750),
    (Answer(b"<Response>" + b"<Pause/>" * 9000 + b"</Response>"), 11750),
    (Answer(b"MZ\x90", "application/x-msdownload"), 12300),
    (Answer(status=500), 11200),
]


async def test_an_answer_that_is_no_twiml_ends_the_call_with_its_code(traffic: Traffic) -> None:
    async def codes(name: str, answer: Answer) -> list[int]:
        url = traffic.web.answer(name, answer)
        sid = await traffic.call(
            await traffic.phone(), Url=url, StatusCallback=traffic.web.url(f"{name}-end")
        )
        ended = await asyncio.to_thread(traffic.web.statuses, f"{name}-end")
        assert ended[-1].params["CallStatus"] == "completed"
        listed = await traffic.get(f"Calls/{sid}/Notifications.json")
        return [int(entry["error_code"]) for entry in listed["notifications"]]

    told = await asyncio.gather(*(codes(f"hostile-{n}", answer) for n, (answer, _) in enumerate(NO_TWIML)))
    assert told == [[code] for _, code in NO_TWIML]


# SMPP


def bind(system_id: bytes = b"offhook", password: bytes = b"wrong") -> bytes:
    return pdu(BIND_TRANSCEIVER, 1, system_id + b"\0" + password + b"\0\0\x34\0\0\0")


async def test_what_is_no_smpp_does_not_hurt_the_smsc(traffic: Traffic, platform: Running) -> None:
    password = json.loads((platform.data / "settings.json").read_text())["smsc_password"].encode()
    chance = random.Random(1)
    good = bind(password=password)
    attacks = [
        chance.randbytes(5000),
        bytes(100),
        pack(">IIII", 15, BIND_TRANSCEIVER, 0, 1),
        pack(">IIII", 0xFFFFFFFF, BIND_TRANSCEIVER, 0, 1) + bytes(70_000),
        pack(">IIII", 60_000, BIND_TRANSCEIVER, 0, 1),
        pdu(BIND_TRANSCEIVER, 1, b"x" * 300),
        pdu(BIND_TRANSCEIVER, 1, b""),
        pdu(SUBMIT_SM, 1, b"\0" * 40),
        bind(),
        good + good,
        good + pdu(SUBMIT_SM, 2, b"\0\1\x01" + b"1" * 30),
        good + pdu(SUBMIT_SM, 2, bytes(15) + b"\xff" + b"short"),
        good + pdu(SUBMIT_SM, 2, bytes(16) + b"\x04\x24\xff\xff"),
        good
        + pdu(
            SUBMIT_SM, 2, b"\0\1\1" + b"\xff\xfe\0" + b"\1\1" + b"\xfd\0" + b"\x40" + bytes(7) + b"\3\5\0\3"
        ),
        good + b"".join(pdu(chance.randrange(2**32), n, chance.randbytes(50)) for n in range(200)),
    ]
    host, port = platform.facts["smpp"].rsplit(":", 1)
    for attack in attacks:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(attack)
        writer.write_eof()
        # A peer that closes before it has read everything resets the connection.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(HANGS):
                await reader.read()
        writer.close()


async def test_a_hostile_smsc_does_not_hurt_messaging(tmp_path: Path, app: WebhookApp) -> None:
    async with HostileSmsc() as smsc:
        flags = ("--smsc", f"smpp://offhook:secret@127.0.0.1:{smsc.port}")
        running = await asyncio.to_thread(Running, tmp_path / "data", *ANY_PORTS, *flags)
        try:
            await asyncio.to_thread(running.ready)
            messaging = running.child("messaging")
            async with Traffic(running, app) as traffic:
                sids = [await traffic.text("+15557654321", f"number {n}") for n in range(20)]
                async with asyncio.timeout(HANGS):
                    await smsc.calmed.wait()
                    assert None not in sids
                    sent = Texts("+15557654321", {str(sid): "" for sid in sids})
                    await traffic.texts_settled(sent, ["sent"])
            assert running.child("messaging") == messaging
        finally:
            await asyncio.to_thread(running.stop)
    said = "".join([*running.seen, running.rest_of_stderr()])
    assert "Traceback" not in said
    assert "secret" not in said


# RTP


async def test_what_is_no_rtp_does_not_hurt_a_call(traffic: Traffic, platform: Running) -> None:
    await traffic.begin_calls()
    chance = random.Random(2)
    attacks = [
        b"",
        b"\x80",
        bytes(12),
        b"\x8f\0" + bytes(10),
        b"\x90\0" + bytes(10) + b"\xbe\xde\xff\xff",
        b"\xa0\0" + bytes(10) + b"\xff",
        b"\x80\x65" + bytes(10) + b"\xff",
        b"\x80\x00" + bytes(10) + bytes(60_000),
        b"\x80\xc8\xff\xff" + bytes(24),
        b"\x9f\xcb\0\0",
        b"\x81\xca\0\2" + bytes(4) + b"\1\xff\0\0",
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12),
        *(chance.randbytes(chance.randrange(200)) for _ in range(300)),
        *(b"\x80" + chance.randbytes(171) for _ in range(300)),
    ]
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        for port in udp_ports(platform.child("media")):
            for attack in attacks:
                stranger.sendto(attack, ("127.0.0.1", port))
    await traffic.hears_audio()
    await traffic.finish_calls()
    assert set((await traffic.calls_ended()).values()) == {"completed", "canceled"}


def udp_ports(pid: int) -> list[int]:
    """The UDP ports that a process has bound."""
    links = (link for link in Path(f"/proc/{pid}/fd").iterdir())
    inodes = {found[1] for link in links if (found := re.match(r"socket:\[(\d+)]", str(link.readlink())))}
    rows = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return [int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes]


# SIP


async def test_what_is_no_sip_does_not_hurt_voice(traffic: Traffic, platform: Running) -> None:
    chance = random.Random(3)
    attacks = [
        b"\r\n\r\n",
        b"INVITE",
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"INVITE sip:\0 SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\n" + b"Via: SIP/2.0/UDP x;branch=z9hG4bK\r\n" * 900 + b"\r\n",
        b"SIP/2.0 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        chance.randbytes(1400),
    ]
    host, port = platform.facts["sip"].rsplit(":", 1)
    with socket.socket(type=socket.SOCK_DGRAM) as stranger:
        for attack in attacks:
            stranger.sendto(attack, (host, int(port)))
    for attack in attacks:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(attack)
        writer.write_eof()
        # A peer that closes before it has read everything resets the connection.
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(HANGS):
                await reader.read()
        writer.close()


# The API


async def test_forms_and_paths_that_cannot_be_are_refused(traffic: Traffic, platform: Running) -> None:
    account = platform.facts["account_sid"]
    login = aiohttp.encode_basic_auth(account, platform.facts["auth_token"])
    form = "Content-Type: application/x-www-form-urlencoded"
    head = f"Host: x\r\nAuthorization: {login}"
    calls = f"/2010-04-01/Accounts/{account}/Calls.json"
    messages = f"/2010-04-01/Accounts/{account}/Messages.json"
    recordings = f"/2010-04-01/Accounts/{account}/Recordings"

    def post(path: str, body: bytes, *headers: str) -> bytes:
        lines = [f"POST {path} HTTP/1.1", head, form, *(headers or (f"Content-Length: {len(body)}",))]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def get(path: str) -> bytes:
        return f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode()

    text = f"To=%2B15550001111&From=%2B{traffic.owned[1:]}&Body=x".encode()
    attacks = {
        post(calls, b"\xff\xfe%zz=%"): {400},
        post(calls, b"To=%00&From=%00&Url=%00"): {400},
        post(messages, b"To=%2B15550001111&From=" + b"%00" * 50 + b"&Body=%00"): {400},
        post(messages, text.replace(b"Body=x", b"Body=%ff%fe")): {400},
        post(messages, b"&".join(b"a%d=1" % n for n in range(2000))): {400},
        post(messages, text + b"x" * 300_000): {413},
        post(messages, b"To=", "Content-Length: 99999999999"): {413},
        post(messages, b"fffff\r\n" + b"x" * 0xFFFFF + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"): {413},
        post(messages, b"zz\r\n\r\n", "Transfer-Encoding: chunked"): {400},
        post(messages, text, "Content-Length: 5", "Content-Length: 6"): {400},
        post(messages, b"0\r\n\r\n", "Content-Length: 4", "Transfer-Encoding: chunked"): {400},
        post(messages, text, f"Content-Length: {len(text)}", "X: a\r\n b\0c"): {400},
        get(f"{recordings}/../../../../etc/passwd"): {404},
        get(f"{recordings}/..%2f..%2f..%2f..%2fetc%2fpasswd"): {404},
        get(f"{recordings}/%2e%2e%2f%2e%2e%2fsettings.json"): {404},
        get(f"{recordings}/RE%00"): {404},
        get(f"{recordings}/RE{'0' * 32}.wav"): {404},
        get(f"{calls}?PageSize=-1&Page=x&PageToken=%00"): {400},
        get(f"{calls}?StartTime%3E=never&Status=%00"): {400},
        get("/" + "a" * 100_000): {414, 431},
        get("/%ff%fe/%00"): {404},
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic !!!\r\n\r\n": {401, 404},
        b"GET " + calls.encode() + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \xff\xff\r\n\r\n": {401},
        b"\x16\x03\x01\x02\x00\x01\x00": {400},
        b"GET / HTTP/9.9\r\n\r\n": {400, 404, 505},
    }
    for attack, expected in attacks.items():
        status = await asyncio.to_thread(status_of, platform.facts["api_url"], attack)
        assert status in expected, (attack[:200], attack[-80:])


def status_of(url: str, request: bytes) -> int | None:
    """The status that a server answers octets with; None when it closes without one."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), HANGS) as connection:
        # A server that has heard enough may close while we still send.
        with contextlib.suppress(OSError):
            connection.sendall(request)
        answer = connection.recv(4096)
    found = re.match(rb"HTTP/1.\d (\d{3})", answer)
    return int(found[1]) if found else None


async def test_the_sandbox_refuses_what_it_cannot_read(traffic: Traffic, platform: Running) -> None:
    url = platform.facts["sandbox_url"] + "/v1"
    attacks: list[tuple[str, str, bytes, int]] = [
        ("PUT", "/phones/%2B15550001111", b"{", 400),
        ("PUT", "/phones/%2B15550001111", b"[]", 400),
        ("PUT", "/phones/%2B15550001111", b"[" * 50_000, 400),
        ("PUT", "/phones/%2B15550001111", b'{"answer_after": 1e999}', 400),
        ("PUT", "/phones/%2B15550001111", b'{"answer_after": NaN}', 400),
        ("PUT", "/phones/%2B15550001111", b'{"press": "\\u0000"}', 400),
        ("PUT", "/phones/%2B15550001111", b'{"unknown": 1}', 400),
        ("PUT", "/phones/%2B15550001111", b"\xff\xfe", 400),
        ("PUT", "/phones/%2B15550001111", b" " * 100_000, 413),
        ("PUT", "/phones/nobody", b"{}", 400),
        ("GET", "/phones/..%2f..%2fetc/calls", b"", 400),
        ("GET", "/phones/%2B15550001111/calls?state=dancing", b"", 400),
        ("GET", "/phones/%2B15550001111/calls?state=ended&count=-1", b"", 400),
        ("GET", "/phones/%2B15550001111/texts?count=1&timeout=nan", b"", 400),
        ("POST", "/phones/%2B15550001111/calls", b'{"to": ""}', 400),
        ("POST", "/phones/%2B15550001111/texts", b'{"to": "\\u0000", "body": "x"}', 400),
        ("POST", "/phones/%2B15550001111/calls", b'{"to": "\\u0000\\r\\n: x"}', 400),
        ("POST", "/calls/nothing/press", b'{"digits": "1"}', 404),
        ("GET", "/calls/..%2fheard.wav", b"", 404),
    ]
    async with aiohttp.ClientSession() as http:
        for method, path, body, status in attacks:
            async with http.request(method, URL(url + path, encoded=True), data=body) as response:
                assert response.status == status, (method, path, body[:60], await response.text())


# The log


async def test_the_log_tells_no_secret_number_body_or_digit(traffic: Traffic, platform: Running) -> None:
    traffic.web.twiml(
        "ask", '<Gather numDigits="7" timeout="30" action="next"><Say>Your code?</Say></Gather>'
    )
    phone = await traffic.phone(press=DIGITS, press_after=0.1)
    sid = await traffic.call(phone, Url=traffic.web.url("ask"))
    text = await traffic.text(phone, BODY)
    received = await asyncio.to_thread(traffic.web.wait, "next")
    assert received.params["Digits"] == DIGITS
    assert text is not None

    async def over() -> bool:
        call, message = await traffic.get(f"Calls/{sid}.json"), await traffic.get(f"Messages/{text}.json")
        return (call["status"], message["status"]) == ("completed", "delivered")

    await eventually(over)
    while True:
        try:
            platform.seen.append(platform.lines.get_nowait() or "")
        except queue.Empty:
            break
    said = "".join(platform.seen)
    kept = json.loads((platform.data / "settings.json").read_text())
    hidden = [kept[name] for name in ("auth_token", "sip_password", "smsc_password", "nats_token")]
    for word in (*hidden, DIGITS, BODY, phone, phone[1:], traffic.owned[1:], "+1556"):
        assert word not in said
