"""The pytest plugin, as a test of somebody's program uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.harness.transcribe import require_transcription, was_said

from offhook.audio import wav
from offhook.testing import Answer, Platform, SandboxError, Webhook

OWNED = "+15105550100"
PHONE = "+15551230000"


def point(platform: Platform, **settings: str) -> None:
    """Set up the platform's first number."""
    [number] = platform.client.phone_numbers.list(phone_number=OWNED)
    number.update(**settings)


def test_a_phone_speaks_and_plays_into_its_call(offhook: Platform, tmp_path: Path) -> None:
    require_transcription()
    point(
        offhook, voice_url=offhook.webhooks.answer("/voice", "<Response><Dial>+15551230001</Dial></Response>")
    )
    other = offhook.phone("+15551230001")
    call = offhook.phone(PHONE).call(OWNED)
    listener = other.wait_for_call("answered")
    call.wait("answered").say("Good morning")
    listener.wait_until_heard("good morning")
    tone = (np.sin(np.arange(16000) * 0.3) * 8000).astype(np.int16)
    (tmp_path / "tone.wav").write_bytes(wav.write(tone, rate=16000))
    call.play(tmp_path / "tone.wav")
    heard = listener.wait_for_phrases(2)
    call.hang_up()
    assert wav.read(heard.heard()).samples.max() > 4000


def test_a_phone_speaks_and_presses_when_it_was_told_to(offhook: Platform) -> None:
    gathered = '<Response><Gather numDigits="2" action="{}" timeout="60"/></Response>'
    voice = gathered.format(offhook.webhooks.url("/digits"))
    point(offhook, voice_url=offhook.webhooks.answer("/voice", voice))
    talk = "This is a long sentence that takes a good while to be said, five seconds or even six. " * 12
    call = offhook.phone(PHONE).call(OWNED, say=talk, press="42", press_after=0.5)
    # Had it waited for the end of what it says, that would take a minute.
    assert offhook.webhooks.wait("/digits").params["Digits"] == "42"
    call.hang_up()


def test_a_phone_waits_before_it_speaks(offhook: Platform) -> None:
    point(
        offhook, voice_url=offhook.webhooks.answer("/voice", "<Response><Dial>+15551230001</Dial></Response>")
    )
    other = offhook.phone("+15551230001")
    other.behave(answer_after=0)
    offhook.phone(PHONE).call(OWNED, say="Hello", say_after=5)
    call = other.wait_for_call("answered").wait_for_phrases(1)
    samples = np.abs(wav.read(call.heard()).mono.astype(int))
    assert int(np.argmax(samples > 1000)) / 8000 > 1.0


def test_the_call_of_a_phone_has_the_platforms_sid(offhook: Platform) -> None:
    point(offhook, voice_url=offhook.webhooks.answer("/voice", "<Response><Pause/></Response>"))
    call = offhook.phone(PHONE).call(OWNED)
    assert offhook.client.calls.get(call.sid).direction == "inbound"
    made = offhook.client.calls.create(to=PHONE, from_=OWNED, twiml="<Response><Pause/></Response>")
    assert offhook.phone(PHONE).wait_for_call("answered", count=2).sid == made.sid
    unknown = offhook.phone(PHONE).call("+15105550177")
    with pytest.raises(TimeoutError, match="404"):
        _ = unknown.sid


def test_words_that_are_not_said_are_reported(offhook: Platform) -> None:
    require_transcription()
    offhook.client.calls.create(to=PHONE, from_=OWNED, twiml="<Response><Say>Hello world.</Say></Response>")
    call = offhook.phone(PHONE).wait_for_call("answered")
    with pytest.raises(TimeoutError, match="not 'good night'"):
        call.wait_until_heard("Good night!")
    assert was_said("hello world", call.words_heard())


def test_webhooks_are_answered_and_remembered(offhook: Platform) -> None:
    def greet(webhook: Webhook) -> str:
        return f"<Response><Message>You wrote {webhook.params['Body']}</Message></Response>"

    point(offhook, sms_url=offhook.webhooks.answer("/sms", Answer(status=204), greet))
    phone = offhook.phone(PHONE)
    phone.text(OWNED, "one")
    offhook.webhooks.wait("/sms", Body="one")
    phone.text(OWNED, "two")
    assert phone.wait_for_text().body == "You wrote two"
    assert all(webhook.signed for webhook in offhook.webhooks.received("/sms"))


def test_what_a_test_leaves_behind(offhook: Platform) -> None:
    """The first half of what the next test looks for."""
    point(offhook, voice_url=offhook.webhooks.answer("/voice", "<Response><Record/></Response>"))
    offhook.client.phone_numbers.purchase(area_code="415")
    offhook.client.messages.create(to=PHONE, from_=OWNED, body="Hello")
    call = offhook.phone(PHONE).call(OWNED, say="Some words to be recorded", hangup_after=2)
    call.wait("ended")
    assert offhook.client.calls.list()
    offhook.phone("+15551230003").call(OWNED).wait("answered")


def test_finds_nothing_of_the_test_before(offhook: Platform) -> None:
    client = offhook.client
    assert [len(resource.list()) for resource in (client.calls, client.messages, client.recordings)] == [
        0,
        0,
        0,
    ]
    assert client.notifications.list() == []
    assert {number.phone_number for number in client.phone_numbers.list()} == set(offhook.phone_numbers)
    assert all(number.voice_url is None for number in client.phone_numbers.list())
    assert offhook.phone(PHONE).calls() == []
    assert offhook.webhooks.all_received() == []


def test_what_is_empty_can_be_emptied(offhook: Platform) -> None:
    offhook.client.messages.create(to=PHONE, from_=OWNED, body="Text")
    offhook.phone(PHONE).wait_for_text()
    for _ in range(5):
        offhook.reset()
        assert offhook.phone(PHONE).texts() == []


def test_an_owned_number_is_no_phone(offhook: Platform) -> None:
    for refused in (
        lambda: offhook.phone(OWNED).behave(press="1"),
        lambda: offhook.phone(OWNED).call("+15105550101"),
        lambda: offhook.phone(OWNED).text("+15105550101", "Hello"),
    ):
        with pytest.raises(SandboxError, match="one of the platform's own numbers"):
            refused()


def test_arguments_that_are_none_are_refused(offhook: Platform) -> None:
    with pytest.raises(TypeError, match="body_text"):
        offhook.client.messages.create(to=PHONE, from_=OWNED, body_text="Hello")


def test_the_documents_of_examples_are_built_in(offhook: Platform) -> None:
    point(
        offhook,
        voice_url="http://demo.twilio.com/docs/voice.xml",
        sms_url="https://demo.twilio.com/welcome/sms/reply/",
    )
    phone = offhook.phone(PHONE)
    call = phone.call(OWNED)
    phone.text(OWNED, "Hello")
    assert phone.wait_for_text().body.startswith("Your text works.")
    assert call.wait("ended").heard_seconds > 6
    assert not offhook.client.notifications.list()


class Given:
    """Tells an inner session which platform is running."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def pytest_configure(self, config: Any) -> None:
        """Leave it where the inner conftest finds it."""
        config.given_platform = self._platform


def test_a_failing_test_shows_its_timelines(offhook: Platform, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def offhook_platform(pytestconfig):
            return pytestconfig.given_platform
        """
    )
    pytester.makepyfile(
        f"""
        def test_fails(offhook):
            offhook.client.messages.create(to="{PHONE}", from_="{OWNED}", body="Hello")
            offhook.phone("{PHONE}").wait_for_text()
            assert False

        def test_passes(offhook):
            offhook.client.messages.create(to="{PHONE}", from_="{OWNED}", body="Hello")
        """
    )
    result = pytester.inline_run("-p", "no:asyncio", plugins=[Given(offhook)])
    passed, _, failed = result.listoutcomes()
    [sections] = [dict(report.sections) for report in failed]
    [timeline] = [text for title, text in sections.items() if title.startswith("offhook timeline SM")]
    assert "queued" in timeline
    assert [dict(report.sections) for report in passed] == [{}]
