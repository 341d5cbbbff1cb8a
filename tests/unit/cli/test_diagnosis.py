"""What doctor says of a running instance's report."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from offhook.cli.diagnosis import (
    RUNNING_CHECKS,
    ask_options,
    check_media,
    check_retention,
    check_roles,
    check_smscs,
    check_trunks,
)


def report(**roles: dict[str, Any] | None) -> dict[str, Any]:
    return {"node": "node-1", "trunks": [], "roles": {"api": {}, "voice": {}, "messaging": {}, **roles}}


def test_every_check_stands_a_report_that_holds_nothing_yet() -> None:
    for check in RUNNING_CHECKS.values():
        assert check(report()).good
        check(report(voice=None, messaging=None))


def test_a_silent_role_is_bad_and_named() -> None:
    finding = check_roles(report(voice=None))
    assert not finding.good
    assert finding.seen == "no answer over NATS from voice"


def test_lost_announcements_are_told() -> None:
    finding = check_roles(report(api={"announcements_lost": {"away": 2, "insufficient resources": 3}}))
    assert finding.good
    assert "5 announcements were lost" in finding.seen


def test_an_smsc_that_is_not_bound_is_bad_and_says_why() -> None:
    obstacle = "smpp:sink is not bound: ESME_RINVPASWD since 2026-01-01T00:00:00Z"
    finding = check_smscs(report(messaging={"carriers": {"loopback": "", "smpp:sink": obstacle}}))
    assert not finding.good
    assert finding.seen == f"loopback is ready; {obstacle}"


def test_an_smsc_that_throttles_is_bad_and_says_since_when_and_what_to_do() -> None:
    hindrance = "smpp:sink takes fewer texts than it is offered: ESME_RTHROTTLED since 2026-01-01T00:00:00Z"
    carriers = {"loopback": "", "smpp:sink": ""}
    hindered = {"loopback": "", "smpp:sink": hindrance}
    finding = check_smscs(report(messaging={"carriers": carriers, "carriers_hindered": hindered}))
    assert not finding.good
    assert finding.seen == f"loopback is ready; {hindrance}"
    assert "rate=" in finding.mend


def test_a_media_worker_that_is_away_is_bad() -> None:
    finding = check_media(report(voice={"media_workers": {"0": 7, "1": None}}))
    assert not finding.good
    assert finding.seen == "worker 1 is away; worker 0 has 7 legs"
    assert check_media(report(voice={"media_workers": {"0": 7, "1": 0}})).good


def test_what_is_kept_is_told_with_its_limits() -> None:
    kept = {"octets": 12_000_000, "most_octets": 2 * 10**9, "days": 30, "removed": 0}
    endless = {**kept, "most_octets": None, "days": None}
    finding = check_retention(report(messaging={"retention": {"timelines": kept, "cache": endless}}))
    assert finding.seen == "timelines 12 MB (30 days and 2.0 GB); cache 12 MB (no limit)"


def answering(listener: socket.socket, answer: bytes, heard: list[bytes]) -> threading.Thread:
    def serve() -> None:
        if listener.type == socket.SOCK_DGRAM:
            request, sender = listener.recvfrom(65536)
            listener.sendto(answer, sender)
        else:
            connection, _ = listener.accept()
            request = connection.recv(65536)
            connection.sendall(answer)
            connection.close()
        heard.append(request)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_trunk_is_asked_with_options_and_any_answer_is_one(transport: str) -> None:
    heard: list[bytes] = []
    with socket.socket(type=socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM) as listener:
        listener.bind(("127.0.0.1", 0))
        if transport == "tcp":
            listener.listen()
        port = listener.getsockname()[1]
        serving = answering(listener, b"SIP/2.0 405 Method Not Allowed\r\n\r\n", heard)
        trunk = {"name": "carrier", "host": "127.0.0.1", "port": port, "transport": transport}
        finding = check_trunks({**report(), "trunks": [trunk]})
        serving.join()
    assert finding.good
    assert finding.seen == "carrier answers 405 Method Not Allowed"
    assert heard[0].startswith(
        b"OPTIONS sip:127.0.0.1:%d SIP/2.0\r\nVia: SIP/2.0/%s " % (port, transport.upper().encode())
    )


def test_a_trunk_that_is_not_there_is_bad() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert ask_options("127.0.0.1", port, "udp") == ""
    assert ask_options("127.0.0.1", port, "tcp") == ""
    assert ask_options("nowhere.invalid", 5060, "udp") == ""
