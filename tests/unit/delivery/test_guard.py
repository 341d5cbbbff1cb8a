"""Which addresses a customer's URL may lead to."""

import socket

import pytest

from offhook.delivery.guard import AddressRefusedError, Guard

PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "2a00:1450:4001::1",
    "::ffff:8.8.8.8",
]
PUBLIC_BEHIND_NAT64 = ["64:ff9b::808:808"]
LOOPBACK = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
NEVER = [
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "::ffff:0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "::ffff:192.168.1.1",
    "::10.0.0.1",
    "100.64.0.1",
    "100.127.255.254",
    "169.254.169.254",
    "169.254.170.2",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "100.100.100.200",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "100::1",
    "2001:db8::1",
    "2001::1",
    "2002:a00:1::",
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "3fff::1",
    "5f00::1",
]


@pytest.mark.parametrize("address", PUBLIC + PUBLIC_BEHIND_NAT64)
def test_public_addresses_are_allowed(address: str) -> None:
    assert Guard().allows(address)


@pytest.mark.parametrize("address", NEVER)
def test_special_addresses_are_refused_whatever_the_platform_listens_on(address: str) -> None:
    assert not Guard().allows(address)
    assert not Guard(allow_loopback=True).allows(address)


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_is_allowed_only_while_the_platform_is_on_loopback(address: str) -> None:
    assert not Guard().allows(address)
    assert Guard(allow_loopback=True).allows(address)


@pytest.mark.parametrize("name", ["localhost", "example.com", "", "2130706433", "0x7f000001", "0177.0.0.1"])
def test_what_is_no_address_is_refused(name: str) -> None:
    assert not Guard(allow_loopback=True).allows(name)


def test_the_operator_allows_networks() -> None:
    guard = Guard(allow_nets=("10.1.0.0/16", "fd00:1::/32"))
    assert guard.allows("10.1.2.3")
    assert guard.allows("::ffff:10.1.2.3")
    assert guard.allows("fd00:1::9")
    assert not guard.allows("10.2.0.1")
    assert not guard.allows("127.0.0.1")


def test_the_platforms_own_server_is_allowed_on_its_port_only() -> None:
    guard = Guard(own_urls=("http://127.0.0.1:8080", "https://phone.example.com", "http://[fd00::5]"))
    assert guard.allows("127.0.0.1", 8080)
    assert guard.allows("fd00::5", 80)
    assert not guard.allows("127.0.0.1", 5432)
    assert not guard.allows("127.0.0.2", 8080)


def test_no_socket_is_made_for_a_refused_address() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    with pytest.raises(AddressRefusedError):
        Guard(allow_loopback=True).open_socket(info)


def test_a_block_that_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Guard(allow_nets=("ten/8",))
