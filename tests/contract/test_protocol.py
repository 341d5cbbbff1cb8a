"""What every request has in common: authentication, errors, formats, headers, limits."""

from __future__ import annotations

import csv
import http.client
import io
import resource
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from lxml import etree
from tests.contract.conftest import Tenant
from tests.harness.waiting import HANGS

PHONE = "+15551230000"


def error_of(answer: requests.Response) -> tuple[int, int]:
    """The HTTP status and the code."""
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["more_info"].endswith(f"/{body['code']}")
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    "auth",
    [None, ("", ""), ("AC" + "0" * 32, "t" * 32), ("account", "wrong"), ("account", ""), ("é" * 34, "ü")],
)
def test_without_credentials_there_is_a_challenge(tenant: Tenant, auth: Any) -> None:
    if auth and auth[0] == "account":
        auth = (tenant.account_sid, auth[1])
    encoded = tuple(part.encode() for part in auth) if auth else None
    answer = requests.get(f"{tenant.root}/Calls.json", auth=encoded, timeout=HANGS)
    assert error_of(answer) == (401, 20003)
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="Twilio API"'


@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Bearer abc", "Basic " + "QQ" * 4000, "Basic w7w="])
def test_broken_authorization(tenant: Tenant, header: str) -> None:
    answer = requests.get(f"{tenant.root}/Calls.json", headers={"Authorization": header}, timeout=HANGS)
    assert error_of(answer) == (401, 20003)


def test_another_accounts_path_is_refused_like_an_unknown_one(tenant: Tenant) -> None:
    for other in ("AC" + "f" * 32, "AC1", "me"):
        url = f"{tenant.api.url}/2010-04-01/Accounts/{other}/Calls.json"
        answer = requests.get(url, auth=(tenant.account_sid, tenant.auth_token), timeout=HANGS)
        assert error_of(answer) == (401, 20003)


@pytest.mark.parametrize(
    "path", ["/Nothing.json", "/Calls/CA1.json", "/Calls/CA" + "0" * 32 + ".json", "/Calls/%00.json"]
)
def test_unknown_resources(tenant: Tenant, path: str) -> None:
    answer = tenant.request("GET", path)
    assert error_of(answer) == (404, 20404)


@pytest.mark.parametrize("path", ["/", "/v1/Services", "/2010-04-02/Accounts.json", "/v2/PhoneNumbers/+1"])
def test_other_products(tenant: Tenant, path: str) -> None:
    assert error_of(requests.get(tenant.api.url + path, timeout=HANGS)) == (404, 20404)


def test_operations_that_are_not_built_say_so(tenant: Tenant) -> None:
    answer = tenant.request("GET", "/Addresses.json")
    assert error_of(answer) == (404, 20404)
    assert answer.json()["details"]["operation"] == "ListAddress"


def test_method_not_allowed(tenant: Tenant) -> None:
    answer = tenant.request("PUT", "/Calls.json")
    assert error_of(answer) == (405, 20004)
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"To=%00", None, (400, 20001)),
        (b"To=\xff", None, (400, 20001)),
        (b"To=%ff", None, (400, 20001)),
        (b'{"To": "+1555"}', "application/json", (415, 20415)),
        (b"--x\r\n", "multipart/form-data; boundary=x", (415, 20415)),
        (b"Body=" + b"x" * 300_000, None, (413, 20413)),
        (b"&".join(b"a%d=1" % n for n in range(2000)), None, (400, 20001)),
        (b"&&&===&&", None, (400, 21604)),
        (b"", None, (400, 21604)),
    ],
)
def test_bad_bodies(tenant: Tenant, body: bytes, kind: str | None, expected: tuple[int, int]) -> None:
    kind = kind or "application/x-www-form-urlencoded"
    answer = tenant.request("POST", "/Messages.json", data=body, headers={"Content-Type": kind})
    assert error_of(answer) == expected


def test_refused_bodies_leave_nothing_behind(tenant: Tenant) -> None:
    with requests.Session() as session:
        session.auth = (tenant.account_sid, tenant.auth_token)
        for at in range(250):
            if at == 50:
                before = resident(tenant.api.pid)
            form = {"To": f"+1555{at}" + "9" * 240_000, "From": tenant.number, "Body": "x"}
            answer = session.post(f"{tenant.root}/Messages.json", data=form, timeout=HANGS)
            assert error_of(answer) == (400, 21211)
    assert resident(tenant.api.pid) - before < 20_000_000


def resident(pid: int) -> int:
    """The octets of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def test_an_endless_chunked_body_is_cut_off(tenant: Tenant) -> None:
    answer = tenant.request(
        "POST",
        "/Messages.json",
        data=(b"x" * 10_000 for _ in range(100)),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert error_of(answer) == (413, 20413)


def test_a_request_that_is_not_http_ends_only_itself(tenant: Tenant) -> None:
    parts = urlsplit(tenant.api.url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80, timeout=HANGS)
    connection.connect()
    assert connection.sock is not None
    connection.sock.sendall(b"\x16\x03\x01 INVITE sip:x SIP/2.0\r\n\r\n")
    assert connection.sock.recv(100).startswith(b"HTTP/1.1 400")
    connection.close()
    assert tenant.request("GET", "/Calls.json").status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("PageSize=1001", 20007),
        ("PageSize=0", 20001),
        ("PageSize=many", 20001),
        ("Page=-1", 20001),
        ("PageToken=PAnonsense", 21481),
        ("Status=sleeping", 20001),
        ("StartTime=yesterday", 20001),
        ("To=%00", 20001),
    ],
)
def test_bad_queries(tenant: Tenant, query: str, code: int) -> None:
    assert error_of(tenant.request("GET", f"/Calls.json?{query}")) == (400, code)


@pytest.mark.parametrize("path", ["/Calls.json", "/Messages.json?PageSize=1", ".json"])
def test_head_is_get_without_the_body(tenant: Tenant, path: str) -> None:
    got, head = tenant.request("GET", path), tenant.request("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == got.headers["Content-Length"]
    assert head.headers["Content-Type"] == got.headers["Content-Type"]


def test_head_of_nothing_and_of_health(tenant: Tenant) -> None:
    assert tenant.request("HEAD", "/Nothing.json").status_code == 404
    assert tenant.request("HEAD", "/Calls/CA" + "0" * 32 + ".json").status_code == 404
    assert requests.head(f"{tenant.api.url}/offhook/v1/health", timeout=HANGS).status_code == 200


def test_headers_of_every_answer(tenant: Tenant) -> None:
    for answer in (tenant.request("GET", "/Calls.json"), tenant.request("GET", "/Nothing.json")):
        assert answer.headers["Twilio-Request-Id"].startswith("RQ")
        assert float(answer.headers["Twilio-Request-Duration"]) >= 0
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert tenant.request("OPTIONS", "/Calls.json").status_code == 200


def test_xml_without_suffix(tenant: Tenant) -> None:
    made = tenant.request(
        "POST", "/Messages", data={"To": PHONE, "From": tenant.number, "Body": "<a> & \x07"}
    )
    assert (made.status_code, made.headers["Content-Type"]) == (201, "application/xml")
    root = etree.fromstring(made.content)
    assert root.tag == "TwilioResponse"
    assert root.findtext("Message/Body") == "<a> & \N{REPLACEMENT CHARACTER}"
    assert root.findtext("Message/To") == PHONE
    listing = etree.fromstring(tenant.request("GET", "/Messages.xml").content).find("Messages")
    assert listing is not None
    assert (listing.get("page"), listing.get("pagesize"), len(listing)) == ("0", "50", 1)


def test_errors_in_xml(tenant: Tenant) -> None:
    answer = tenant.request("GET", "/Calls/CA" + "0" * 32)
    error = etree.fromstring(answer.content).find("RestException")
    assert error is not None
    assert answer.status_code == 404
    assert (error.findtext("Code"), error.findtext("Status")) == ("20404", "404")


def test_lists_as_csv(tenant: Tenant) -> None:
    tenant.request("POST", "/Messages.json", data={"To": PHONE, "From": tenant.number, "Body": "=1+1"})
    answer = tenant.request("GET", "/Messages.csv")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert (row["To"], row["Body"]) == (PHONE, "'=1+1")
