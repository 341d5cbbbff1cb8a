"""Calls as a whole: out and in, how phones refuse them, what status callbacks tell, and changing a live call."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from tests.harness.stage import Stage, together, was_told
from tests.harness.transcribe import require_transcription
from tests.harness.webhook_app import Answer, Received
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

WAITING = '<Pause length="30"/>'


def is_signed(stage: Stage, request: Received) -> bool:
    """Whether the official library takes a request for one of the platform's."""
    validator = RequestValidator(stage.platform.auth_token)
    return bool(validator.validate(request.url, request.form, request.headers["X-Twilio-Signature"]))


def test_callbacks_come_in_order_and_signed(stage: Stage) -> None:
    phone = stage.phone(answer_after=0.3, hangup_after=1.2)
    sid = stage.call(phone, twiml=WAITING)
    callbacks = stage.web.statuses()
    said = [callback.params for callback in callbacks]
    assert [params["CallStatus"] for params in said] == ["initiated", "ringing", "in-progress", "completed"]
    assert [params["SequenceNumber"] for params in said] == ["0", "1", "2", "3"]
    times = [parsedate_to_datetime(params["Timestamp"]) for params in said]
    assert times == sorted(times)
    assert all(is_signed(stage, callback) for callback in callbacks)
    assert len({callback.headers["I-Twilio-Idempotency-Token"] for callback in callbacks}) == 4
    for params in said:
        assert (params["CallSid"], params["To"], params["From"]) == (sid, phone.number, stage.owned)
        assert (params["Direction"], params["CallbackSource"]) == ("outbound-api", "call-progress-events")
    duration = said[-1]["CallDuration"]
    assert 1 <= int(duration) < 10
    assert said[-1]["Duration"] == "1"
    assert "CallDuration" not in said[2]
    call = stage.client.calls(sid).fetch()
    assert (call.status, call.duration, call.price_unit) == ("completed", duration, "USD")
    assert call.price == "-0.01000"
    assert call.start_time <= call.end_time


def test_callback_that_fails_is_tried_again_with_the_same_token(stage: Stage) -> None:
    stage.web.answer("status", Answer(status=503), Answer(status=204))
    stage.call(
        stage.phone(),
        twiml="<Hangup/>",
        status_callback=f"{stage.web.url('status')}#rp=5xx",
        status_callback_event=["completed"],
    )
    first, second = stage.web.wait("status", 1), stage.web.wait("status", 2)
    assert first.params == second.params
    tokens = {one.headers["I-Twilio-Idempotency-Token"] for one in (first, second)}
    assert len(tokens) == 1


def test_phones_that_do_not_answer(stage: Stage) -> None:
    def ends(status: str, on_call: str, response: str | None, **parameters: Any) -> None:
        own = stage.another()
        sid = own.call(own.phone(on_call=on_call), twiml=WAITING, **parameters)
        callbacks = own.web.statuses()
        last = callbacks[-1].params
        assert (last["CallStatus"], last.get("SipResponseCode")) == (status, response)
        assert [one.params["SequenceNumber"] for one in callbacks] == [str(n) for n in range(len(callbacks))]
        call = own.client.calls(sid).fetch()
        assert (call.status, call.duration, call.price) == (status, "0", "0.00000")

    together(
        lambda: ends("busy", "busy", "486"),
        lambda: ends("busy", "reject", "603"),
        lambda: ends("failed", "unreachable", "404"),
        lambda: ends("no-answer", "no-answer", "487", timeout=1),
    )


def test_answered_by_a_call_from_a_phone(stage: Stage) -> None:
    require_transcription()
    number = stage.number(voice_url=stage.web.twiml("voice", "<Say>Thank you for calling.</Say>"))
    phone = stage.phone()
    call = phone.call(number)
    asked = stage.web.wait("voice")
    assert (asked.method, asked.params["From"], asked.params["To"]) == ("POST", phone.number, number)
    assert (asked.params["Direction"], asked.params["CallStatus"]) == ("inbound", "ringing")
    assert is_signed(stage, asked)
    assert was_told(phone.wait_for_call("ended"), "thank you for calling")
    callbacks = stage.web.statuses()
    assert [one.params["CallStatus"] for one in callbacks] == ["completed"]
    row = stage.client.calls(asked.params["CallSid"]).fetch()
    assert (row.direction, row.status, row._from) == ("inbound", "completed", phone.number)
    assert row.price == "-0.01000"
    assert call.direction == "outbound"


def test_an_application_answers_calls(stage: Stage) -> None:
    voice = stage.web.twiml("voice", "<Hangup/>")
    application = stage.client.applications.create(
        voice_url=voice, voice_method="GET", status_callback=stage.web.url("status")
    )
    number = stage.number(
        voice_application_sid=application.sid,
        voice_url=stage.web.url("elsewhere"),
        status_callback=stage.web.url("elsewhere"),
    )
    stage.phone().call(number)
    asked = stage.web.wait("voice")
    assert (asked.method, asked.params["ApplicationSid"]) == ("GET", application.sid)
    (told,) = stage.web.statuses()
    assert (told.params["CallSid"], told.params["ApplicationSid"]) == (
        asked.params["CallSid"],
        application.sid,
    )
    outbound = stage.client.calls.create(
        to=stage.phone().number, from_=stage.owned, application_sid=application.sid
    )
    asked = stage.web.wait("voice", 2)
    assert (asked.params["CallSid"], asked.params["ApplicationSid"]) == (outbound.sid, application.sid)


def test_inbound_calls(stage: Stage) -> None:
    def rejected(verb: str, outcome: str) -> None:
        own = stage.another()
        number = own.number(voice_url=own.web.twiml("voice", verb))
        phone = own.phone()
        phone.call(number)
        assert phone.wait_for_call("ended").outcome == outcome
        last = own.web.statuses()[-1].params
        assert (last["CallStatus"], last["Direction"]) == ("busy", "inbound")

    def by_get_with_cookies() -> None:
        own = stage.another()
        own.web.answer(
            "voice",
            Answer(
                b"<Response><Redirect method='GET'>again?page=2</Redirect></Response>",
                headers={"Set-Cookie": "visitor=42; Path=/"},
            ),
        )
        own.web.twiml("again", "<Hangup/>")
        number = own.number(voice_url=own.web.url("voice"), voice_method="GET")
        own.phone().call(number)
        first, second = own.web.wait("voice"), own.web.wait("again")
        assert (first.method, first.form) == ("GET", {})
        assert is_signed(own, first)
        assert second.params["page"] == "2"
        assert "visitor=42" in second.headers["Cookie"]

    def caller_hangs_up_while_it_rings() -> None:
        own = stage.another()
        own.web.answer("voice", Answer(hang=True))
        number = own.number(voice_url=own.web.url("voice"))
        call = own.phone().call(number)
        own.web.wait("voice")
        call.hang_up()
        assert own.final_status() == "canceled"

    def number_without_a_url() -> None:
        own = stage.another()
        phone = own.phone()
        phone.call(own.number())
        assert phone.wait_for_call("ended").outcome == "480 Temporarily Unavailable"
        own.web.statuses()

    def number_of_nobody() -> None:
        own = stage.another()
        phone = own.phone()
        phone.call("+14155559999")
        assert phone.wait_for_call("ended").outcome == "404 Not Found"

    def the_platform_calls_its_own_number() -> None:
        own = stage.another()
        number = own.number(voice_url=own.web.twiml("voice", '<Play digits="8"/>'), status_callback="")
        sid = own.call(number, twiml=f'<Gather numDigits="1" action="{own.web.url("digits")}"/>')
        assert own.web.wait("digits").params["Digits"] == "8"
        arrived = own.web.wait("voice").params
        assert (arrived["Direction"], arrived["From"]) == ("inbound", own.owned)
        assert arrived["CallSid"] != sid
        assert own.final_status() == "completed"

    def keys_of_the_caller() -> None:
        own = stage.another()
        voice = own.web.twiml("voice", '<Gather numDigits="3" action="digits"/>')
        own.web.twiml("digits", "<Hangup/>")
        own.phone().call(own.number(voice_url=voice), press="246")
        assert own.web.wait("digits").params["Digits"] == "246"

    together(
        lambda: rejected("<Reject/>", "603 Decline"),
        lambda: rejected('<Reject reason="busy"/>', "486 Busy Here"),
        by_get_with_cookies,
        caller_hangs_up_while_it_rings,
        number_without_a_url,
        number_of_nobody,
        the_platform_calls_its_own_number,
        keys_of_the_caller,
    )


def test_changing_a_live_call(stage: Stage) -> None:
    def in_progress(own: Stage, **behaviour: Any) -> Any:
        """A call that is up, as the SDK's resource."""
        sid = own.call(own.phone(**behaviour), twiml=WAITING)
        own.web.wait("status", 3)
        return own.client.calls(sid)

    def new_url() -> None:
        own = stage.another()
        call = in_progress(own)
        own.web.twiml("other", '<Play digits="1"/>')
        call.update(url=own.web.url("other"), method="GET")
        assert own.web.wait("other").method == "GET"
        assert own.called.wait_for_call("ended").digits_heard == "1"

    def new_twiml() -> None:
        own = stage.another()
        in_progress(own).update(twiml='<Response><Play digits="2"/></Response>')
        assert own.called.wait_for_call("ended").digits_heard == "2"
        assert own.final_status() == "completed"

    def hung_up() -> None:
        own = stage.another()
        call = in_progress(own)
        call.update(status="completed")
        assert own.called.wait_for_call("ended").outcome == "the platform hung up"
        assert own.final_status() == "completed"
        with pytest.raises(TwilioRestException) as refused:
            call.update(twiml="<Response/>")
        assert (refused.value.status, refused.value.code) == (400, 21220)

    def canceled_while_it_rings() -> None:
        own = stage.another()
        sid = own.call(own.phone(on_call="no-answer"), twiml=WAITING)
        own.web.wait("status", 2)
        own.client.calls(sid).update(status="canceled")
        assert own.called.wait_for_call("ended").outcome == "canceled"
        assert own.final_status() == "canceled"
        assert own.client.calls(sid).fetch().status == "canceled"

    def completed_while_it_rings() -> None:
        own = stage.another()
        sid = own.call(own.phone(on_call="no-answer"), twiml=WAITING)
        own.web.wait("status", 2)
        own.client.calls(sid).update(status="completed")
        assert own.called.wait_for_call("ended").outcome == "canceled"
        own.web.statuses()

    def time_limit() -> None:
        own = stage.another()
        sid = own.call(own.phone(), twiml=WAITING, time_limit=1)
        assert own.final_status() == "completed"
        assert 1 <= int(own.client.calls(sid).fetch().duration) < 30

    def digits_sent_when_answered() -> None:
        own = stage.another()
        own.call(own.phone(), twiml='<Pause length="2"/>', send_digits="w9#")
        assert own.called.wait_for_call("ended").digits_heard == "9#"

    together(
        new_url,
        new_twiml,
        hung_up,
        canceled_while_it_rings,
        completed_while_it_rings,
        time_limit,
        digits_sent_when_answered,
    )


def test_events_list_the_webhooks(stage: Stage) -> None:
    stage.web.twiml("voice", '<Pause length="1"/>')
    sid = stage.call(stage.phone(), url=stage.web.url("voice"))
    stage.web.statuses()
    stage.whole_timeline(sid)
    listed = stage.client.calls(sid).events.list()
    asked = [event.request["url"] for event in listed]
    assert stage.web.url("voice") in asked
    [document] = [event for event in listed if event.request["url"] == stage.web.url("voice")]
    assert document.request["method"] == "POST"
    assert document.request["parameters"]["call_sid"] == sid
    assert document.response["response_code"] == 200
    assert "<Pause" in document.response["response_body"]
