"""Conferences and queues by REST, on a live platform: what the API says is what has happened to the calls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.harness.stage import Stage
from tests.harness.waiting import HANGS
from twilio.base.exceptions import TwilioRestException  # type: ignore[import-untyped]


def listed(find: Callable[[], list[Any]]) -> None:
    """Wait until a list is not empty. Raises TimeoutError."""
    deadline = time.monotonic() + HANGS
    while not find():
        if time.monotonic() > deadline:
            raise TimeoutError("the list stays empty")
        time.sleep(0.05)


def test_participants_are_dialled_changed_and_removed(stage: Stage) -> None:
    name, client = "By REST", stage.client
    agent, customer = stage.phone(), stage.phone()
    callback = stage.web.url("conference")
    dialled = client.conferences(name).participants
    first = dialled.create(
        to=agent.number,
        from_=stage.owned,
        label="agent",
        beep="false",
        wait_url="",
        conference_status_callback=callback,
        conference_status_callback_event=["start", "end", "join", "leave", "mute", "hold"],
    )
    second = dialled.create(to=customer.number, from_=stage.owned, beep="false", wait_url="")
    assert first.conference_sid == second.conference_sid
    room = client.conferences(first.conference_sid)
    for phone in (agent, customer):
        phone.wait_for_call("answered")
    joined = [stage.web.wait("conference", number).params for number in (1, 2, 3)]
    assert [params["StatusCallbackEvent"] for params in joined] == [
        "participant-join",
        "participant-join",
        "conference-start",
    ]
    assert {params["ConferenceSid"] for params in joined} == {first.conference_sid}
    assert {one.status for one in room.participants.list()} == {"connected"}
    assert room.fetch().status == "in-progress"
    assert room.participants("agent").update(muted=True).muted is True
    assert room.participants(second.call_sid).update(hold=True, hold_url="").hold is True
    assert [one.call_sid for one in room.participants.list(hold=True)] == [second.call_sid]
    with pytest.raises(TwilioRestException) as held:
        room.participants("agent").update(call_sid_to_coach=second.call_sid)
    assert held.value.code == 16027
    assert room.participants("agent").delete()
    assert [one.call_sid for one in room.participants.list()] == [second.call_sid]
    agent.wait_for_call("ended")
    ended = room.update(status="completed")
    assert (ended.status, ended.reason_conference_ended) == ("completed", "conference-ended-via-api")
    customer.wait_for_call("ended")
    told = [stage.web.wait("conference", number).params for number in range(1, 9)]
    assert [params["SequenceNumber"] for params in told] == list("12345678")
    assert told[-1]["StatusCallbackEvent"] == "conference-end"
    again = dialled.create(to=stage.phone().number, from_=stage.owned, wait_url="")
    assert again.conference_sid != first.conference_sid
    client.conferences(again.conference_sid).update(status="completed")


def test_calls_are_taken_out_of_a_queue(stage: Stage) -> None:
    client = stage.client
    queue = client.queues.create(friendly_name="By REST")
    taken = stage.web.twiml("taken", "<Hangup/>")
    action = stage.web.twiml("action", "<Hangup/>")
    enqueue = f'<Enqueue waitUrl="" action="{action}">By REST</Enqueue>'
    members = client.queues(queue.sid).members
    calls = []
    for position in (1, 2):
        calls.append(stage.call(stage.phone(), twiml=enqueue))
        stage.called.wait_for_call("answered")
        stage.until(calls[-1], "Enqueue")
        assert client.queues(queue.sid).members(calls[-1]).fetch().position == position
    assert client.queues(queue.sid).fetch().current_size == 2
    front = client.queues(queue.sid).members("Front").update(url=taken, method="GET")
    assert front.call_sid == calls[0]
    assert stage.web.wait("taken").params["CallSid"] == calls[0]
    assert stage.web.wait("action").params["QueueResult"] == "redirected"
    assert [member.call_sid for member in members.list()] == [calls[1]]
    with pytest.raises(TwilioRestException) as occupied:
        client.queues(queue.sid).delete()
    assert occupied.value.code == 20409
    client.calls(calls[1]).update(status="completed")
    stage.called.wait_for_call("ended")
    assert members.list() == []
    assert client.queues(queue.sid).delete()


def test_who_leaves_last_and_comes_back_at_once_is_in_another_conference(stage: Stage) -> None:
    noun = '<Dial><Conference beep="false" waitUrl="">Back at once</Conference></Dial>'
    conferences = stage.client.conferences
    sid = stage.call(stage.phone(), twiml=noun * 2)
    stage.called.wait_for_call("answered")
    listed(lambda: conferences.list(friendly_name="Back at once"))
    (first,) = conferences.list(friendly_name="Back at once")
    listed(conferences(first.sid).participants.list)
    assert conferences(first.sid).participants(sid).delete()
    listed(lambda: conferences.list(friendly_name="Back at once", status="init"))
    (second,) = conferences.list(friendly_name="Back at once", status="init")
    assert second.sid != first.sid
    assert conferences(first.sid).fetch().reason_conference_ended == "last-participant-kicked"
    listed(conferences(second.sid).participants.list)
    assert [one.call_sid for one in conferences(second.sid).participants.list()] == [sid]
    conferences(second.sid).update(status="completed")
