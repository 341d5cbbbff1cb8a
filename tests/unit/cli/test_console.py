"""What is printed where an encoding lacks characters."""

import codecs

from offhook.cli.console import prepare_streams
from offhook.cli.up import connectable, reachable


def test_arrows_become_ascii() -> None:
    prepare_streams()
    assert codecs.encode("a → b … é", "ascii", "offhook") == b"a -> b ... ?"


def test_an_address_on_all_interfaces_is_shown_as_one_to_connect_to() -> None:
    assert reachable("127.0.0.1:5060") == "127.0.0.1:5060"
    assert reachable("0.0.0.0:5060").startswith("127.0.0.1:5060, and")
    assert connectable("[::]:5060") == "[::1]:5060"
