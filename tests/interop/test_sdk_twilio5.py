"""The guide's programs as printed, with the library they were printed for: twilio-python 5.7.0.

Only the address is given besides, since its default is Twilio's.
"""

from __future__ import annotations

from pathlib import Path

from tests.harness.programs import guide_program, run_program
from tests.harness.stage import Stage, was_told
from tests.harness.transcribe import require_transcription


def as_printed(program: str, base: str) -> str:
    """A program of `examples/guide` with the import line of the guide, and the address."""
    printed = program.replace("from offhook.rest import", "from twilio.rest import")
    addressed = printed.replace(
        "TwilioRestClient(account, token)", f"TwilioRestClient(account, token, base={base!r})"
    )
    assert printed not in (program, addressed)
    return addressed


def test_make_a_call(stage: Stage, sdk_5: Path) -> None:
    require_transcription()
    phone = stage.phone()
    program = as_printed(guide_program("make_call.py", stage.platform, phone), stage.platform.api_url)
    sid = run_program(program, {"PYTHONPATH": str(sdk_5)})
    assert was_told(phone.wait_for_call("ended"), "hello world")
    assert stage.client.calls(sid).fetch().direction == "outbound-api"


def test_send_a_text(stage: Stage, sdk_5: Path) -> None:
    phone = stage.phone()
    program = as_printed(guide_program("send_text.py", stage.platform, phone), stage.platform.api_url)
    sid = run_program(program, {"PYTHONPATH": str(sdk_5)})
    assert phone.wait_for_text().body == "Hello world."
    assert stage.client.messages(sid).fetch().to == phone.number


def test_twiml_of_the_guide(stage: Stage, sdk_5: Path) -> None:
    """What its builder writes is understood, and is what `offhook.twiml` writes."""
    program = """
from {module} import twiml
r = twiml.Response()
r.say("Hello world.")
with r.gather(numDigits=1, action="/key", timeout=1) as g:
    g.pause(length=1)
r.hangup()
print(str(r))
"""
    printed = run_program(program.format(module="twilio"), {"PYTHONPATH": str(sdk_5)})
    assert run_program(program.format(module="offhook"), {}) == printed
    stage.web.twiml("voice", printed)
    sid = stage.call(stage.phone(), url=stage.web.url("voice"))
    assert stage.final_status() == "completed"
    assert stage.timeline_codes(sid) == []
