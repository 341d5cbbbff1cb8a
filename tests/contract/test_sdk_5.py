"""twilio-python 5.7.0, the library that the guide was written for, unmodified.

Skipped where it cannot be fetched (`tests.harness.twilio_5`).
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.contract.conftest import Tenant

PROGRAM = """
import sys
from itertools import islice
from twilio.rest import TwilioRestClient
from twilio import TwilioRestException

account, token, base, number = sys.argv[1:]
client = TwilioRestClient(account, token, base=base)
call = client.calls.create(to="15551230000", from_=number, url="https://twimlets.com/message?Message=Hello")
assert call.status == "queued", call.status
text = client.messages.create(to="+15551230000", from_=number, body="Hello world.")
older = client.sms.messages.create(to="+15551230000", from_=number, body="Again")
assert client.sms.messages.get(older.sid).sid == client.sms.messages.list()[0].sid == older.sid
assert client.messages.get(text.sid).body == "Hello world."
# Its iterators end with an error on any Python later than 3.6 (PEP 479), so the end is not asked for.
assert [found.body for found in islice(client.messages.iter(page_size=1), 2)] == ["Again", "Hello world."]
assert client.calls.cancel(call.sid).status == "canceled"
assert client.phone_numbers.list()[0].phone_number == number
try:
    client.messages.create(to="nobody", from_=number, body="x")
except TwilioRestException as error:
    assert (error.status, error.code) == (400, 21211), error
else:
    raise AssertionError("a bad number was taken")
print("done", call.sid, text.sid)
"""


def test_guide_programs_run_unmodified(tenant: Tenant, sdk_5: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tenant.account_sid, tenant.auth_token, tenant.api.url, tenant.number],
        env={"PYTHONPATH": str(sdk_5)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("done CA")
