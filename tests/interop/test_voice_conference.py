"""Conferences as their participants hear them: a phone each, which plays a tone of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests.harness.stage import Stage, channels_of, samples_heard, samples_of, until_told
from tests.harness.transcribe import Samples, require_transcription, was_among
from tests.harness.waiting import until
from tests.interop.test_voice_prompts import tone_wav
from tests.interop.test_voice_record import download

from offhook.testing import Call

TONES = (500.0, 650.0, 800.0, 950.0, 1100.0)
"""Multiples of 50 Hz, so that frames of 20 ms tell them apart."""
EVENTS = "start end join leave mute hold modify announcement"


@dataclass
class Member:
    """A participant: its call, its phone's call, and its tone."""

    sid: str
    call: Call
    hz: float


def seconds_heard(samples: Samples, hz: float) -> float:
    """For how long a tone is among what is heard, in steps of 20 ms."""
    frames = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(np.float64)
    at = np.arange(160) / 8000
    return float((np.abs(frames @ np.exp(-2j * np.pi * hz * at)) / 80 > 500).sum() * 0.02)


def conference(stage: Stage, name: str, attributes: str = "") -> str:
    """TwiML that enters a conference."""
    return f'<Dial><Conference beep="false" waitUrl="" {attributes}>{name}</Conference></Dial>'


def enter(stage: Stage, folder: Path, name: str, count: int, *attributes: str) -> list[Member]:
    """Call phones into a conference, one after another; each plays its tone when all are there."""
    members = []
    for hz, more in zip(TONES[:count], (*attributes, *[""] * count), strict=False):
        phone = stage.phone()
        sid = stage.call(phone, twiml=conference(stage, name, more))
        members.append(Member(sid, phone.wait_for_call("answered"), hz))
    for member in members:
        stage.until(member.sid, "Dial")
    return members


def play_all(members: list[Member], folder: Path, seconds: float) -> None:
    for member in members:
        path = folder / f"{member.hz}.wav"
        path.write_bytes(tone_wav(member.hz, seconds))
        member.call.play(path)


def in_progress(stage: Stage, name: str, count: int) -> Any:
    """The conference in progress of a name, once so many participants are on record, which is written behind."""

    def met() -> Any:
        for one in stage.client.conferences.list(friendly_name=name, status="in-progress"):
            if len(stage.client.conferences(one.sid).participants.list()) >= count:
                return one
        return None

    return until(met)


def end(stage: Stage, name: str) -> None:
    """End the conference and all calls in it."""
    found = in_progress(stage, name, 1)
    stage.client.conferences(found.sid).update(status="completed")


def until_heard(members: list[Member], wanted: list[list[bool]]) -> None:
    """Wait until those who are to hear somebody have done so for a while: `wanted` as `matrix` tells it."""
    for member, row in zip(members, wanted, strict=True):
        for other, hears in zip(members, row, strict=True):
            if hears:
                until(lambda call=member.call, hz=other.hz: seconds_heard(samples_heard(call), hz) > 1.5)  # type: ignore[misc]


def matrix(members: list[Member]) -> list[list[bool]]:
    """Who heard whom."""
    heard = [samples_heard(member.call.wait("ended")) for member in members]
    return [[seconds_heard(samples, other.hz) > 0.5 for other in members] for samples in heard]


def all_but_oneself(count: int) -> list[list[bool]]:
    return [[row != column for column in range(count)] for row in range(count)]


def events(stage: Stage, path: str, last: str) -> list[dict[str, str]]:
    """The callbacks up to the first of this event."""
    number = 1
    while True:
        stage.web.wait(path, number)
        told = [received.params for received in stage.web.received(path)]
        if any(params["StatusCallbackEvent"] == last for params in told):
            return told
        number = len(told) + 1


def test_each_hears_the_others_and_not_itself(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "all", 4)
    play_all(members, tmp_path, 3)
    until_heard(members, all_but_oneself(4))
    end(stage, "all")
    assert matrix(members) == all_but_oneself(4)


def test_callbacks_are_numbered_without_gaps(stage: Stage, tmp_path: Path) -> None:
    url = stage.web.url("room")
    attributes = f'statusCallback="{url}" statusCallbackEvent="{EVENTS}" participantLabel="host"'
    members = enter(stage, tmp_path, "told", 2, attributes)
    found = in_progress(stage, "told", 2)
    participants = stage.client.conferences(found.sid).participants
    assert {one.call_sid for one in participants.list()} == {member.sid for member in members}
    assert participants("host").update(muted=True).muted
    assert participants(members[1].sid).update(hold=True).hold
    assert not participants("host").update(muted=False).muted
    participants(members[1].sid).delete()
    members[1].call.wait("ended")
    members[0].call.hang_up()
    told = events(stage, "room", "conference-end")
    assert [one["StatusCallbackEvent"] for one in told] == [
        "participant-join",
        "participant-join",
        "conference-start",
        "participant-mute",
        "participant-hold",
        "participant-unmute",
        "participant-leave",
        "participant-leave",
        "conference-end",
    ]
    assert [int(one["SequenceNumber"]) for one in told] == list(range(1, 10))
    assert {one["ConferenceSid"] for one in told} == {found.sid}
    assert told[0]["ParticipantLabel"] == "host"
    assert told[-1]["ReasonConferenceEnded"] == "last-participant-left"
    ended = stage.client.conferences(found.sid).fetch()
    assert (ended.status, ended.reason_conference_ended) == ("completed", "last-participant-left")
    assert ended.call_sid_ending_conference == members[0].sid


def speech_told(stage: Stage, path: str, event: str, sid: str, count: int = 1) -> None:
    """Wait until the callback has been told so often that a participant begins or ceases to speak."""
    number = 1
    while True:
        stage.web.wait(path, number)
        told = [received.params for received in stage.web.received(path)]
        what = (f"participant-speech-{event}", sid)
        if sum((one["StatusCallbackEvent"], one.get("CallSid")) == what for one in told) >= count:
            return
        number = len(told) + 1


def speak_in_turn(stage: Stage, folder: Path, name: str) -> None:
    """Two speak, one is muted and says something, the other leaves in the middle of a sentence."""
    attributes = f'statusCallback="{stage.web.url(name)}" statusCallbackEvent="join leave mute speaker end"'
    one, other = enter(stage, folder, name, 2, attributes)
    short, long = folder / "short.wav", folder / "long.wav"
    short.write_bytes(tone_wav(one.hz, 0.6))
    long.write_bytes(tone_wav(one.hz, 30))
    for member in (one, other):
        member.call.play(short)
        speech_told(stage, name, "stop", member.sid)
    found = in_progress(stage, name, 2)
    stage.client.conferences(found.sid).participants(one.sid).update(muted=True)
    one.call.play(short)
    other.call.play(long)
    speech_told(stage, name, "start", other.sid, 2)
    other.call.hang_up()
    other.call.wait("ended")
    one.call.hang_up()
    told = sorted(events(stage, name, "conference-end"), key=lambda params: int(params["SequenceNumber"]))
    assert [int(params["SequenceNumber"]) for params in told] == list(range(1, len(told) + 1))
    names = {one.sid: "one", other.sid: "other", None: ""}
    assert [(params["StatusCallbackEvent"], names[params.get("CallSid")]) for params in told] == [
        ("participant-join", "one"),
        ("participant-join", "other"),
        ("participant-speech-start", "one"),
        ("participant-speech-stop", "one"),
        ("participant-speech-start", "other"),
        ("participant-speech-stop", "other"),
        ("participant-mute", "one"),
        ("participant-speech-start", "other"),
        ("participant-speech-stop", "other"),
        ("participant-leave", "other"),
        ("participant-leave", "one"),
        ("conference-end", ""),
    ]
    kept = [entry for entry in stage.whole_timeline(one.sid) if entry["kind"] == "note"]
    names_kept = [entry["name"] for entry in kept]
    assert "participant-mute" in names_kept and not any("speech" in name for name in names_kept)


def test_who_speaks_is_told_in_turn(stage: Stage, tmp_path: Path) -> None:
    speak_in_turn(stage, tmp_path, "speakers")


def test_the_muted_are_not_heard_and_who_is_kicked_is_gone(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "some", 4, 'muted="true"')
    found = in_progress(stage, "some", 4)
    participants = stage.client.conferences(found.sid).participants
    participants(members[1].sid).update(hold=True, hold_url="")
    participants(members[3].sid).delete()
    members[3].call.wait("ended")
    play_all(members[:3], tmp_path, 3)
    wanted = [[False, False, True], [False, False, False], [False, False, False]]
    until_heard(members[:3], wanted)
    end(stage, "some")
    assert matrix(members[:3]) == wanted


def test_a_coach_is_heard_by_the_coached_only(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "coached", 2)
    phone = stage.phone()
    sid = stage.call(phone, twiml=conference(stage, "coached", f'coach="{members[0].sid}"'))
    members.append(Member(sid, phone.wait_for_call("answered"), TONES[2]))
    stage.until(sid, "Dial")
    play_all(members, tmp_path, 3)
    wanted = [[False, True, True], [True, False, False], [True, True, False]]
    until_heard(members, wanted)
    end(stage, "coached")
    assert matrix(members) == wanted


def test_who_waits_hears_the_wait_document_again_and_again(stage: Stage) -> None:
    require_transcription()
    stage.web.twiml("wait", "<Say>Please hold the line.</Say>")
    phone = stage.phone()
    twiml = f'<Dial><Conference waitUrl="{stage.web.url("wait")}">waits</Conference></Dial>'
    stage.call(phone, twiml=twiml)
    asked = stage.web.wait("wait", 3)
    assert asked.params["FriendlyName"] == "waits"
    assert asked.params["ConferenceSid"].startswith("CF")
    call = phone.wait_for_call("answered")
    call.hang_up()
    assert was_among("please hold the line please hold the line", call.wait("ended").words_heard())


def test_everybody_hears_an_announcement(stage: Stage, tmp_path: Path) -> None:
    require_transcription()
    members = enter(stage, tmp_path, "announced", 2)
    stage.web.twiml("news", "<Say>The meeting ends in five minutes.</Say>")
    found = in_progress(stage, "announced", 2)
    stage.client.conferences(found.sid).update(announce_url=stage.web.url("news"))
    for member in members:
        until_told(member.call, "the meeting ends in five minutes")
    end(stage, "announced")
    assert len(stage.web.received("news")) == 1


def test_the_recording_of_a_conference_has_everybody(stage: Stage, tmp_path: Path) -> None:
    callback = f'recordingStatusCallback="{stage.web.url("recorded")}" trim="do-not-trim"'
    members = enter(stage, tmp_path, "kept", 2, f'record="record-from-start" {callback}')
    play_all(members, tmp_path, 2)
    until_heard(members, all_but_oneself(2))
    end(stage, "kept")
    told: dict[str, Any] = stage.web.wait("recorded").params
    assert (told["RecordingStatus"], told["RecordingSource"]) == ("completed", "Conference")
    assert told["ConferenceSid"].startswith("CF")
    samples = samples_of(download(stage, told["RecordingUrl"]))
    assert all(seconds_heard(samples, member.hz) > 1.0 for member in members)


def test_the_action_is_told_that_the_conference_has_answered(stage: Stage) -> None:
    stage.web.twiml("done", "<Hangup/>")
    action = f'action="{stage.web.url("done")}" hangupOnStar="true"'
    first, second = stage.phone(), stage.phone()
    twiml = f'<Dial {action}><Conference beep="false" waitUrl="">star</Conference></Dial>'
    stage.call(first, twiml=twiml)
    first.wait_for_call("answered")
    other = stage.call(second, twiml=twiml)
    second.wait_for_call("answered")
    stage.until(other, "Dial")
    second.wait_for_call("answered").press("*")
    assert stage.web.wait("done").params["DialCallStatus"] == "answered"
    first.wait_for_call("answered").hang_up()


def test_the_recording_of_a_participant_has_it_and_the_others_in_a_channel_each(
    stage: Stage, tmp_path: Path
) -> None:
    stage.web.twiml("kept", "<Hangup/>")
    room = '<Conference beep="false" waitUrl="">legs</Conference>'
    dial = f'<Dial action="{stage.web.url("kept")}" record="record-from-answer-dual">{room}</Dial>'
    [other] = enter(stage, tmp_path, "legs", 1)
    phone = stage.phone()
    sid = stage.call(phone, twiml=dial)
    recorded = Member(sid, phone.wait_for_call("answered"), TONES[1])
    stage.until(sid, "recording")
    play_all([other, recorded], tmp_path, 2)
    until_heard([other, recorded], all_but_oneself(2))
    end(stage, "legs")
    told = stage.web.wait("kept").params
    assert (told["DialCallStatus"], told["RecordingSid"][:2]) == ("answered", "RE")
    kept = stage.client.recordings(told["RecordingSid"]).fetch()
    assert (kept.source, kept.channels, kept.call_sid) == ("DialVerb", 2, sid)
    said, heard = channels_of(download(stage, told["RecordingUrl"]))
    assert [seconds_heard(said, member.hz) > 1.0 for member in (recorded, other)] == [True, False]
    assert [seconds_heard(heard, member.hz) > 1.0 for member in (recorded, other)] == [False, True]


def test_the_timeline_of_a_conference_says_who_came_and_went(stage: Stage, tmp_path: Path) -> None:
    members = enter(stage, tmp_path, "seen", 2)
    found = in_progress(stage, "seen", 2)
    end(stage, "seen")
    stage.until(found.sid, "conference-end")
    entries = stage.platform.timeline(found.sid)
    for name in ("participant-join", "participant-leave"):
        who = {entry["detail"]["CallSid"] for entry in entries if entry["name"] == name}
        assert who == {member.sid for member in members}
