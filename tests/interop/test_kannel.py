"""Kannel as an ESME at the virtual SMSC: texts, receipts and replies through SMPP of another make."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.harness.kannel import Kannel, kannel, require_kannel
from tests.harness.webhook_app import Answer, WebhookApp

from offhook.testing import Platform

PHONE, KANNEL = "+15557654321", "+15105550100"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose own texts go elsewhere, so that the virtual SMSC is Kannel's alone."""
    require_kannel()
    folder = tmp_path_factory.mktemp("kannel")
    with (folder / "log").open("wb") as log:
        running = Platform.start(
            folder / "data", arguments=["--smsc", "smpp://nobody:none@127.0.0.1:9"], log=log
        )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def peer(
    platform: Platform, webhook_app: WebhookApp, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kannel]:
    """Kannel, bound to the virtual SMSC."""
    secrets = json.loads((Path(platform.facts["data_dir"]) / "settings.json").read_text())
    host, _, port = platform.facts["smpp"].rpartition(":")
    login = (secrets["smsc_system_id"], secrets["smsc_password"])
    webhook_app.answer("/kannel/text", Answer(b"", "text/plain"))
    receiver = f"{webhook_app.url}/kannel/text?from=%p&to=%P&text=%b&coding=%c"
    folder = tmp_path_factory.mktemp("peer") / "kannel"
    with kannel(folder, (host, int(port)), login, receiver=receiver) as running:
        yield running


@pytest.mark.parametrize("body", ["Hello", "x" * 400])
def test_a_text_arrives_and_its_receipt_goes_back(
    platform: Platform, peer: Kannel, webhook_app: WebhookApp, body: str
) -> None:
    phone = platform.phone(PHONE)
    path = f"/kannel/receipt/{len(body)}"
    webhook_app.answer(path, Answer(b"", "text/plain"))
    count = sum(text.direction == "inbound" for text in phone.texts()) + 1
    request = peer.path(KANNEL, PHONE, body, f"{webhook_app.url}{path}?type=%d")
    with urllib.request.urlopen(f"http://127.0.0.1:{peer.http_port}{request}") as response:
        assert response.status == 202
    assert phone.wait_for_text(count=count).body == body
    assert webhook_app.wait(path, 1)[0].params["type"] == "1"


def test_a_phone_s_text_reaches_it(platform: Platform, peer: Kannel, webhook_app: WebhookApp) -> None:
    platform.phone(PHONE).text(KANNEL, "Good morning")
    (received,) = webhook_app.wait("/kannel/text", 1)
    assert received.params["text"] == "Good morning"
    assert PHONE.removeprefix("+") in received.params["from"]
