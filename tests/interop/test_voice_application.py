"""`<Dial><Application>`: the caller talks to another TwiML application, and both sides are told how it ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.harness.stage import Stage, samples_heard, samples_of, seconds_of_tone, together
from tests.harness.webhook_app import Answer
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_record import download

EVENTS = 'statusCallback="child" statusCallbackEvent="initiated ringing answered completed"'


def application(own: Stage, twiml: str) -> str:
    """A new application that answers with this TwiML, and tells the path `over` how its calls end; its SID."""
    made = own.client.applications.create(
        voice_url=own.web.twiml("app", twiml), status_callback=own.web.url("over")
    )
    return str(made.sid)


def dial(own: Stage, sid: str, attributes: str = "", parameters: str = "", **caller: Any) -> str:
    """Call a phone whose TwiML dials an application, with an action that hangs up; the SID of the call."""
    noun = (
        f"<Application {EVENTS} {attributes}><ApplicationSid>{sid}</ApplicationSid>{parameters}</Application>"
    )
    own.web.twiml("voice", f'<Dial action="done">{noun}</Dial>')
    own.web.twiml("done", "<Hangup/>")
    return own.call(own.phone(**caller), url=own.web.url("voice"))


def test_the_caller_and_the_application_hear_each_other(stage: Stage, tmp_path: Path) -> None:
    said = tmp_path / "caller.wav"
    said.write_bytes(tone_wav(1300.0, 20.0))
    stage.web.answer("tone.wav", Answer(tone_wav(700.0, 2.0), "audio/wav"))
    sid = application(stage, f'<Play>{stage.web.url("tone.wav")}</Play><Record action="kept" maxLength="3"/>')
    stage.web.twiml("kept", "<Hangup/>")
    parent = dial(stage, sid, parameters='<Parameter name="Ticket" value="9 &amp; 8"/>')
    call = stage.called.wait_for_call("answered")
    call.play(said)
    asked = stage.web.wait("app").params
    assert (asked["To"], asked["From"], asked["Direction"]) == (sid, stage.owned, "inbound")
    assert (asked["Param_Ticket"], asked["CustomerId"]) == ("9 & 8", stage.platform.account_sid)
    assert asked["ApplicationSid"] == sid
    done = stage.web.wait("done").params
    assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "true")
    assert int(done["DialCallDuration"]) >= 4
    assert [told.params["CallStatus"] for told in stage.web.statuses("child")] == [
        *("initiated", "ringing", "in-progress", "completed")
    ]
    child = stage.client.calls(done["DialCallSid"]).fetch()
    assert (child.to, child.parent_call_sid, child.direction) == (f"app:{sid}", parent, "outbound-dial")
    over = stage.web.wait("over").params
    assert (over["CallSid"], over["CallStatus"]) == (asked["CallSid"], "completed")
    answered = stage.client.calls(asked["CallSid"]).fetch()
    assert (answered.to, answered.direction, answered.parent_call_sid) == (sid, "inbound", None)
    assert seconds_of_tone(samples_heard(call.wait("ended")), 700.0) > 1.5
    kept = samples_of(download(stage, stage.web.wait("kept").params["RecordingUrl"]))
    assert seconds_of_tone(kept, 1300.0) > 2.0
    dialled = [entry for entry in stage.whole_timeline(parent) if entry["name"] == "dialled"]
    assert [entry["detail"]["to"] for entry in dialled] == [f"app:{sid}"]


def test_how_calls_of_applications_end(stage: Stage) -> None:
    def the_caller_hangs_up() -> None:
        own = stage.another()
        dial(own, application(own, "<Gather timeout='60'/>"))
        call = own.called.wait_for_call("answered")
        own.web.wait("app")
        own.until(own.web.wait("app").params["CallSid"], "Gather")
        call.hang_up()
        over = own.web.wait("over").params
        assert (over["CallSid"], over["CallStatus"]) == (own.web.wait("app").params["CallSid"], "completed")
        assert own.web.wait("done").params["DialCallStatus"] == "completed"

    def the_application_refuses() -> None:
        own = stage.another()
        dial(own, application(own, '<Reject reason="busy"/>'))
        done = own.web.wait("done").params
        assert (done["DialCallStatus"], done["DialBridged"]) == ("busy", "false")
        assert own.web.wait("over").params["CallStatus"] == "busy"

    def the_application_sees_whom_the_caller_called() -> None:
        own = stage.another()
        sid = application(own, "<Hangup/>")
        noun = f'<Application copyParentTo="true" customerId="gold">{sid}</Application>'
        own.web.twiml("voice", f'<Dial action="done">{noun}</Dial>')
        own.web.twiml("done", "<Hangup/>")
        number = own.number(voice_url=own.web.url("voice"))
        own.phone().call(number)
        asked = own.web.wait("app").params
        assert (asked["To"], asked["From"], asked["CustomerId"]) == (number, own.called.number, "gold")
        assert own.web.wait("done").params["DialCallStatus"] == "completed"

    def there_is_no_application() -> None:
        own = stage.another()
        sid = application(own, "<Hangup/>")
        own.client.applications(sid).delete()
        parent = dial(own, sid)
        done = own.web.wait("done").params
        assert done["DialCallStatus"] == "failed" and "DialCallSid" not in done
        assert own.final_status() == "completed"
        assert own.error_codes(parent) == own.timeline_codes(parent) == [21218]

    def it_has_no_voice_url() -> None:
        own = stage.another()
        parent = dial(own, str(own.client.applications.create().sid))
        assert own.web.wait("done").params["DialCallStatus"] == "failed"
        assert own.final_status() == "completed"
        assert own.error_codes(parent) == [11100]

    together(
        the_caller_hangs_up,
        the_application_refuses,
        the_application_sees_whom_the_caller_called,
        there_is_no_application,
        it_has_no_voice_url,
    )
