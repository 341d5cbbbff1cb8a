"""The SQL that is made from records."""

from __future__ import annotations

import sys
from subprocess import run

import pytest

from offhook.store.records import CallRecord, MessageRecord, OutboxRow, TimelineEntry
from offhook.store.sql import column_names, recordset, unnest


@pytest.mark.parametrize(
    ("record", "names", "made"),
    [
        (OutboxRow, ("id", "payload"), 'unnest($1::bigint[], $2::jsonb[]) AS input("id", "payload")'),
        (TimelineEntry, ("at", "kind"), 'unnest($1::timestamptz[], $2::text[]) AS input("at", "kind")'),
        (CallRecord, ("from", "price"), 'unnest($1::text[], $2::numeric[]) AS input("from", "price")'),
        (MessageRecord, ("error_code",), 'unnest($1::bigint[]) AS input("error_code")'),
    ],
)
def test_arrays_have_the_types_of_a_records_fields(record: type, names: tuple[str, ...], made: str) -> None:
    assert unnest(record, names) == made


@pytest.mark.parametrize("record", [CallRecord, MessageRecord, TimelineEntry, OutboxRow])
def test_every_field_of_what_is_inserted_in_batches_has_a_type(record: type) -> None:
    assert unnest(record, column_names(record)).count("[]") == len(column_names(record))


def test_records_as_json_have_the_types_of_their_fields_and_their_order() -> None:
    item = recordset(TimelineEntry)
    assert item.startswith(
        'ROWS FROM (jsonb_to_recordset($1) AS ("resource_sid" text, "account_sid" text, "at" timest'
    )
    assert item.endswith('"kind", "name", "detail", position)')


def test_running_roles_do_without_the_library_that_migrations_need() -> None:
    roles = "offhook.api.server, offhook.voice.node, offhook.messaging.node"
    asked = f"import sys, {roles}; print('sqlalchemy' in sys.modules, 'alembic' in sys.modules)"
    assert (
        run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
        == "False False\n"
    )
