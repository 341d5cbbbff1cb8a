"""Fixtures that several of these modules ask for."""

from tests.harness.messaging import platform, smsc, webhook

__all__ = ["platform", "smsc", "webhook"]
