"""Fixtures that every test may ask for, and the profile under which Hypothesis checks properties."""

from hypothesis import settings
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

# A loaded machine is slow, which is no property's fault.
settings.register_profile("offhook", deadline=None)
# The same examples each time, for what is measured by them.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("offhook")

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
