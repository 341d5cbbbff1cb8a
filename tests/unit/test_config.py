"""Flags, variables and what a role gets from them."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import msgspec
import pytest

from offhook import config
from offhook.config import (
    Address,
    ConfigurationError,
    Keep,
    Retention,
    TrunkSettings,
    TrunkSource,
    read_options,
)
from offhook.smsc import SmscSettings


def make_settings(**changes: object) -> config.Settings:
    smsc = SmscSettings("offhook", "secret", "127.0.0.1", 2775)
    values: dict[str, object] = {
        "data_dir": "/data",
        "run_dir": "/run/x",
        "database_url": "postgresql://x@/x",
        "nats_url": "nats://127.0.0.1",
        "http_host": "127.0.0.1",
        "http_port": 8080,
        "public_url": "http://127.0.0.1:8080",
        "sip_host": "127.0.0.1",
        "sip_port": 5060,
        "sandbox_url": "http://127.0.0.1:8081",
        "sandbox_sip": "127.0.0.1:5061",
        "sandbox_smsc": smsc,
        "trunks": (TrunkSettings("127.0.0.1", 5061),),
        "smscs": (smsc,),
        "account_sid": "AC" + "0" * 32,
        "sip_username": "phone",
        "sip_password": "secret",
    }
    return msgspec.convert({**values, **changes}, type=config.Settings)


def test_defaults_listen_on_loopback_only() -> None:
    options = read_options({}, {"XDG_DATA_HOME": "/home/x/data"})
    assert options.data_dir == Path("/home/x/data/offhook")
    assert [str(address) for address in (options.http, options.sip, options.smpp)] == [
        "127.0.0.1:8080",
        "127.0.0.1:5060",
        "127.0.0.1:2775",
    ]
    assert options.trunks == ()
    assert options.smscs == ()


def test_a_flag_goes_before_a_variable() -> None:
    environ = {"OFFHOOK_HTTP": "127.0.0.1:1", "OFFHOOK_SIP": "[::1]:2", "OFFHOOK_ALLOW_NET": "10.0.0.0/8"}
    options = read_options({"http": "127.0.0.1:9", "allow_net": ["192.0.2.0/24,2001:db8::/32"]}, environ)
    assert options.http == Address("127.0.0.1", 9)
    assert str(options.sip) == "[::1]:2"
    assert options.allow_nets == ("192.0.2.0/24", "2001:db8::/32")
    assert read_options({}, environ).allow_nets == ("10.0.0.0/8",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sip:192.0.2.7:5080;transport=udp", TrunkSettings("192.0.2.7", 5080, "udp")),
        ("sip:carrier.example;transport=TCP", TrunkSettings("carrier.example", 5060, "tcp")),
        ("sip:[2001:db8::1]", TrunkSettings("2001:db8::1", 5060, "udp")),
        ("sip:me:p%40s%3Bs@192.0.2.7", TrunkSettings("192.0.2.7", 5060, "udp", "me", "p@s;s")),
    ],
)
def test_trunk(text: str, expected: TrunkSettings) -> None:
    assert config.parse_trunk(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", Keep(days=30)),
        ("2GB", Keep(octets=2 * 10**9)),
        (" 7 d , 500MB", Keep(7, 500 * 10**6)),
        ("forever", Keep()),
    ],
)
def test_what_is_kept(text: str, expected: Keep) -> None:
    retention = read_options({}, {"OFFHOOK_KEEP_RECORDINGS": text}).retention
    assert retention == Retention(recordings=expected)


def test_where_a_trunk_calls_from() -> None:
    text = (
        "sip:192.0.2.7;name=carrier;priority=2;from=198.51.100.0/24,gw.example:5080;from=[2001:db8::1]:5060"
    )
    assert config.parse_trunk(text) == TrunkSettings(
        "192.0.2.7",
        5060,
        name="carrier",
        priority=2,
        sources=(
            TrunkSource("198.51.100.0/24"),
            TrunkSource("gw.example", 5080),
            TrunkSource("2001:db8::1", 5060),
        ),
    )
    assert config.parse_trunk_source("gw.example") == TrunkSource("gw.example")
    assert config.parse_trunk_source("2001:db8::7") == TrunkSource("2001:db8::7/128")


def test_trunks_are_called_by_priority_then_in_the_order_given() -> None:
    asked = ["sip:c;priority=3", "sip:a;name=first", "sip:b"]
    assert [trunk.host for trunk in read_options({"trunk": asked}, {}).trunks] == ["a", "b", "c"]
    environ = {"OFFHOOK_TRUNK": " ".join(asked)}
    assert read_options({}, environ) == read_options({"trunk": asked}, {})
    assert [trunk.label for trunk in read_options({}, environ).trunks] == ["first", "b:5060", "c:5060"]


def test_a_public_address() -> None:
    assert read_options({"public_address": "203.0.113.7"}, {}).public_address == "203.0.113.7"
    assert read_options({}, {"OFFHOOK_PUBLIC_ADDRESS": "[2001:db8::1]"}).public_address == "2001:db8::1"


def test_the_address_for_audio_of_other_nodes() -> None:
    assert read_options({}, {}).node_address is None
    assert read_options({}, {"OFFHOOK_NODE_ADDRESS": "192.0.2.7"}).node_address == "192.0.2.7"
    with pytest.raises(ConfigurationError, match="OFFHOOK_NODE_ADDRESS"):
        read_options({}, {"OFFHOOK_NODE_ADDRESS": "0.0.0.0"})


def test_several_smscs_in_flags_or_in_the_variable() -> None:
    urls = ["smpp://a:b@one", "smpp://c:d@two"]
    by_flags = read_options({"smsc": urls}, {"OFFHOOK_SMSC": "smpp://e:f@three"})
    assert [smsc.host for smsc in by_flags.smscs] == ["one", "two"]
    assert read_options({}, {"OFFHOOK_SMSC": "  ".join(urls)}).smscs == by_flags.smscs


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("http", value) for value in ("8080", "::1:80", "a:b", "127.0.0.1:65536", "[::1", "a:-1", "a:²")),
        *(
            ("trunk", value)
            for value in (
                "sip:",
                "sips:x",
                "sip:u@x",
                "sip:x;transport=tls",
                "sip:x;lr",
                "sip:x:0",
                "sip:u:p@",
                "sip::p@x",
                "sip:x;transport=udp;transport=tcp",
                "sip:x;from=192.0.2.1/24",
                "sip:x;from=",
                "sip:x;from=a b",
                "sip:x;from=y:port",
                "sip:x;name=a.b",
                "sip:x;priority=-1",
                "sip:x sip:x",
                "sip:x;name=a sip:y;name=a",
            )
        ),
        *(
            ("smsc", value)
            for value in ("smpp://x", "smpp://a:b@x:y", "smpp://a:b@x/p", "http://a:b@x", "smpp://a:b@x:0")
        ),
        *(("public_address", value) for value in ("pbx.example", "0.0.0.0", "203.0.113.7:5060")),
        ("smsc", "smpp://sixteencharacter:b@x"),
        ("allow_net", "10.0.0.1/8"),
        ("allow_net", "everything"),
        ("rtp_ports", "30000-20000"),
        ("rtp_ports", "80"),
        ("log_level", "loud"),
        ("node", "a.b"),
        ("media_workers", "0"),
        *(
            ("keep_timelines", value)
            for value in ("30", "0d", "30d,20d", "2TB", "30d 2GB", "-1d", "ever", ",")
        ),
        ("media_workers", "many"),
        ("public_url", "ftp://x"),
        ("database_url", "postgresql://"),
        ("nats_url", "http://x"),
        ("nats_url", "nats://x:port"),
    ],
)
def test_what_cannot_be_understood_is_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_options({}, {f"OFFHOOK_{name.upper()}": value})
    assert "\n" not in str(caught.value)


def test_passwords_are_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_options({}, {"OFFHOOK_DATABASE_URL": "mysql://me:hunter2@host/x", "OFFHOOK_SMSC": ""})
    assert "hunter2" not in str(caught.value)
    for parse, text in (
        (lambda text: config.parse_smscs([text], None), "smpp://me:hunter2@host/path"),
        (lambda text: config.parse_smscs([text], None), "smpp://me:hunter2@host:port"),
        (lambda text: config.parse_smscs([text], None), "smpp://me:hunter2@host?rate=fast"),
        (config.parse_trunk, "sip:me:hunter2@host;transport=tls"),
        (config.parse_trunk, "sip:me:hunter2@host:port"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse(text)
        assert "hunter2" not in str(caught.value)


def test_settings_survive_the_environment() -> None:
    settings = make_settings(sockets={"http": 3}, allow_nets=("10.0.0.0/8",))
    text = msgspec.json.encode(settings).decode()
    assert config.settings_from_environment({config.SETTINGS_VARIABLE: text}) == settings


def test_a_role_outside_of_a_supervisor_says_so() -> None:
    with pytest.raises(ConfigurationError, match="offhook up"):
        config.settings_from_environment({})


def test_inherited_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        settings = make_settings(sockets={"http": listener.fileno()})
        inherited = config.inherited_socket(settings, "http")
        assert inherited is not None
        with inherited:
            assert inherited.getsockname() == listener.getsockname()
            assert not inherited.getblocking()
    assert config.inherited_socket(settings, "smpp") is None


def test_ready_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv(config.READY_VARIABLE, str(writing))
    config.announce_ready(make_settings(), {"port": 1})
    config.announce_ready(make_settings())
    assert os.read(reading, 1000) == b'{"node": "node-1", "port": 1}\n'
    assert os.read(reading, 1000) == b""
    os.close(reading)


def test_a_variable_that_means_nothing_is_named_and_one_beside_its_flag_is_not() -> None:
    with pytest.raises(ConfigurationError, match="OFFHOOK_HTPP is not a setting: did you mean OFFHOOK_HTTP"):
        read_options({}, {"OFFHOOK_HTPP": ":1"})
    with pytest.raises(ConfigurationError, match=r"^OFFHOOK_QQQ is not a setting$"):
        read_options({}, {"OFFHOOK_QQQ": "1"})
    options = read_options(
        {"allow_net": ["10.0.0.0/8"]}, {"OFFHOOK_ALLOW_NET": "127.0.0.0/8", "OFFHOOK_API_URL": "x"}
    )
    assert options.allow_nets == ("10.0.0.0/8",)
