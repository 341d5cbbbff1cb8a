"""The guide's programs ported to today's official library, and what other programs with it do, on a whole platform."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.harness.programs import guide_program, run_program
from tests.harness.stage import ALL_EVENTS, Stage, together, was_told
from tests.harness.transcribe import require_transcription
from tests.harness.waiting import until
from tests.interop.test_voice_calls import is_signed
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]
from twilio.twiml.messaging_response import MessagingResponse  # type: ignore[import-untyped]
from twilio.twiml.voice_response import VoiceResponse  # type: ignore[import-untyped]


def ported(program: str, base: str) -> str:
    """A program of `examples/guide` for `Client`."""
    changed = program.replace("from offhook.rest import TwilioRestClient", "from twilio.rest import Client")
    changed = changed.replace(
        "client = TwilioRestClient(account, token)",
        f"client = Client(account, token)\nclient.api.base_url = {base!r}",
    )
    return changed.replace("client.sms.messages", "client.messages")


def test_guide_programs(stage: Stage) -> None:
    require_transcription()
    phone, base = stage.phone(), stage.platform.api_url
    called = run_program(ported(guide_program("make_call.py", stage.platform, phone), base), {})
    texted = run_program(ported(guide_program("send_text.py", stage.platform, phone), base), {})
    assert was_told(phone.wait_for_call("ended"), "hello world")
    assert phone.wait_for_text().body == "Hello world."
    assert (called[:2], texted[:2]) == ("CA", "SM")


def test_call_from_its_creation_to_its_deletion(stage: Stage) -> None:
    client, phone = stage.client, stage.phone()
    begun = datetime.now(UTC)
    call = client.calls.create(
        to=phone.number,
        from_=stage.owned,
        twiml=VoiceResponse().pause(length=20),
        status_callback=stage.web.url("status"),
        status_callback_event=ALL_EVENTS,
    )
    assert (call.status, call.direction, call.account_sid) == (
        "queued", "outbound-api", stage.platform.account_sid,
    )  # fmt: skip
    stage.web.wait("status", 3)
    assert call.fetch().status == "in-progress"
    assert call.sid in [one.sid for one in client.calls.list(status="in-progress", to=phone.number)]
    with pytest.raises(TwilioRestException) as early:
        call.delete()
    assert (early.value.status, early.value.code) == (409, 20009)
    call.update(status="completed")
    stage.web.statuses()
    ended = call.fetch()
    assert (ended.status, ended.price_unit) == ("completed", "USD")
    assert begun - timedelta(seconds=2) < ended.start_time <= ended.end_time
    assert call.delete()
    with pytest.raises(TwilioRestException) as gone:
        call.fetch()
    assert (gone.value.status, gone.value.code) == (404, 20404)


def test_text_and_its_callbacks(stage: Stage) -> None:
    def delivered() -> None:
        own = stage.another()
        phone = own.phone()
        body = "Grüße: " + "0123456789" * 20
        message = own.client.messages.create(
            to=phone.number, from_=own.owned, body=body, status_callback=own.web.url("status")
        )
        assert (message.status, message.num_segments) == ("queued", "2")
        assert phone.wait_for_text().body == body
        callbacks = own.web.statuses()
        assert [one.params["MessageStatus"] for one in callbacks] == ["sent", "delivered"]
        assert all(is_signed(own, one) for one in callbacks)
        sent = message.fetch()
        assert (sent.status, sent.price, sent.error_code) == ("delivered", "-0.02000", None)
        assert message.update(body="").body == ""
        assert message.delete()

    def not_delivered() -> None:
        own = stage.another()
        phone = own.phone(on_text="undeliver")
        message = own.client.messages.create(
            to=phone.number, from_=own.owned, body="Hello?", status_callback=own.web.url("status")
        )
        last = own.web.statuses()[-1].params
        assert (last["MessageStatus"], last["MessageSid"]) == ("undelivered", message.sid)
        assert str(message.fetch().error_code) == last["ErrorCode"]
        assert phone.texts() == []

    together(delivered, not_delivered)


def test_text_to_a_number_is_answered(stage: Stage) -> None:
    response = MessagingResponse()
    response.message("Thank you.", status_callback=stage.web.url("status"))
    number = stage.number(sms_url=stage.web.twiml("sms", response))
    phone = stage.phone()
    phone.text(number, "Are you open?")
    asked = stage.web.wait("sms")
    assert is_signed(stage, asked)
    params = asked.params
    assert (params["From"], params["To"], params["Body"]) == (phone.number, number, "Are you open?")
    assert (params["SmsStatus"], params["NumMedia"], params["NumSegments"]) == ("received", "0", "1")
    reply = phone.wait_for_text()
    assert (reply.from_, reply.body) == (number, "Thank you.")
    assert stage.web.statuses()[-1].params["MessageStatus"] == "delivered"
    inbound, answer = (
        stage.client.messages.list(from_=phone.number)[0],
        stage.client.messages.list(to=phone.number)[0],
    )
    assert (inbound.sid, inbound.direction, inbound.status) == (params["MessageSid"], "inbound", "received")
    assert (answer.direction, answer.status) == ("outbound-reply", "delivered")


def test_number_from_purchase_to_release(stage: Stage) -> None:
    client = stage.client
    number = client.incoming_phone_numbers.create(phone_number="+14155550123", friendly_name="Shop")
    assert number.capabilities["voice"]
    voice = stage.web.twiml("voice", '<Play digits="1"/>')
    assert number.update(voice_url=voice, voice_method="GET").voice_url == voice
    assert [one.sid for one in client.incoming_phone_numbers.list(phone_number="+14155550123")] == [
        number.sid
    ]
    phone = stage.phone()
    phone.call(number.phone_number)
    assert phone.wait_for_call("ended").digits_heard == "1"
    assert number.delete()

    def is_nobodys() -> bool:
        count = len(phone.calls()) + 1
        phone.call("+14155550123")
        return phone.wait_for_call("ended", count=count).outcome == "404 Not Found"

    # Voice hears of it a moment later.
    until(is_nobodys)
