"""Bodies of answers."""

from __future__ import annotations

import csv
import io

import pytest
from lxml import etree

from offhook.api.rendering import Suffix, page, resource


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3+cmd", "'-2+3+cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("+15551230000", "+15551230000"),
        ("-0.01000", "-0.01000"),
        ("a=b", "a=b"),
        (None, ""),
    ],
)
def test_no_cell_is_a_formula(value: str | None, cell: str) -> None:
    body, _ = page({"calls": [{"body": value}]}, "calls", "Call", Suffix.CSV)
    ((found,),) = list(csv.reader(io.StringIO(body.decode(), newline="")))[1:]
    assert found == cell


def test_addresses_in_xml_lead_to_xml() -> None:
    value = {"uri": "/A/C1.json", "subresource_uris": {"events": "/A/C1/Events.json"}, "body": "x.json"}
    root = etree.fromstring(resource(value, "Call", Suffix.XML)[0])
    assert root.findtext("Call/Uri") == "/A/C1"
    assert root.findtext("Call/SubresourceUris/Events") == "/A/C1/Events"
    assert root.findtext("Call/Body") == "x.json"
    assert b"/A/C1.json" in resource(value, "Call", Suffix.JSON)[0]
