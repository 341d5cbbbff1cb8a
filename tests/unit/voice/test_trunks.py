"""From whom INVITEs are taken, and where calls go."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from offhook.config import parse_trunks
from offhook.sip.flow import TCP, UDP, Address, Flow
from offhook.voice.trunks import Trunks

NAMES = {
    "carrier.example": ["198.51.100.1", "198.51.100.2"],
    "gw.example": ["2001:db8::7"],
    "localhost": ["127.0.0.1"],
}


class Resolver:
    """Knows names until told otherwise."""

    def __init__(self) -> None:
        self.names: dict[str, list[str]] = dict(NAMES)

    async def __call__(self, host: str) -> Sequence[str]:
        if host in self.names:
            return self.names[host]
        if host.replace(".", "").isdigit() or ":" in host:
            return [host]
        raise OSError("unknown")


def trunks(*texts: str, resolver: Resolver | None = None) -> Trunks:
    made = Trunks(parse_trunks(texts), resolver or Resolver())
    asyncio.run(made.refresh())
    return made


def came_from(host: str, port: int, transport: str = UDP) -> Flow:
    return Flow(transport, Address("192.0.2.1", 5060), Address(host, port))


@pytest.mark.parametrize("transport", [UDP, TCP])
@pytest.mark.parametrize("port", [5060, 40123])
@pytest.mark.parametrize("host", ["198.51.100.1", "198.51.100.2"])
def test_a_trunk_calls_from_any_port_of_its_host(transport: str, port: int, host: str) -> None:
    found = trunks("sip:carrier.example;transport=tcp;name=carrier").recognise(
        came_from(host, port, transport)
    )
    assert found is not None
    assert found.name == "carrier"


@pytest.mark.parametrize(
    ("host", "port", "known"),
    [
        ("203.0.113.77", 1, True),
        ("203.0.114.77", 1, False),
        ("2001:db8::7", 5080, True),
        ("2001:db8::7", 5081, False),
        ("192.0.2.9", 9, True),
        ("192.0.2.10", 9, False),
    ],
)
def test_a_trunk_calls_from_the_sources_it_names(host: str, port: int, known: bool) -> None:
    made = trunks("sip:192.0.2.9;from=203.0.113.0/24,gw.example:5080")
    assert (made.recognise(came_from(host, port)) is not None) is known


def test_over_loopback_a_trunk_is_known_by_its_port() -> None:
    made = trunks("sip:127.0.0.1:5070")
    assert made.recognise(came_from("127.0.0.1", 5070)) is not None
    assert made.recognise(came_from("127.0.0.1", 5071)) is None
    assert "from=127.0.0.1" in made.explain(came_from("127.0.0.1", 5071))
    assert trunks("sip:127.0.0.1:5070;from=127.0.0.1").recognise(came_from("127.0.0.1", 5071)) is not None
    assert trunks("sip:localhost:5070").recognise(came_from("127.0.0.1", 5071, TCP)) is None


def test_the_ports_of_a_trunks_own_host_can_be_narrowed() -> None:
    made = trunks("sip:192.0.2.9;from=192.0.2.9:5060")
    assert made.recognise(came_from("192.0.2.9", 5060)) is not None
    assert made.recognise(came_from("192.0.2.9", 5061)) is None


def test_the_operator_is_told_which_port_is_not_the_trunks() -> None:
    made = trunks("sip:192.0.2.9;from=198.51.100.1:5060;name=carrier")
    assert "carrier" in made.explain(came_from("198.51.100.1", 5061))
    assert "not from a trunk" in made.explain(came_from("198.51.100.3", 5061))


def test_calls_go_by_priority_then_address() -> None:
    made = trunks("sip:192.0.2.9;priority=2;name=second", "sip:carrier.example:5070;priority=1;name=first")
    assert [(route.trunk.name, route.address) for route in made.routes()] == [
        ("first", Address("198.51.100.1", 5070)),
        ("first", Address("198.51.100.2", 5070)),
        ("second", Address("192.0.2.9", 5060)),
    ]


def test_a_name_that_moves_is_followed_and_one_that_is_lost_is_kept() -> None:
    resolver = Resolver()
    made = trunks("sip:carrier.example", resolver=resolver)
    resolver.names["carrier.example"] = ["198.51.100.9"]
    assert asyncio.run(made.refresh())
    assert made.recognise(came_from("198.51.100.9", 1)) is not None
    assert made.recognise(came_from("198.51.100.1", 1)) is None
    del resolver.names["carrier.example"]
    assert asyncio.run(made.refresh())
    assert made.recognise(came_from("198.51.100.9", 1)) is not None


def test_a_trunk_that_never_resolved_is_passed_over() -> None:
    resolver = Resolver()
    made = Trunks(parse_trunks(["sip:nowhere.example", "sip:192.0.2.9;name=other"]), resolver)
    assert not asyncio.run(made.refresh())
    assert [route.trunk.name for route in made.routes()] == ["other"]
