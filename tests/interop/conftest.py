"""A platform, a customer's web application and a stage for each test, for tests of all of it together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.harness.stage import Stage
from tests.harness.webhook_app import WebhookApp

from offhook.testing import Platform


@pytest.fixture(scope="session")
def webhook_app() -> Iterator[WebhookApp]:
    """The web application of this test session."""
    with WebhookApp() as app:
        yield app


@pytest.fixture
def stage(offhook_platform: Platform, webhook_app: WebhookApp) -> Stage:
    """Phones, numbers and paths that only this test uses."""
    return Stage(offhook_platform, webhook_app)
