"""Where calls go and what their INVITEs say, for every kind of address that can be called."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from urllib.parse import parse_qsl

import pytest
from tests.harness.sockets import bind_both
from tests.unit.test_config import make_settings

from offhook.clock import utcnow
from offhook.config import Settings, parse_trunks
from offhook.delivery.guard import Guard
from offhook.media import protocol
from offhook.media.client import MediaClient
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.sip.flow import TCP, UDP, Address, Send
from offhook.sip.registrar import Binding
from offhook.sip.uri import parse_uri
from offhook.store.records import ApplicationRecord, NumberRecord, SipCredentialRecord
from offhook.twiml.effects import DialApplication, DialSip
from offhook.voice.leg import Destination, Leg
from offhook.voice.routing import APPLICATION_HEADER, LOOP_HEADER, Routing, UnroutableError

PUBLIC = "203.0.113.7"
TRUNKS = (
    "sip:me:secret@192.0.2.9;transport=tcp;name=first;priority=1",
    "sip:192.0.2.10:5070;name=second;priority=2",
)


async def no_number(number: str) -> NumberRecord | None:
    return None


async def no_phone(user: str) -> SipCredentialRecord | None:
    """Nobody has a phone."""
    return None


APPLICATIONS = {
    record.sid: record
    for record in (
        ApplicationRecord("AP1", "AC1", "", utcnow(), utcnow(), voice_url="http://a.example/"),
        ApplicationRecord("AP2", "AC1", "", utcnow(), utcnow()),
        ApplicationRecord("AP3", "AC2", "", utcnow(), utcnow(), voice_url="http://a.example/"),
        ApplicationRecord(
            *("AP4", "AC2", "", utcnow(), utcnow()),
            voice_url="http://a.example/",
            public_application_connect_enabled=True,
        ),
    )
}


async def find_application(sid: str) -> ApplicationRecord | None:
    """The applications of two accounts."""
    return APPLICATIONS.get(sid)


class Platform:
    """A routing over real sockets of this machine."""

    def __init__(
        self,
        host: str,
        *,
        find_number: Callable[[str], Awaitable[NumberRecord | None]] = no_number,
        **settings: object,
    ) -> None:
        udp, tcp = bind_both(host)
        port = udp.getsockname()[1]
        self.settings: Settings = make_settings(
            sip_host=host, sip_port=port, trunks=parse_trunks(TRUNKS), **settings
        )
        address = self.settings.public_address
        public = {name: Address(address, port) for name in (UDP, TCP)} if address else {}
        self.endpoint = Endpoint(
            EndpointConfig(nonce_secret=b"s", public=public), lambda: secrets.token_hex(8)
        )
        self.transports = SipTransports.over(self.endpoint, udp, tcp, lambda events: None)
        guard = Guard(allow_nets=["192.0.2.0/24", "203.0.113.0/24", "127.0.0.0/8"])
        self.routing = Routing(self.settings, self.transports, guard, find_number, no_phone, find_application)

    async def start(self) -> Platform:
        await self.transports.start()
        await self.routing.trunks.refresh()
        return self

    def register(self, user: str, *hosts: str) -> None:
        for host in hosts:
            flow = self.transports.flow(UDP, Address(host, 5060))
            binding = Binding(parse_uri(f"sip:{user}@{host}"), flow, 1.0, 1.0, float("inf"), "c", 1, "")
            self.endpoint.restore_binding(user, binding)


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    made = await Platform("0.0.0.0", public_address=PUBLIC).start()
    yield made
    await made.transports.close()


async def refusal(platform: Platform, called: str) -> tuple[int, str]:
    with pytest.raises(UnroutableError) as caught:
        await platform.routing.destination(called, "+15105550100", "AC1")
    return caught.value.code, str(caught.value)


async def test_a_number_goes_to_the_first_trunk_and_then_to_the_next(platform: Platform) -> None:
    found = await platform.routing.destination("+15551230000", "+15105550100", "AC1")
    assert found.request_uri == "sip:+15551230000@192.0.2.9:5060;transport=tcp"
    assert (found.flow.transport, found.flow.remote) == (TCP, Address("192.0.2.9", 5060))
    assert found.credentials is not None
    (second,) = found.otherwise
    assert second.request_uri == "sip:+15551230000@192.0.2.10:5070"
    assert (second.destination.transport, second.credentials) == (UDP, None)


async def test_peers_outside_are_told_the_public_address(platform: Platform) -> None:
    port = platform.settings.sip_port
    found = await platform.routing.destination("+15551230000", "+15105550100", "AC1")
    assert str(found.from_) == f"<sip:+15105550100@{PUBLIC}:{port}>"
    assert platform.endpoint.advertised(found.flow) == Address(PUBLIC, port)
    local = platform.transports.flow(UDP, Address("127.0.0.1", 5060))
    assert platform.endpoint.advertised(local) == Address("127.0.0.1", port)


async def test_on_a_wildcard_nobody_outside_is_told_loopback() -> None:
    made = await Platform("0.0.0.0").start()
    try:
        found = await made.routing.destination("+15551230000", "+15105550100", "AC1")
        assert found.from_.uri.host == found.flow.local.host
        assert found.flow.local.host not in ("0.0.0.0", "127.0.0.1")
    finally:
        await made.transports.close()


@pytest.mark.parametrize("host", [PUBLIC, "127.0.0.1", "localhost"])
async def test_a_phone_is_called_by_any_of_our_names_wherever_it_is(platform: Platform, host: str) -> None:
    platform.register("alice", "192.0.2.5", "192.0.2.6")
    found = await platform.routing.destination(f"sip:alice@{host}:{platform.settings.sip_port}", "bob", "AC1")
    rung = [found.flow.remote.host, *(target.destination.remote.host for target in found.beside)]
    assert sorted(rung) == ["192.0.2.5", "192.0.2.6"]
    code, _ = await refusal(platform, f"sip:carol@{host}:{platform.settings.sip_port}")
    assert code == 32009


async def test_a_phone_is_called_by_an_address_of_this_machine(platform: Platform) -> None:
    own = platform.transports.flow(UDP, Address("192.0.2.9", 5060)).local.host
    platform.register("alice", "192.0.2.5")
    found = await platform.routing.destination(f"sip:alice@{own}:{platform.settings.sip_port}", "bob", "AC1")
    assert found.flow.remote.host == "192.0.2.5"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("sips:bob@192.0.2.20", "TLS"),
        ("sip:bob@192.0.2.20;transport=tls", "TLS"),
        ("sip:bob@192.0.2.20;transport=TLS", "TLS"),
        ("sip:bob@192.0.2.20;transport=ws", "udp and tcp"),
        ("sip:bob@192.0.2.20;transport=carrier-pigeon", "udp and tcp"),
        ("sip:", "not valid"),
        ("sip:bob@192.0.2.20?X-A=%0D%0AVia:%20x", "characters that cannot be sent"),
    ],
)
async def test_what_cannot_be_called_says_why(platform: Platform, uri: str, words: str) -> None:
    code, message = await refusal(platform, uri)
    assert code == 13243
    assert words in message


async def test_headers_of_an_address_are_sent_as_headers(platform: Platform) -> None:
    called = "sip:bob@192.0.2.20;transport=tcp?X-Account=7%20a&User-to-User=x&Subject=no"
    found = await platform.routing.destination(called, "alice", "AC1", sip=DialSip(called))
    assert found.headers == (("X-Account", "7 a"), ("User-to-User", "x"))
    assert found.request_uri == "sip:bob@192.0.2.20;transport=tcp"
    assert str(found.to) == "<sip:bob@192.0.2.20;transport=tcp>"


@pytest.mark.parametrize(
    ("caller", "user"),
    [
        ("john smith", "john%20smith"),
        ('a"b', "a%22b"),
        ("<a>", "%3Ca%3E"),
        ("höhe", "h%C3%B6he"),
        ("a@b", "a%40b"),
        ("+15105550100", "+15105550100"),
    ],
)
async def test_any_name_can_call(platform: Platform, caller: str, user: str) -> None:
    found = await platform.routing.destination("sip:bob@192.0.2.20", caller, "AC1")
    assert found.from_.uri.user == user
    assert parse_uri(str(found.from_.uri)).user_text == caller


async def test_a_phone_may_be_the_caller(platform: Platform) -> None:
    for caller, expected in (
        ("sip:alice@pbx.example", "<sip:alice@pbx.example>"),
        ("sip:john smith@pbx.example", f"<sip:john%20smith@{PUBLIC}:{platform.settings.sip_port}>"),
    ):
        found = await platform.routing.destination("sip:bob@192.0.2.20", caller, "AC1")
        assert str(found.from_) == expected


async def test_a_number_of_ours_is_called_here() -> None:
    now = utcnow()
    number = NumberRecord("PN1", "AC1", "+15105550101", "", now, now)

    async def own(called: str) -> NumberRecord | None:
        return number if called == number.phone_number else None

    made = await Platform("127.0.0.1", find_number=own).start()
    try:
        found = await made.routing.destination("+15105550101", "+15105550100", "AC1")
    finally:
        await made.transports.close()
    assert found.flow.remote == Address("127.0.0.1", made.settings.sip_port)
    assert [name for name, _ in found.headers] == [LOOP_HEADER]


class NoMedia(MediaClient):
    """Opens legs of which no audio comes."""

    def __init__(self) -> None:
        pass

    async def open_leg(self, host: str = "", *, rtp_timeout: float = 30.0) -> protocol.LegOpened:
        return protocol.LegOpened(1, host, 4000)


@pytest.mark.parametrize(("number", "told"), [("+15551230000", PUBLIC), ("sip:bob@127.0.0.1:9", "127.0.0.1")])
async def test_audio_is_asked_for_at_the_address_that_sip_names(
    platform: Platform, number: str, told: str
) -> None:
    found = await platform.routing.destination(number, "+15105550100", "AC1")
    leg = Leg(platform.transports, NoMedia(), 1)
    await leg.open(found.flow)
    leg.place(found)
    (send,) = platform.endpoint.actions()
    assert isinstance(send, Send)
    head, _, sdp = send.data.decode().partition("\r\n\r\n")
    assert f"c=IN IP4 {told}\r\n" in sdp
    assert f"Contact: <sip:offhook@{told}:{platform.settings.sip_port}" in head
    assert f" {told}:{platform.settings.sip_port};branch=" in head


async def to_application(platform: Platform, target: DialApplication) -> Destination:
    return await platform.routing.destination(f"app:{target.sid}", "sip:alice@example.com", "AC1", sip=target)


async def test_an_application_is_called_on_the_platform_itself(platform: Platform) -> None:
    told = (("Param_Ticket", "9 & 8"),)
    found = await to_application(platform, DialApplication("AP1", "+15105550100", told, "gold"))
    assert found.request_uri == f"sip:AP1@127.0.0.1:{platform.settings.sip_port}"
    headers = dict(found.headers)
    assert LOOP_HEADER in headers
    assert parse_qsl(headers[APPLICATION_HEADER]) == [
        ("From", "sip:alice@example.com"),
        ("To", "+15105550100"),
        ("CustomerId", "gold"),
        ("Param_Ticket", "9 & 8"),
    ]


async def test_an_application_of_another_account_is_called_if_it_lets_others(platform: Platform) -> None:
    found = await to_application(platform, DialApplication("AP4", "AP4"))
    assert ("CustomerId", "AC1") in parse_qsl(dict(found.headers)[APPLICATION_HEADER])


@pytest.mark.parametrize(("sid", "code"), [("AP2", 11100), ("AP3", 21218), ("AP9", 21218)])
async def test_what_is_no_application_to_dial_is_not_called(platform: Platform, sid: str, code: int) -> None:
    with pytest.raises(UnroutableError) as caught:
        await to_application(platform, DialApplication(sid, sid))
    assert caught.value.code == code
