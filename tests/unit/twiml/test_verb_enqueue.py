"""<Enqueue>: no action (14203), method POST (14201), waitUrl music (14202), waitUrlMethod POST (14206)."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import RINGING, URL, Transcript, attribute_table, codes, only, run

from offhook.twiml.effects import (
    Answer,
    EndEnqueue,
    Enqueue,
    Fetch,
    HangUp,
    Join,
    LeaveQueue,
    Speak,
    StartTimer,
    StopPlay,
)
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml, Purpose
from offhook.twiml.events import EnqueueDone, HungUp, Played, Popped, Pushed, Redirected
from offhook.twiml.holdmusic import HOLD_MUSIC
from offhook.twiml.verbs.enqueue import Enqueue as EnqueueVerb

DONE = "https://app.example/voice/done"
WAIT = EntryPoint("https://app.example/voice/wait")


def waiting(attributes: str = 'action="done"', after: str = "<Say>After</Say>") -> Transcript:
    return run(f"<Enqueue {attributes}>Line</Enqueue>{after}")


def enqueued(call: Transcript) -> int:
    return call.active(Enqueue).enqueue


def hears(call: Transcript, body: str) -> None:
    """The queue has it hear a document, which comes."""
    call.on(Pushed(Purpose.QUEUE, WAIT))
    call.respond(f"<Response>{body}</Response>")


def test_attributes() -> None:
    assert attribute_table(EnqueueVerb) == {
        "action": (None, 14203),
        "method": ("POST", 14201),
        "waitUrl": (None, 14202),
        "waitUrlMethod": ("POST", 14206),
        "maxQueueSize": (None, 12200),
        "workflowSid": (None, 12200),
    }


def test_it_answers_and_waits_with_music() -> None:
    call = run("<Enqueue>Line</Enqueue>", RINGING)
    assert call.asked == [Answer(), Enqueue(2, "Line", HOLD_MUSIC, None)]


def test_what_is_heard_and_how_many_may_wait() -> None:
    assert waiting('waitUrl="wait" waitUrlMethod="GET" maxQueueSize="7"').active(Enqueue) == Enqueue(
        2, "Line", EntryPoint("https://app.example/voice/wait", "GET"), 7
    )
    assert waiting('waitUrl=""').active(Enqueue).wait is None
    silent = waiting('waitUrl="mailto:x"')
    assert codes(silent.asked) == [14202] and silent.active(Enqueue).wait is None


@pytest.mark.parametrize(
    ("result", "waited", "told"),
    [
        ("bridged", 12, {"QueueResult": "bridged", "QueueSid": "QU1", "QueueTime": "12"}),
        ("leave", 0, {"QueueResult": "leave", "QueueSid": "QU1", "QueueTime": "0"}),
        ("queue-full", None, {"QueueResult": "queue-full"}),
        ("system-error", None, {"QueueResult": "system-error"}),
    ],
)
def test_its_action_is_told_how_it_ended(result: str, waited: int | None, told: dict[str, str]) -> None:
    call = waiting()
    sid = None if waited is None else "QU1"
    call.on(EnqueueDone(enqueued(call), result, sid, waited))  # type: ignore[arg-type]
    fetch = only(Fetch, call.asked)
    assert (fetch.url, dict(fetch.params), fetch.final) == (DONE, told, False)


def test_without_an_action_the_next_verb_follows() -> None:
    call = waiting("")
    assert only(Speak, call.on(EnqueueDone(enqueued(call), "leave"))).text == "After"


@pytest.mark.parametrize(
    ("element", "code"),
    [
        ('<Enqueue action="done" workflowSid="WW1"><Task>{}</Task></Enqueue>', 14226),
        ('<Enqueue action="done"> </Enqueue>', 14204),
        (f'<Enqueue action="done">{"x" * 65}</Enqueue>', 14205),
    ],
)
def test_what_cannot_be_waited_for_is_an_error(element: str, code: int) -> None:
    call = run(element)
    assert codes(call.asked) == [code]
    assert dict(only(Fetch, call.asked).params) == {"QueueResult": "error"}


def test_a_dialled_leg_cannot_wait() -> None:
    facts = CallFacts("+15551110000", "+15552220000", "outbound-dial", answered=True)
    call = Transcript(EntryPoint(URL), facts, Purpose.WHISPER)
    call.respond("<Response><Enqueue>Line</Enqueue></Response>")
    assert codes(call.asked) == [13201] and call.asked[-1] == Join()


def test_a_hang_up_leaves_the_queue_and_its_action_is_told() -> None:
    call = waiting()
    hears(call, "<Say>Wait</Say>")
    play, queue = call.active(Speak).play, enqueued(call)
    assert call.on(HungUp()) == [StopPlay(play), EndEnqueue(queue)]
    call.on(EnqueueDone(queue, "hangup", "QU1", 3))
    fetch = only(Fetch, call.asked)
    assert fetch.final and dict(fetch.params)["QueueResult"] == "hangup"
    call.respond("<Response><Say>Nobody hears this</Say></Response>")
    assert call.asked == [] and call.finished


def test_a_hang_up_without_an_action_ends_it() -> None:
    call = waiting("")
    call.on(HungUp())
    assert call.on(EnqueueDone(enqueued(call), "hangup")) == [] and call.finished


def test_the_action_is_told_of_a_redirect_and_what_it_answers_is_not_run() -> None:
    call = waiting()
    hears(call, "<Say>Wait</Say>")
    play, queue = call.active(Speak).play, enqueued(call)
    after = EnqueueDone(queue, "redirected", "QU1", 4)
    asked = call.on(Redirected(InlineTwiml("<Response><Pause/></Response>"), after))
    told, *stopped = asked
    assert isinstance(told, Fetch) and told.final and told.url == DONE
    assert dict(told.params) == {"QueueResult": "redirected", "QueueSid": "QU1", "QueueTime": "4"}
    assert stopped == [EndEnqueue(queue), StopPlay(play), only(StartTimer, stopped)]
    assert call.on(after) == []


def test_a_redirect_of_a_wait_without_an_action_tells_nobody() -> None:
    call = waiting("")
    asked = call.on(
        Redirected(InlineTwiml("<Response><Pause/></Response>"), EnqueueDone(enqueued(call), "redirected"))
    )
    assert not [effect for effect in asked if isinstance(effect, Fetch)]


# What is heard meanwhile


def test_the_document_of_the_wait_begins_again_at_its_end() -> None:
    call = waiting()
    call.on(Pushed(Purpose.QUEUE, WAIT))
    first = only(Fetch, call.asked)
    assert (first.url, first.purpose) == (WAIT.url, Purpose.QUEUE)
    call.respond("<Response><Say>Wait</Say></Response>")
    play = call.active(Speak).play
    call.on(Played(play))
    again = only(Fetch, call.asked)
    assert again.url == WAIT.url and again.request != first.request


def test_leave_ends_the_wait_and_its_document() -> None:
    call = waiting("", "<Say>After</Say>")
    hears(call, "<Leave/><Say>Not heard</Say>")
    assert call.asked == [LeaveQueue()]
    assert only(Speak, call.on(EnqueueDone(enqueued(call), "leave"))).text == "After"
    assert len(call.state.frames) == 1


def test_hang_up_in_the_wait_ends_the_call_and_the_action_is_told() -> None:
    call = waiting()
    hears(call, "<Hangup/>")
    assert call.asked == [HangUp()] and not call.finished
    queue = enqueued(call)
    assert call.on(HungUp()) == [EndEnqueue(queue)]
    assert only(Fetch, call.on(EnqueueDone(queue, "hangup"))).final


def test_a_key_leads_out_of_the_queue() -> None:
    call = waiting()
    hears(call, '<Gather numDigits="1" action="key"><Say>Press</Say></Gather>')
    call.press("1")
    assert only(Fetch, call.asked).url == "https://app.example/voice/key"
    call.respond("<Response><Leave/></Response>")
    assert LeaveQueue() in call.asked


def test_what_may_not_stand_in_a_wait_is_passed_over() -> None:
    call = waiting()
    hears(call, "<Dial>+15551234567</Dial><Record/><Say>Wait</Say>")
    assert codes(call.asked) == [13238, 13238] and only(Speak, call.asked).text == "Wait"


def test_keys_are_for_whoever_came_and_not_for_later() -> None:
    call = waiting("", "<Gather numDigits='2'/>")
    call.press("55")
    call.on(EnqueueDone(enqueued(call), "bridged"))
    assert not [effect for effect in call.asked if isinstance(effect, Fetch)]


def test_what_is_heard_ends_with_the_wait() -> None:
    call = waiting()
    hears(call, "<Say>Wait</Say>")
    play = call.active(Speak).play
    asked = call.on(EnqueueDone(enqueued(call), "system-error"))
    assert asked[0] == StopPlay(play) and len(asked) == 2


def test_somebody_has_come() -> None:
    call = waiting()
    hears(call, "<Say>Wait</Say>")
    play = call.active(Speak).play
    assert call.on(Popped(Purpose.QUEUE)) == [StopPlay(play)]
    call.on(Pushed(Purpose.HANDOVER, EntryPoint("https://app.example/handover")))
    call.respond("<Response><Say>You are next</Say></Response>")
    said = call.active(Speak).play
    assert call.on(Played(said)) == [Join()]
    assert enqueued(call)
