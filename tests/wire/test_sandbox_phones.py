"""Virtual phones on real sockets: what their INVITEs say of where they are, and where they call."""

from __future__ import annotations

import re
import secrets
import socket
from pathlib import Path

import pytest
from tests.harness.sockets import bind_both
from tests.harness.waiting import HANGS
from tests.unit.test_config import make_settings

from offhook.sandbox.behaviour import PlaceCall
from offhook.sandbox.phones import Phones
from offhook.signalling.transports import SipTransports
from offhook.sip.config import EndpointConfig
from offhook.sip.endpoint import Endpoint
from offhook.streams.client import StreamsClient


@pytest.mark.parametrize("listens_on", ["0.0.0.0", "127.0.0.1"])
async def test_a_phone_names_addresses_that_can_be_reached(listens_on: str, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as platform:
        platform.bind((listens_on, 0))
        platform.settimeout(HANGS)
        port = platform.getsockname()[1]
        udp, tcp = bind_both("127.0.0.1")
        own = udp.getsockname()[1]
        endpoint = Endpoint(EndpointConfig(nonce_secret=b"s"), lambda: secrets.token_hex(8))
        transports = SipTransports.over(endpoint, udp, tcp, lambda events: None)
        await transports.start()
        streams = StreamsClient(str(tmp_path / "none.sock"), lambda finished: None)
        phones = Phones(make_settings(sip_host=listens_on, sip_port=port), transports, streams)
        call = await phones.place("+15551230000", PlaceCall(to="+15105550100"))
        invite = platform.recv(65535).decode()
        assert call.audio is not None
        call.audio.close()
        await transports.close()
    assert invite.startswith(f"INVITE sip:+15105550100@127.0.0.1:{port} SIP/2.0\r\n")
    assert re.findall(r"^(?:Via|Contact):.*127\.0\.0\.1:(\d+)", invite, re.MULTILINE) == [str(own)] * 2
    assert "0.0.0.0" not in invite
    assert "c=IN IP4 127.0.0.1\r\n" in invite
