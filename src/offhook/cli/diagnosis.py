"""What a running instance says about itself, in words: the second half of `offhook doctor`.

The roles' reports come from `/offhook/v1/diagnosis`; trunks are asked here, with OPTIONS (RFC 3261 section 11), which
any SIP server answers: what it answers does not matter.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Report: TypeAlias = Mapping[str, Any]
"""What `/offhook/v1/diagnosis` answers: {node, trunks, roles: {name: metrics or null}}."""

_ANSWER_SECONDS = 2.0
_ATTEMPTS = 2
"""OPTIONS sent over UDP; one may be lost."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check: what was seen, and how to mend it when it is not good."""

    good: bool
    seen: str
    mend: str = ""


def check_roles(report: Report) -> Finding:
    """Whether the roles that can be asked answer, and whether work gets from one to the other."""
    silent = [name for name, metrics in report["roles"].items() if metrics is None]
    if silent:
        return Finding(
            False,
            f"no answer over NATS from {', '.join(silent)}",
            "look at what `offhook up` and logs/nats.log say",
        )
    lost = sum(sum(metrics.get("announcements_lost", {}).values()) for metrics in _present(report))
    note = f"; {lost:.0f} announcements were lost, their work was found in the outbox" if lost else ""
    return Finding(True, f"{', '.join(report['roles'])} answer{note}")


def check_smscs(report: Report) -> Finding:
    """Whether every SMSC is bound, and takes what it is offered."""
    messaging = _metrics(report, "messaging")
    down, hindered = messaging.get("carriers", {}), messaging.get("carriers_hindered", {})
    seen = "; ".join(obstacle or hindered.get(name) or f"{name} is ready" for name, obstacle in down.items())
    mend = "check the address, system id and password of --smsc; texts wait until it is bound"
    if not any(down.values()):
        mend = "ask its operator, or set rate= of --smsc to what its contract allows; texts are tried again"
    return Finding(not any(down.values()) and not any(hindered.values()), seen or "none", mend)


def check_trunks(report: Report) -> Finding:
    """Whether every trunk answers OPTIONS."""
    seen, good = [], True
    for trunk in report["trunks"]:
        answer = ask_options(trunk["host"], trunk["port"], trunk["transport"])
        good = good and bool(answer)
        seen.append(f"{trunk['name']} answers {answer}" if answer else f"{trunk['name']} does not answer")
    mend = (
        "check the address, port and transport of --trunk, and whether the trunk knows this machine's address"
    )
    return Finding(good, "; ".join(seen), mend)


def check_media(report: Report) -> Finding:
    """Whether every media worker is there, and how many legs each has."""
    workers = _metrics(report, "voice").get("media_workers", {})
    gone = [f"worker {number} is away" for number, legs in workers.items() if legs is None]
    there = [f"worker {number} has {legs} legs" for number, legs in workers.items() if legs is not None]
    return Finding(not gone, "; ".join(gone + there) or "not known", "look at what `offhook up` says of it")


def check_refusals(report: Report) -> Finding:
    """Which SIP requests were refused before there was a call."""
    refused = _metrics(report, "voice").get("sip_refused", {})
    seen = ", ".join(f"{count:.0f} {what}" for what, count in sorted(refused.items()))
    return Finding(True, f"{seen} (see the log for sources)" if seen else "none")


def check_callbacks(report: Report) -> Finding:
    """What became of status callbacks since the start."""
    attempts = _metrics(report, "messaging").get("callback_attempts", {})
    return Finding(True, ", ".join(f"{count:.0f} {what}" for what, count in attempts.items()) or "none sent")


def check_retention(report: Report) -> Finding:
    """How much is kept of what grows, and the limits."""
    kept = _metrics(report, "messaging").get("retention", {})
    return Finding(
        True, "; ".join(f"{kind} {_kept(facts)}" for kind, facts in kept.items()) or "not looked at yet"
    )


RUNNING_CHECKS: Final[Mapping[str, Callable[[Report], Finding]]] = {
    "Roles": check_roles,
    "SMSCs": check_smscs,
    "Trunks": check_trunks,
    "Media": check_media,
    "Refused SIP": check_refusals,
    "Callbacks": check_callbacks,
    "Kept": check_retention,
}
"""What is asked of a running instance, in order."""


def ask_options(host: str, port: int, transport: str) -> str:
    """Send OPTIONS and return the status of the answer, such as `200 OK`; empty when none comes."""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with suppress(OSError, UnicodeError):
        family, *_, target = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            asking.connect(target)
            request = _options(host, port, transport, asking.getsockname())
            for _ in range(1 if transport == "tcp" else _ATTEMPTS):
                asking.send(request)
                with suppress(TimeoutError):
                    return _status(asking.recv(65536))
    return ""


def _options(host: str, port: int, transport: str, local: tuple[Any, ...]) -> bytes:
    here, there = _host_port(*local[:2]), _host_port(host, port)
    lines = (
        f"OPTIONS sip:{there} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <sip:doctor@{here}>;tag={secrets.token_hex(4)}",
        f"To: <sip:{there}>",
        f"Call-ID: {secrets.token_hex(12)}",
        "CSeq: 1 OPTIONS",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()


def _host_port(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _status(answer: bytes) -> str:
    """Status and reason of a response's first line; empty when it is not a response."""
    version, _, status = answer.partition(b"\r\n")[0].decode(errors="replace").partition(" ")
    return status[:60] if version == "SIP/2.0" and status.isprintable() else ""


def _kept(facts: Mapping[str, Any]) -> str:
    limits = [f"{facts['days']} days"] if facts["days"] is not None else []
    limits += [f"{facts['most_octets'] / 1e9:.1f} GB"] if facts["most_octets"] is not None else []
    return f"{facts['octets'] / 1e6:.0f} MB ({' and '.join(limits) or 'no limit'})"


def _metrics(report: Report, role: str) -> Mapping[str, Any]:
    """A role's metrics; none when it does not answer."""
    return report["roles"].get(role) or {}


def _present(report: Report) -> list[Mapping[str, Any]]:
    return [metrics for metrics in report["roles"].values() if metrics is not None]
