"""Fixtures that every test may ask for."""

from tests.harness.services import (
    bus,
    database_url,
    nats_server,
    nats_url,
    own_nats,
    own_postgres,
    postgres,
    store,
)
from tests.harness.twilio_5 import sdk_5

pytest_plugins = ["pytester"]

__all__ = [
    "bus",
    "database_url",
    "nats_server",
    "nats_url",
    "own_nats",
    "own_postgres",
    "postgres",
    "sdk_5",
    "store",
]
