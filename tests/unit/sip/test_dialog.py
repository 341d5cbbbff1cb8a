"""Where requests in a dialog go."""

from __future__ import annotations

import pytest

from offhook.sip.dialog import Dialog, choose_flow
from offhook.sip.flow import TCP, UDP, Address, Flow
from offhook.sip.uri import parse_uri

PUBLIC = Flow(UDP, Address("192.0.2.1", 5060), Address("8.8.8.8", 5060))
LOCAL = Flow(UDP, Address("127.0.0.1", 5060), Address("127.0.0.1", 6000))


@pytest.mark.parametrize(
    ("uri", "origin", "pinned", "expected"),
    [
        ("sip:x@9.9.9.9:5080", PUBLIC, False, (UDP, "9.9.9.9", 5080)),
        ("sip:x@9.9.9.9", PUBLIC, False, (UDP, "9.9.9.9", 5060)),
        ("sip:x@9.9.9.9;transport=tcp", PUBLIC, False, (TCP, "9.9.9.9", 5060)),
        ("sip:x@[2606:4700::5]:5062", PUBLIC, False, (UDP, "2606:4700::5", 5062)),
        ("sip:x@9.9.9.9:5080", PUBLIC, True, (UDP, "8.8.8.8", 5060)),
        ("sip:x@10.0.0.5", PUBLIC, False, (UDP, "8.8.8.8", 5060)),
        ("sip:x@phone.example", PUBLIC, False, (UDP, "8.8.8.8", 5060)),
        ("sip:x@127.0.0.1:6001", LOCAL, False, (UDP, "127.0.0.1", 6001)),
        (
            "sip:x@127.0.0.1:6001;transport=tcp",
            LOCAL._replace(transport=TCP),
            False,
            (TCP, "127.0.0.1", 6000),
        ),
        ("sip:x@9.9.9.9;transport=ws", PUBLIC, False, (UDP, "8.8.8.8", 5060)),
    ],
)
def test_the_next_hop(uri: str, origin: Flow, pinned: bool, expected: tuple[str, str, int]) -> None:
    flow = choose_flow(parse_uri(uri), origin, pinned=pinned)
    assert (flow.transport, *flow.remote) == expected


def test_a_strict_router_gets_the_request_uri() -> None:
    dialog = Dialog(
        call_id="c",
        local="<sip:a@b>;tag=1",
        local_tag="1",
        remote="<sip:c@d>;tag=2",
        remote_tag="2",
        local_seq=0,
        remote_seq=None,
        route_set=("<sip:strict.example>", "<sip:p2.example;lr>"),
        target="sip:c@192.0.2.7",
        origin=PUBLIC,
    )
    request = dialog.next_request("BYE", "SIP/2.0/UDP h;branch=z9hG4bK1")
    assert request.uri == "sip:strict.example"
    assert request.get_all("Route") == ["<sip:p2.example;lr>", "<sip:c@192.0.2.7>"]
    assert request.cseq.number == 1
