"""The platform's own resources, below ``/offhook/v1``: what Twilio has no address for."""

from __future__ import annotations

from typing import Any

import falcon.asgi

from offhook.api.offhook_v1.health import Diagnosis, Health
from offhook.api.offhook_v1.live import LiveTimelines
from offhook.api.offhook_v1.reset import Reset
from offhook.api.offhook_v1.timelines import Timelines
from offhook.api.services import Services


def add_platform_routes(app: falcon.asgi.App[Any, Any], services: Services) -> None:
    """Add their routes."""
    app.add_route("/offhook/v1/health", Health(services))
    app.add_route("/offhook/v1/diagnosis", Diagnosis(services))
    app.add_route("/offhook/v1/reset", Reset(services))
    app.add_route("/offhook/v1/timelines", LiveTimelines(services))
    app.add_route("/offhook/v1/timelines/{sid}", Timelines(services))
