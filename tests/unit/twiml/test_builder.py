"""Writing TwiML as programs for twilio-python 5.x do, and reading back what was written."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offhook import twiml
from offhook.twiml.document import parse

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'


def test_the_first_program_of_the_guide() -> None:
    r = twiml.Response()
    r.say("Hello world.")
    assert str(r) == DECLARATION + "<Response><Say>Hello world.</Say></Response>"
    assert r.toxml(xml_declaration=False) == "<Response><Say>Hello world.</Say></Response>"


def test_all_verbs() -> None:
    r = twiml.Response()
    r.play("a.mp3", loop=2)
    r.play(digits="ww1")
    r.pause(length=3)
    r.record(maxLength=20, playBeep=False)
    r.redirect("/next", method="GET")
    r.redirect(url="/next")
    r.reject("busy")
    r.hangup()
    r.sms("Hi", to="+1", sender="+2")
    r.message("Hi", from_="+2").media("a.png")
    r.enqueue("support", waitUrl="/w").task("{}", priority=2)
    r.leave()
    assert r.toxml(False) == (
        '<Response><Play loop="2">a.mp3</Play><Play digits="ww1" /><Pause length="3" />'
        '<Record maxLength="20" playBeep="false" /><Redirect method="GET">/next</Redirect>'
        '<Redirect>/next</Redirect><Reject reason="busy" /><Hangup /><Sms from="+2" to="+1">Hi</Sms>'
        '<Message from="+2"><Body>Hi</Body><Media>a.png</Media></Message>'
        '<Enqueue waitUrl="/w">support<Task priority="2">{}</Task></Enqueue><Leave /></Response>'
    )


def test_nesting_by_with() -> None:
    r = twiml.Response()
    with r.gather(numDigits=1, action="/menu") as g:
        g.say("Press", voice=twiml.Say.WOMAN, language=twiml.Say.BRITISH)
        g.pause()
        g.play("a.wav")
    with r.dial(callerId="+1", timeout=None) as d:
        d.number("+2", sendDigits="1")
        d.client("alice")
        d.conference("room", beep=True)
        d.queue("support")
        d.sip("sip:a@b")
        d.sip().uri("sip:c@d", username="u")
    assert r.toxml(False) == (
        '<Response><Gather action="/menu" numDigits="1"><Say language="en-gb" voice="woman">Press</Say><Pause />'
        '<Play>a.wav</Play></Gather><Dial callerId="+1"><Number sendDigits="1">+2</Number><Client>alice</Client>'
        '<Conference beep="true">room</Conference><Queue>support</Queue><Sip>sip:a@b</Sip>'
        '<Sip><Uri username="u">sip:c@d</Uri></Sip></Dial></Response>'
    )


def test_several_numbers_at_once() -> None:
    r = twiml.Response()
    r.dial("+1, +2")
    assert r.toxml(False) == "<Response><Dial><Number>+1</Number><Number>+2</Number></Dial></Response>"


def test_names_of_older_programs() -> None:
    r = twiml.Response()
    r.addSay("a")
    r.addPlay("b")
    r.addPause()
    r.addGather().addSay("c")
    r.addDial().addNumber("+1")
    r.addRecord()
    r.addRedirect("d")
    r.addHangup()
    r.addReject()
    r.addSms("e")
    r.append(twiml.Say("f"))
    assert "<Gather><Say>c</Say></Gather><Dial><Number>+1</Number></Dial><Record />" in str(r)


def test_lists_are_joined() -> None:
    r = twiml.Response()
    r.gather(input=["dtmf", "speech"])
    assert 'input="dtmf speech"' in str(r)


def test_what_cannot_stand_in_what() -> None:
    with pytest.raises(twiml.TwimlException):
        twiml.Response().gather().append(twiml.Dial())  # type: ignore[type-var, unused-ignore]
    with pytest.raises(twiml.TwimlException):
        twiml.Response().redirect("/", method="PUT")
    with pytest.raises(twiml.TwimlException):
        twiml.Play()


XML_TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
)


@given(XML_TEXT, XML_TEXT)
def test_what_is_written_is_what_is_read(text: str, attribute: str) -> None:
    r = twiml.Response()
    r.say(text, voice=attribute)
    (say,) = parse(str(r), "text/xml").verbs
    assert say.text == text.strip()
    assert say.get("voice") == attribute


def test_it_is_cheap_to_import() -> None:
    loaded = (
        "import sys, offhook.twiml; print([m for m in ('lxml', 'asyncio', 'urllib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
