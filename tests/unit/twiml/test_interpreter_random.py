"""Any document and any order of events: nothing is raised, ids are never reused, and there is one end."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.twiml.transcript import CALLED, CALLER, URL

from offhook.twiml import effects, events
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml, Purpose
from offhook.twiml.interpreter import start, step

VERBS = (
    "<Say loop='x'>Hello</Say>",
    "<Play digits='1'>a.wav</Play>",
    "<Pause/>",
    "<Hangup/>",
    "<Reject/>",
    "<Redirect/>",
    "<Redirect>http://[</Redirect>",
    "<Gather numDigits='2'><Say>Press</Say><Play>b.wav</Play></Gather>",
    "<Gather bargeIn='false' actionOnEmptyResult='true'><Say>Press</Say></Gather>",
    "<Record action='done'/>",
    "<Dial action='done'>+15554445555</Dial>",
    "<Dial answerOnBridge='true'><Sip>sip:a@b.example</Sip><Number>x</Number></Dial>",
    "<Sms action='sent'>Hi</Sms>",
    "<Sms>Hi</Sms>",
    "<Sing/>",
    "<Sing/>",
)
DOCUMENT = st.lists(st.sampled_from(VERBS), max_size=4).map(
    lambda verbs: f"<Response>{''.join(verbs)}</Response>"
)
BODY = st.one_of(DOCUMENT, DOCUMENT, DOCUMENT, st.sampled_from(["", "<html/>", "no"]))
FACTS = st.builds(CallFacts, st.just(CALLER), st.just(CALLED), answered=st.booleans())
PURPOSE = st.sampled_from([Purpose.MAIN, Purpose.WHISPER])
LAST = (effects.HangUp, effects.Decline)
STARTED = (
    effects.Fetch,
    effects.Speak,
    effects.PlayUrl,
    effects.PlayDigits,
    effects.Beep,
    effects.StartTimer,
    effects.StartRecording,
    effects.Dial,
    effects.SendMessage,
)


@st.composite
def an_event(draw: st.DrawFn, newest: int) -> events.Event:
    """An event about one of the latest ids, right or wrong, or about none."""
    about = draw(st.integers(max(1, newest - 2), max(1, newest)))
    reason = draw(st.sampled_from(["silence", "digit", "hangup"]))
    status = draw(st.sampled_from([200, 200, 200, 500]))
    choices: list[events.Event] = [
        events.Fetched(about, URL, status, "text/xml", draw(BODY).encode()),
        events.FetchFailed(about, 11205),
        events.Played(about),
        events.PlayFailed(about, 13420),
        events.TimerFired(about),
        events.DigitPressed(draw(st.sampled_from("12#*"))),
        events.RecordingDone(about, "RE1", "http://r/", 1, reason, draw(st.booleans())),  # type: ignore[arg-type]
        events.DialDone(about, "completed", "CA1", 3, draw(st.booleans())),
        events.MessageQueued(about, "SM1", "queued"),
    ]
    rare: list[events.Event] = [
        events.Redirected(EntryPoint(URL)),
        events.Redirected(InlineTwiml(draw(DOCUMENT))),
        events.Pushed(Purpose.WHISPER, InlineTwiml(draw(DOCUMENT))),
        events.HungUp(),
    ]
    return draw(st.sampled_from(choices * 4 + rare))


def ids(asked: Iterable[effects.Effect]) -> list[int]:
    """Return the ids of what is started: the first field of each such effect."""
    return [
        getattr(effect, type(effect).__match_args__[0]) for effect in asked if isinstance(effect, STARTED)
    ]


@settings(max_examples=80)
@given(st.data())
def test_whatever_happens(data: st.DataObject) -> None:
    state, asked = start(
        EntryPoint(URL, fallback_url=data.draw(st.sampled_from([None, URL]))),
        data.draw(FACTS),
        purpose=data.draw(PURPOSE),
    )
    history = list(asked)
    for _ in range(data.draw(st.integers(0, 40))):
        was_finished, event = state.finished, data.draw(an_event(state.next_id))
        # Whoever has not hung up may be given another document after the end of the last.
        again = state.over and not state.hung_up and isinstance(event, events.Redirected)
        state, asked = step(state, event)
        assert again or not (was_finished and asked)
        history = [effect for effect in history if not (again and isinstance(effect, LAST))] + asked
    used = ids(history)
    assert len(used) == len(set(used))
    assert sum(isinstance(effect, effects.Answer) for effect in history) <= 1
    ends = [index for index, effect in enumerate(history) if isinstance(effect, LAST)]
    assert len(ends) <= 1
    if ends:
        assert state.over
        assert ends == [len(history) - 1]
    if state.finished:
        assert not state.frames
