"""Conferences, queues and applications in a real PostgreSQL, and what the janitor does with rooms left behind."""

from __future__ import annotations

import asyncio
import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from tests.harness import rows
from tests.harness.services import ACCOUNT

from offhook.clock import new_sid, utcnow
from offhook.janitor.janitor import Janitor
from offhook.store.conferences import ConferenceChange, ConferenceFilters, ParticipantFilters
from offhook.store.database import Connection
from offhook.store.leases import Lease
from offhook.store.paging import Page
from offhook.store.queues import QueueExistsError
from offhook.store.records import CallbackDraft, ConferenceRecord, DeleteOutcome, QueueRecord, WorkNotice
from offhook.store.store import Store

CALLBACK = {
    "url": "http://example.com/conference",
    "method": "POST",
    "events": ["start", "end", "join", "leave"],
}


async def live_call(store: Store, **fields: Any) -> str:
    call = rows.call(**{"status": "in-progress", **fields})
    await store.calls.insert(call)
    return call.sid


async def opened(store: Store, lease: Lease, name: str = "Standup", **fields: Any) -> ConferenceRecord:
    wanted = rows.conference(name, node=lease.node, lease=lease.id, **fields)
    found = await store.conferences.open(wanted)
    assert found == wanted
    return wanted


async def fetched(store: Store, sid: str) -> ConferenceRecord:
    found = await store.conferences.fetch(ACCOUNT, sid)
    assert found is not None
    return found


async def told(store: Store, sid: str) -> list[dict[str, str]]:
    payloads = await store.database.fetch(
        "SELECT payload FROM outbox WHERE resource_sid = $1 AND topic = 'work.callbacks' ORDER BY id", sid
    )
    return [dict(payload["params"]) for (payload,) in payloads]


async def test_a_name_has_one_conference_that_is_not_over(store: Store) -> None:
    one, other = await store.leases.acquire("one"), await store.leases.acquire("other")
    first = await opened(store, one)
    again = [rows.conference(node=other.node, lease=other.id) for _ in range(20)]
    elsewhere = rows.conference(account_sid="AC" + "b" * 32)
    found = await asyncio.gather(*map(store.conferences.open, again), store.conferences.open(elsewhere))
    assert found == [first] * 20 + [elsewhere]
    assert await store.conferences.change(ConferenceChange(first.sid, 1, "completed"))
    second = await opened(store, other)
    assert second.sid != first.sid
    page = await store.conferences.list_page(ACCOUNT, ConferenceFilters(friendly_name="Standup"), Page())
    assert [conference.status for conference in page.items] == ["init", "completed"]
    only = await store.conferences.list_page(ACCOUNT, ConferenceFilters(status="completed"), Page())
    assert [conference.sid for conference in only.items] == [first.sid]


async def test_a_conference_that_the_api_asked_for_is_kept_by_the_node_of_its_first_call(
    store: Store,
) -> None:
    lease = await store.leases.acquire("one")
    reserved = rows.conference()
    assert await store.conferences.open(reserved) == reserved
    wanted = rows.conference(node=lease.node, lease=lease.id, callback=CALLBACK)
    found = await store.conferences.open(wanted)
    assert found == dataclasses.replace(reserved, node="one", lease=lease.id, callback=CALLBACK)
    assert await fetched(store, reserved.sid) == found


async def test_a_conference_of_a_node_that_is_gone_is_not_entered(store: Store) -> None:
    lost = await opened(store, await store.leases.acquire("one"))
    lease = await store.leases.acquire("one")
    wanted = rows.conference(node=lease.node, lease=lease.id)
    assert await store.conferences.open(wanted) is None
    await Janitor(store).round()
    assert await store.conferences.open(wanted) == wanted
    assert (await fetched(store, lost.sid)).reason_conference_ended == "last-participant-left"


async def test_participants_come_change_and_leave(store: Store) -> None:
    room = await opened(store, await store.leases.acquire("one"))
    first, second = await live_call(store), await live_call(store)
    come = rows.participant(room.sid, first, label="host")
    other = rows.participant(room.sid, second, muted=True)
    assert await store.conferences.change(ConferenceChange(room.sid, 1, "in-progress", present=[come, other]))
    assert await store.conferences.participant(room.sid, "host") == come
    assert await store.conferences.participant(room.sid, first) == come
    held = dataclasses.replace(come, hold=True, date_updated=utcnow())
    assert await store.conferences.change(ConferenceChange(room.sid, 2, "in-progress", present=[held]))

    async def shown(**filters: bool) -> list[str]:
        page = await store.conferences.participants_page(room.sid, ParticipantFilters(**filters), Page())
        return [one.call_sid for one in page.items]

    assert sorted(await shown()) == sorted([first, second])
    assert await shown(hold=True) == [first]
    assert await shown(muted=True) == [second]
    assert await shown(coaching=True) == []
    assert await store.conferences.change(
        ConferenceChange(room.sid, 3, "in-progress", present=[held], gone=[first])
    )
    assert await shown() == [second]
    assert await store.conferences.change(ConferenceChange(room.sid, 4, "completed", present=[held]))
    assert await store.conferences.participants([room.sid]) == []
    ended = await fetched(store, room.sid)
    assert (ended.status, ended.revision) == ("completed", 4)
    assert not await store.conferences.change(ConferenceChange(room.sid, 5, "in-progress", present=[held]))


async def test_pages_of_participants_follow_each_other(store: Store) -> None:
    room = await opened(store, await store.leases.acquire("one"))
    now = utcnow()
    calls = [await live_call(store) for _ in range(5)]
    come = [
        rows.participant(room.sid, call, date_created=now + timedelta(seconds=at // 2))
        for at, call in enumerate(calls)
    ]
    await store.conferences.change(ConferenceChange(room.sid, 1, "in-progress", present=come))
    seen: list[str] = []
    token: str | None = None
    for number in range(3):
        page = await store.conferences.participants_page(
            room.sid, ParticipantFilters(), Page(number, 2, token)
        )
        seen += [one.call_sid for one in page.items]
        token = page.next_token
    assert (token, sorted(seen)) == (None, sorted(calls))


async def test_those_on_their_way_are_shown_as_their_calls_are(store: Store) -> None:
    room = rows.conference()
    await store.conferences.open(room)
    call = rows.call()
    expected = rows.participant(room.sid, call.sid, status="queued", label="agent")
    await store.conferences.expect(expected)
    await store.conferences.expect(expected)
    assert await store.conferences.participant(room.sid, "agent") is None
    await store.calls.insert(call)
    moves = [
        ("queued", "queued"),
        ("initiated", "connecting"),
        ("ringing", "ringing"),
        ("in-progress", "connected"),
        ("completed", None),
    ]
    before = "queued"
    for status, shown in moves:
        if status != before:
            await store.calls.transition(call.sid, status, from_statuses=[before])
        found = await store.conferences.participant(room.sid, "agent")
        assert (found.status if found is not None else None) == shown
        before = status


async def test_a_change_is_written_once_with_its_callbacks(store: Store) -> None:
    room = await opened(store, await store.leases.acquire("one"), callback=CALLBACK)
    announced: list[WorkNotice] = []
    store.database.announce = announced.extend
    drafts = [rows.callback("join"), rows.callback("start")]
    change = ConferenceChange(room.sid, 1, "in-progress", sequence=2, callbacks=drafts)
    assert await store.conferences.change(change)
    assert not await store.conferences.change(change)
    assert [params["CallStatus"] for params in await told(store, room.sid)] == ["join", "start"]
    assert [notice.sid for notice in announced] == [room.sid]


async def test_a_commit_that_was_not_heard_of_counts(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    room = await opened(store, await store.leases.acquire("one"))
    run = store.database.run

    async def deaf(operation: Any) -> Any:
        async def twice(connection: Connection) -> Any:
            await operation(connection)
            return await operation(connection)

        return await run(twice)

    monkeypatch.setattr(store.database, "run", deaf)
    change = ConferenceChange(room.sid, 1, "in-progress", callbacks=[rows.callback("start")])
    assert await store.conferences.change(change)
    monkeypatch.undo()
    assert len(await told(store, room.sid)) == 1


async def test_many_conferences_change_together_in_order(store: Store) -> None:
    lease = await store.leases.acquire("one")
    rooms = [await opened(store, lease, f"Room {number}") for number in range(30)]
    changes = [
        store.conferences.change(
            ConferenceChange(
                room.sid, revision, "in-progress", sequence=revision, callbacks=[draft(revision)]
            )
        )
        for revision in range(1, 6)
        for room in rooms
    ]
    assert all(await asyncio.gather(*changes))
    for room in rooms:
        assert [params["CallStatus"] for params in await told(store, room.sid)] == list("12345")


def draft(number: int) -> CallbackDraft:
    return rows.callback(str(number))


async def test_a_row_that_cannot_be_written_fails_alone(store: Store) -> None:
    lease = await store.leases.acquire("one")
    good, bad = await opened(store, lease, "Good"), await opened(store, lease, "Bad")
    results = await asyncio.gather(
        store.conferences.change(ConferenceChange(good.sid, 1, "in-progress")),
        store.conferences.change(ConferenceChange(bad.sid, 1, "no such status")),
        return_exceptions=True,
    )
    assert results[0] is True
    assert isinstance(results[1], Exception)


async def test_the_janitor_ends_the_conferences_of_a_dead_node_with_their_callbacks(store: Store) -> None:
    lease = await store.leases.acquire("one")
    room = await opened(store, lease, callback=CALLBACK)
    calls = [await live_call(store, node=lease.node, lease=lease.id) for _ in range(2)]
    await store.conferences.expect(rows.participant(room.sid, await live_call(store), status="queued"))
    now = utcnow()
    come = [
        rows.participant(room.sid, call, date_created=now + timedelta(seconds=at))
        for at, call in enumerate(calls)
    ]
    await store.conferences.change(ConferenceChange(room.sid, 3, "in-progress", sequence=4, present=come))
    await Janitor(store).round()
    assert (await fetched(store, room.sid)).status == "in-progress"
    await store.leases.acquire("one")
    await asyncio.gather(*(Janitor(store).round() for _ in range(3)))
    ended = await fetched(store, room.sid)
    assert (ended.status, ended.reason_conference_ended) == ("completed", "last-participant-left")
    assert (ended.call_sid_ending_conference, ended.sequence) == (calls[1], 7)
    assert await store.conferences.participants([room.sid]) == []
    events = await told(store, room.sid)
    assert [(event["StatusCallbackEvent"], event["SequenceNumber"]) for event in events] == [
        ("participant-leave", "5"),
        ("participant-leave", "6"),
        ("conference-end", "7"),
    ]
    assert events[0]["CallSid"] == calls[0]
    assert events[2]["ReasonConferenceEnded"] == "last-participant-left"
    assert events[2]["FriendlyName"] == "Standup"


async def test_a_moderator_of_a_dead_node_ends_the_conference(store: Store) -> None:
    room = await opened(store, await store.leases.acquire("one"))
    call = await live_call(store)
    host = rows.participant(room.sid, call, end_conference_on_exit=True)
    await store.conferences.change(ConferenceChange(room.sid, 1, "in-progress", present=[host]))
    await store.leases.acquire("one")
    await Janitor(store).round()
    ended = await fetched(store, room.sid)
    assert ended.reason_conference_ended == "participant-with-end-conference-on-exit-left"
    assert await told(store, room.sid) == []


async def test_the_janitor_forgets_what_nobody_came_to(store: Store) -> None:
    old = utcnow() - timedelta(minutes=2)
    deserted, wanted = (
        rows.conference("Deserted", date_created=old),
        rows.conference("Wanted", date_created=old),
    )
    fresh = rows.conference("Fresh")
    for conference in (deserted, wanted, fresh):
        await store.conferences.open(conference)
    for conference, call in ((deserted, new_sid("CA")), (wanted, await live_call(store))):
        await store.conferences.expect(
            rows.participant(conference.sid, call, status="queued", date_created=old)
        )
    await Janitor(store).round()
    statuses = [(await fetched(store, each.sid)).status for each in (deserted, wanted, fresh)]
    assert statuses == ["completed", "init", "init"]
    assert len(await store.conferences.participants([deserted.sid, wanted.sid])) == 1


async def members(store: Store, queue: QueueRecord) -> list[tuple[int, str]]:
    page = await store.queues.members_page(queue.sid, Page())
    return [(member.position, member.call_sid) for member in page.items]


async def test_a_queue_is_found_or_made_by_its_name(store: Store) -> None:
    lease = await store.leases.acquire("one")
    wanted = [rows.queue(node=lease.node, lease=lease.id) for _ in range(20)]
    found = await asyncio.gather(*map(store.queues.open, wanted))
    assert {queue.sid for queue in found} == {wanted[0].sid}
    assert await store.queues.find(ACCOUNT, "Support") == wanted[0]
    assert await store.queues.find(ACCOUNT, "Nowhere") is None
    with pytest.raises(QueueExistsError):
        await store.queues.create(rows.queue())
    await store.queues.create(rows.queue("Sales"))
    assert [queue.friendly_name for queue in (await store.queues.list_page(ACCOUNT, Page())).items] == [
        "Sales",
        "Support",
    ]


async def test_a_queue_goes_to_whoever_takes_it(store: Store) -> None:
    one, other = await store.leases.acquire("one"), await store.leases.acquire("other")
    queue = rows.queue()
    await store.queues.create(queue)

    async def taken(lease: Lease) -> str | None:
        return (await store.queues.open(rows.queue(node=lease.node, lease=lease.id))).node

    assert await taken(one) == "one"
    assert await taken(other) == "one"
    await store.leases.release(one)
    assert await taken(other) == "other"


async def test_members_stand_in_the_order_in_which_they_came(store: Store) -> None:
    lease = await store.leases.acquire("one")
    queue = await store.queues.open(rows.queue(node=lease.node, lease=lease.id))
    calls = [new_sid("CA") for _ in range(50)]
    since = utcnow() - timedelta(seconds=10)
    waiting = [rows.member(queue.sid, call, date_enqueued=since, lease=lease.id) for call in calls]
    await asyncio.gather(*map(store.queues.add_member, waiting))
    await store.queues.add_member(waiting[0])
    assert await members(store, queue) == list(enumerate(calls, 1))
    await asyncio.gather(
        store.queues.remove_member(queue.sid, calls[0]),
        store.queues.remove_member(queue.sid, calls[2]),
        store.queues.add_member(waiting[0]),
    )
    left = [calls[1], *calls[3:], calls[0]]
    assert await members(store, queue) == list(enumerate(left, 1))
    front = await store.queues.member(queue.sid, None)
    fourth = await store.queues.member(queue.sid, left[3])
    assert front is not None
    assert fourth is not None
    assert (front.call_sid, front.position, fourth.position) == (calls[1], 1, 4)
    assert await store.queues.member(queue.sid, calls[2]) is None
    page = await store.queues.members_page(queue.sid, Page(1, 40))
    assert [member.call_sid for member in page.items] == left[40:]
    assert (page.next_token, page.previous_token) == (None, "")
    sized = await store.queues.fetch(ACCOUNT, queue.sid)
    assert sized is not None
    assert sized.current_size == 49
    assert 10 <= sized.average_wait_time < 100


async def test_a_queue_is_changed_and_deleted_only_when_it_is_empty(store: Store) -> None:
    queue, other = rows.queue(), rows.queue("Sales")
    await store.queues.create(queue)
    await store.queues.create(other)
    assert await store.queues.update(ACCOUNT, queue.sid, {"max_size": 5})
    with pytest.raises(QueueExistsError):
        await store.queues.update(ACCOUNT, queue.sid, {"friendly_name": "Sales"})
    with pytest.raises(ValueError, match="not writable"):
        await store.queues.update(ACCOUNT, queue.sid, {"node": "x"})
    assert not await store.queues.update("AC" + "b" * 32, queue.sid, {"max_size": 6})
    await store.queues.add_member(rows.member(queue.sid, "CA1"))
    assert await store.queues.delete(ACCOUNT, queue.sid) is DeleteOutcome.LIVE
    await store.queues.remove_member(queue.sid, "CA1")
    assert await store.queues.delete("AC" + "b" * 32, queue.sid) is DeleteOutcome.NOT_FOUND
    assert await store.queues.delete(ACCOUNT, queue.sid) is DeleteOutcome.DELETED
    assert await store.queues.fetch(ACCOUNT, queue.sid) is None


async def test_the_janitor_removes_those_whom_a_dead_node_kept_waiting(store: Store) -> None:
    lease, other = await store.leases.acquire("one"), await store.leases.acquire("other")
    queue = await store.queues.open(rows.queue(node=lease.node, lease=lease.id))
    stays, lost, over = [await live_call(store) for _ in range(3)]
    await store.queues.add_member(rows.member(queue.sid, stays, lease=other.id))
    await store.queues.add_member(rows.member(queue.sid, lost, lease=lease.id))
    await store.queues.add_member(rows.member(queue.sid, over, lease=other.id))
    await store.calls.transition(over, "completed", from_statuses=["in-progress"])
    await store.leases.release(lease)
    await Janitor(store).round()
    assert await members(store, queue) == [(1, stays)]


async def test_an_application_is_changed_and_taken_off_its_numbers(store: Store) -> None:
    application = rows.application()
    await store.applications.create(application)
    assert await store.applications.of_account(ACCOUNT, application.sid) == application
    assert await store.applications.of_account("AC" + "b" * 32, application.sid) is None
    assert await store.applications.of_account(ACCOUNT, None) is None
    changed = await store.applications.update(ACCOUNT, application.sid, {"voice_url": "http://example.com/"})
    assert changed is not None
    assert await store.applications.of_account(ACCOUNT, application.sid) == changed
    assert await store.applications.update("AC" + "b" * 32, application.sid, {}) is None
    with pytest.raises(ValueError, match="not writable"):
        await store.applications.update(ACCOUNT, application.sid, {"sid": "AP"})
    page = await store.applications.list_page(ACCOUNT, "Desk", Page())
    assert page.items == [changed]
    number = rows.number(voice_application_sid=application.sid, sms_application_sid="AP1")
    await store.numbers.create(number)
    assert await store.numbers.cached.get(number.phone_number) == number
    assert not await store.applications.delete("AC" + "b" * 32, application.sid)
    assert await store.applications.delete(ACCOUNT, application.sid)
    assert await store.applications.fetch(ACCOUNT, application.sid) is None
    found = await store.numbers.fetch(ACCOUNT, number.sid)
    assert found is not None
    assert (found.voice_application_sid, found.sms_application_sid) == (None, "AP1")
