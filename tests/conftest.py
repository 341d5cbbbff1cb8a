"""Fixtures that every test may ask for, and the profile under which Hypothesis checks properties."""

from hypothesis import HealthCheck, settings
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

# The same examples each time: what fails fails again, here and elsewhere. A loaded machine is slow, which is no
# property's fault.
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# Other examples each time, to look for what none of those has found: `--hypothesis-profile searching`.
settings.register_profile(
    "searching", parent=settings.get_profile("repeatable"), derandomize=False, max_examples=1000
)
settings.load_profile("repeatable")

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
