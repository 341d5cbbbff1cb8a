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

__all__ = [
    "bus",
    "database_url",
    "nats_server",
    "nats_url",
    "own_nats",
    "own_postgres",
    "postgres",
    "store",
]
