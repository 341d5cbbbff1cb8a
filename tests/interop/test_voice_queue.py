"""Queues: who waits hears the wait document, who comes for somebody is connected with the first."""

from __future__ import annotations

from tests.harness.stage import Stage, until_told
from tests.harness.transcribe import require_transcription, was_among
from tests.harness.waiting import until

from offhook.testing import Call


def enqueue(stage: Stage, name: str, **behaviour: object) -> tuple[str, Call]:
    """Call a phone into a queue; the SID, and the phone's call."""
    stage.web.twiml("wait", "<Pause length='20'/>")
    stage.web.twiml("left", "<Hangup/>")
    phone = stage.phone(**behaviour)
    sid = stage.call(
        phone,
        twiml=f'<Enqueue action="{stage.web.url("left")}" waitUrl="{stage.web.url("wait")}">{name}</Enqueue>',
    )
    call = phone.wait_for_call("answered")
    stage.web.wait("wait", len(stage.web.received("wait")) or 1)
    return sid, call


def take(stage: Stage, name: str, attributes: str = "", **behaviour: object) -> tuple[str, Call]:
    """Call a phone that comes for the first in a queue."""
    stage.web.twiml("taken", "<Hangup/>")
    phone = stage.phone(**behaviour)
    noun = f"<Queue {attributes}>{name}</Queue>"
    sid = stage.call(phone, twiml=f'<Dial action="{stage.web.url("taken")}" timeout="10">{noun}</Dial>')
    return sid, phone.wait_for_call("answered")


def test_an_agent_talks_with_the_first_who_waits(stage: Stage) -> None:
    require_transcription()
    waits = stage.another()
    sid, caller = enqueue(waits, "support")
    stage.web.twiml("before", "<Say>An agent is coming.</Say>")
    agent_sid, agent = take(stage, "support", f'url="{stage.web.url("before")}"')
    before = stage.web.wait("before").params
    assert (before["CallSid"], before["DequeingCallSid"]) == (sid, agent_sid)
    assert before["QueueSid"].startswith("QU")
    stage.until(agent_sid, "bridged")
    caller.say("My engine does not start.")
    until_told(agent, "my engine does not start")
    agent.hang_up()
    left = waits.web.wait("left").params
    assert (left["QueueResult"], left["QueueSid"]) == ("bridged", before["QueueSid"])
    taken = stage.web.wait("taken").params
    assert (taken["DialCallStatus"], taken["DialBridged"], taken["DialCallSid"]) == ("completed", "true", sid)
    assert was_among("an agent is coming", caller.wait("ended").words_heard())


def test_the_wait_document_is_told_of_the_queue_and_may_leave_it(stage: Stage) -> None:
    stage.web.twiml("wait", "<Leave/>")
    stage.web.twiml("left", "<Hangup/>")
    action = f'action="{stage.web.url("left")}" waitUrl="{stage.web.url("wait")}"'
    stage.call(stage.phone(), twiml=f"<Enqueue {action}>leaves</Enqueue>")
    asked = stage.web.wait("wait").params
    assert (asked["QueuePosition"], asked["CurrentQueueSize"]) == ("1", "1")
    left = stage.web.wait("left").params
    assert left["QueueResult"] == "leave"
    assert left["QueueSid"] == asked["QueueSid"]
    assert stage.final_status() == "completed"


def test_a_full_queue_and_one_that_does_not_exist(stage: Stage) -> None:
    stage.web.twiml("left", "<Hangup/>")
    _, caller = enqueue(stage.another(), "full")
    full = f'<Enqueue action="{stage.web.url("left")}" maxQueueSize="1">full</Enqueue>'
    stage.call(stage.phone(), twiml=full)
    assert stage.web.wait("left").params["QueueResult"] == "queue-full"
    other = stage.another()
    take(other, "nowhere")
    assert other.web.wait("taken").params["DialCallStatus"] == "failed"
    caller.hang_up()


def test_who_hangs_up_is_not_waited_for(stage: Stage) -> None:
    sid, caller = enqueue(stage, "gone")
    members = stage.client.queues.list()
    queue = next(one for one in members if one.friendly_name == "gone")
    until(lambda: [one.call_sid for one in stage.client.queues(queue.sid).members.list()] == [sid])
    caller.hang_up()
    assert stage.web.wait("left").params["QueueResult"] == "hangup"
    assert stage.final_status() == "completed"
    other = stage.another()
    take(other, "gone")
    assert other.web.wait("taken").params["DialCallStatus"] == "no-answer"


def test_the_api_takes_the_first_out(stage: Stage) -> None:
    sid, caller = enqueue(stage, "front")
    queue = next(one for one in stage.client.queues.list() if one.friendly_name == "front")
    stage.web.twiml("now", "<Say>Now.</Say>")
    member = stage.client.queues(queue.sid).members("Front").update(url=stage.web.url("now"))
    assert member.call_sid == sid
    assert stage.web.wait("left").params["QueueResult"] == "redirected"
    assert stage.web.wait("now").params["CallSid"] == sid
    caller.wait("ended")
