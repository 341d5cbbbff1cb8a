"""The OpenAPI file as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook.api.schema import compile_representation, operations, pascal, rfc2822, snake


@dataclass(frozen=True, slots=True)
class Row:
    sid: str = "CA1"
    account_sid: str = "AC1"
    from_: str = "+1"
    duration: int = 15
    price: Decimal = Decimal("-0.03")
    start_time: datetime = datetime(2010, 8, 31, 20, 36, 29, tzinfo=UTC)


def test_every_operation_is_read() -> None:
    assert len(operations()) == 197
    create = operations()["CreateCall"]
    assert (create.method, create.path, create.status) == (
        "POST",
        "/2010-04-01/Accounts/{AccountSid}/Calls",
        201,
    )
    assert operations()["ListCall"].list_key == "calls"
    assert operations()["DeleteCall"].status == 204


def test_representation_has_every_field_in_its_form() -> None:
    schema = operations()["FetchCall"].resource
    assert schema is not None
    value = compile_representation(schema, Row, {"to": lambda row: "+2"})(Row())
    assert set(value) == {prop.name for prop in schema.properties}
    assert (value["from"], value["to"], value["duration"], value["price"]) == ("+1", "+2", "15", "-0.03000")
    assert value["start_time"] == "Tue, 31 Aug 2010 20:36:29 +0000"
    assert value["uri"] == "/2010-04-01/Accounts/AC1/Calls/CA1.json"
    assert value["subresource_uris"]["streams"] == "/2010-04-01/Accounts/AC1/Calls/CA1/Streams.json"
    assert value["trunk_sid"] is None


def test_values_of_unknown_fields_are_a_mistake() -> None:
    schema = operations()["FetchCall"].resource
    assert schema is not None
    with pytest.raises(TypeError, match="colour"):
        compile_representation(schema, Row, {"colour": str})


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2999, 1, 1)))
def test_dates_are_those_of_the_standard_library(at: datetime) -> None:
    at = at.replace(tzinfo=UTC)
    assert rfc2822(at) == format_datetime(at - timedelta(microseconds=at.microsecond))


def test_names() -> None:
    assert (pascal("status_callback_event"), snake("CallSid")) == ("StatusCallbackEvent", "call_sid")
