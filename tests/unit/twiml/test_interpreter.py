"""What the interpreter decides around the verbs: documents, failures, fallbacks, redirects, hanging up."""

from __future__ import annotations

import pytest
from tests.unit.twiml.transcript import ANSWERED, CALLED, CALLER, RINGING, URL, Transcript, codes, only, run

from offhook.errors import title
from offhook.errors.notifications import NOTIFICATIONS
from offhook.twiml.effects import (
    Announced,
    Answer,
    Confer,
    Dial,
    Effect,
    EndDial,
    Enqueue,
    Fetch,
    HangUp,
    Join,
    Notify,
    PlayUrl,
    SendMessage,
    Speak,
    StartTimer,
    StopPlay,
    StopTimer,
    Trace,
)
from offhook.twiml.entry import CallFacts, EntryPoint, InlineTwiml, Purpose
from offhook.twiml.events import (
    DialDone,
    DialStatus,
    DigitPressed,
    Fetched,
    FetchFailed,
    HungUp,
    MessageQueued,
    Played,
    PlayFailed,
    Popped,
    Pushed,
    Redirected,
    TimerFired,
)
from offhook.twiml.frame import LONGEST_REST
from offhook.twiml.interpreter import MOST_ANNOUNCEMENTS, MOST_DOCUMENTS, MOST_TYPED_AHEAD, step
from offhook.twiml.unbuilt import NOUNS, VERBS

FALLBACK = "https://backup.example/"
SORRY = "An application error has occurred. Goodbye."


def test_asks_for_the_first_document() -> None:
    call = Transcript(EntryPoint("http://a.example/x", "GET"))
    assert call.asked == [Fetch(1, "http://a.example/x", "GET")]
    assert not call.finished


def test_runs_inline_twiml() -> None:
    call = Transcript(InlineTwiml("<Response><Say>Hello</Say></Response>"))
    assert call.asked == [Speak(1, "Hello", "man", "en-US")]
    assert call.played() == [HangUp()]


def test_runs_verbs_from_top_to_bottom_and_traces_them() -> None:
    call = run('<Say voice="woman">One</Say>\n<Pause/>\n<Hangup/>')
    call.played()
    assert call.fired() == [HangUp()]
    assert call.traces == [
        Trace("Say", 1, (("voice", "woman"), ("text", "One"))),
        Trace("Pause", 2),
        Trace("Hangup", 3),
    ]


def test_an_empty_response_hangs_up() -> None:
    assert run("").asked == [HangUp()]
    assert run("", RINGING).asked == [Answer(), HangUp()]


def test_a_step_changes_nothing_but_what_it_returns() -> None:
    call = run("<Gather><Say>Hello</Say></Gather>")
    before = call.state
    assert step(before, DigitPressed("1")) == step(before, DigitPressed("1"))
    assert call.state == before


def test_events_after_the_end_change_nothing() -> None:
    call = run("<Hangup/>")
    for event in (HungUp(), DigitPressed("1"), Played(1), Redirected(InlineTwiml("<Response/>"))):
        assert call.on(event) == []


def test_a_redirect_goes_on_after_the_end_until_the_caller_has_gone() -> None:
    call = run("<Say>Hello</Say>")
    first = said(call)
    assert call.on(Played(first)) == [HangUp()]
    (again,) = call.on(Redirected(InlineTwiml("<Response><Say>More</Say></Response>")))
    assert isinstance(again, Speak) and again.play > first and not call.finished
    assert call.on(Played(again.play)) == [HangUp()]


def test_answers_to_what_was_stopped_change_nothing() -> None:
    call = run("<Say>One</Say><Say>Two</Say>")
    for event in (
        Played(99),
        TimerFired(2),
        Fetched(1, URL, 200, "text/xml", b"<Response/>"),
        FetchFailed(7, 11200),
    ):
        assert call.on(event) == []
    assert call.active(Speak).text == "One"


# Documents that cannot be had


@pytest.mark.parametrize(
    ("status", "content_type", "body", "code"),
    [
        (500, "text/xml", "<Response/>", 11200),
        (404, "text/html", "<html/>", 11200),
        (304, None, "", 11200),
        (200, "text/xml", "", 11770),
        (204, None, "", 11770),
        (200, "text/plain", " \n", 11770),
        (200, "application/json", "{}", 12300),
        (200, None, "<Response/>", 12300),
        (200, "text/html", "<html><body/></html>", 12102),
        (200, "text/xml", "<Response><Say>", 12100),
        (200, "text/xml", "a" * 65537, 11750),
    ],
)
def test_a_bad_answer_is_told_and_apologised_for(
    status: int, content_type: str | None, body: str, code: int
) -> None:
    call = Transcript(EntryPoint(URL), RINGING)
    asked = call.respond(body, content_type, status)
    assert codes(asked) == [code]
    assert asked[0].url == URL  # type: ignore[union-attr]
    assert asked[1:] == [Answer(), Speak(2, SORRY, "man", "en-US")]
    assert call.played() == [HangUp(code)]


def test_no_answer_is_told_and_apologised_for() -> None:
    call = Transcript(EntryPoint(URL))
    asked = call.on(FetchFailed(1, 11210, "no such host"))
    assert asked == [Notify(11210, "no such host", URL), Speak(2, SORRY, "man", "en-US")]


def test_the_fallback_is_asked_and_told_why() -> None:
    call = Transcript(EntryPoint(URL, fallback_url=FALLBACK, fallback_method="GET"))
    asked = call.respond("", status=503)
    assert codes(asked) == [11200]
    assert asked[1] == Fetch(2, FALLBACK, "GET", error=(11200, URL))
    assert call.respond("<Response><Say>Later</Say></Response>") == [Speak(3, "Later", "man", "en-US")]


def test_a_fallback_that_fails_too_is_apologised_for() -> None:
    call = Transcript(EntryPoint(URL, fallback_url=FALLBACK))
    call.respond("", status=503)
    asked = call.respond("nonsense")
    assert codes(asked) == [12100]
    assert asked[-1] == Speak(3, SORRY, "man", "en-US")


def test_the_fallback_serves_every_document_of_the_call() -> None:
    call = run("<Redirect>next</Redirect>", fallback=FALLBACK)
    asked = call.on(FetchFailed(2, 11205))
    assert asked[-1] == Fetch(3, FALLBACK, "POST", error=(11205, "https://app.example/voice/next"))


def test_a_url_that_cannot_be_requested_leads_to_the_fallback() -> None:
    call = run("<Redirect>ftp://x/</Redirect>", fallback=FALLBACK)
    assert codes(call.asked) == [11100]
    assert call.asked[-1] == Fetch(2, FALLBACK, "POST", error=(11100, "ftp://x/"))


def test_a_fallback_that_leads_back_to_what_fails_does_not_go_on_for_ever() -> None:
    call = Transcript(EntryPoint(URL, fallback_url=FALLBACK))
    for _ in range(100):
        if call.state.frames[-1].request is None:
            break
        healthy = call.state.frames[-1].request.url == FALLBACK
        call.respond(f"<Response><Redirect>{URL}</Redirect></Response>", status=200 if healthy else 500)
    assert codes(call.asked) == [14106] or codes(call.asked) == [11200, 14106]
    assert call.active(Speak).text == SORRY


@pytest.mark.parametrize(("status", "ends"), [("no-answer", False), ("failed", True)])
def test_a_dial_that_rings_is_heard(status: DialStatus, ends: bool) -> None:
    call = Transcript(EntryPoint(URL))
    for _ in range(60):
        call.respond("<Response><Dial action='again'>+15554445555</Dial></Response>")
        if codes(call.asked):
            break
        call.on(DialDone(call.active(Dial).dial, status))
        if codes(call.asked):
            break
    assert (codes(call.asked) == [14106]) == ends


def test_hanging_up_during_the_apology() -> None:
    call = Transcript(EntryPoint(URL))
    call.respond("", status=500)
    assert call.on(HungUp()) == [StopPlay(2)]
    assert call.finished


def test_inline_twiml_that_is_not_xml() -> None:
    call = Transcript(InlineTwiml("Hello"))
    assert codes(call.asked) == [12100]
    assert call.asked[-1] == Speak(1, SORRY, "man", "en-US")


# Content types


def test_plain_text_is_said() -> None:
    call = Transcript(EntryPoint(URL))
    assert call.respond("Hello <you>", "text/plain; charset=utf-8") == [
        Speak(2, "Hello <you>", "man", "en-US")
    ]


def test_audio_is_played() -> None:
    call = Transcript(EntryPoint(URL))
    assert call.respond(b"RIFF\0\xff", "audio/wav") == [PlayUrl(2, URL)]


# What is not known or not built


def test_what_is_not_known_is_told_and_passed_over() -> None:
    call = run('<Sing/><Say tempo="1">Hello<Blink/></Say><Number>1</Number>')
    assert codes(call.asked) == [12200] * 4
    assert call.asked[-1] == Speak(2, "Hello", "man", "en-US")
    assert isinstance(call.asked[0], Notify)
    assert "line 1" in call.asked[0].message


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_what_is_not_built_is_told_and_passed_over(verb: str) -> None:
    attribute = next(iter(VERBS[verb].attributes), None)
    call = run(f'<{verb} {attribute}="x"/><Say>on</Say>' if attribute else f"<{verb}/><Say>on</Say>")
    assert codes(call.asked) == [13750]
    assert call.asked[-1] == Speak(2, "on", "man", "en-US")


def test_a_document_cannot_give_any_number_of_notifications() -> None:
    assert len(run("<Sing/>" * 1000).asked) == 21
    assert len(run("<Say/>" * 1000).asked) == 51


def test_every_code_has_an_entry() -> None:
    for code in {row.code for rows in (VERBS, NOUNS) for row in rows.values()} | {12200, 13201, 14106, 15004}:
        assert code in NOTIFICATIONS


# Redirects of a live call, hanging up


def test_a_live_call_is_redirected() -> None:
    call = run("<Say loop='0'>Hello</Say>")
    assert call.on(Redirected(EntryPoint("http://new.example/", "GET"))) == [
        StopPlay(2),
        Fetch(3, "http://new.example/", "GET"),
    ]
    assert call.respond("<Response><Pause/></Response>") == [StartTimer(4, 1)]


def test_a_redirect_overtakes_the_document_that_is_awaited() -> None:
    call = run("<Redirect>slow</Redirect>")
    call.on(Redirected(EntryPoint("http://new.example/")))
    assert call.on(Fetched(2, URL, 200, "text/xml", b"<Response><Hangup/></Response>")) == []
    assert call.respond("<Response><Hangup/></Response>") == [HangUp()]


def test_a_redirect_brings_its_own_fallback() -> None:
    call = run("<Pause/>", fallback=FALLBACK)
    call.on(Redirected(EntryPoint("http://new.example/")))
    assert call.respond("", status=500)[-1] == Speak(4, SORRY, "man", "en-US")


def test_a_redirect_during_the_apology() -> None:
    call = Transcript(EntryPoint(URL))
    call.respond("", status=500)
    assert call.on(Redirected(InlineTwiml("<Response><Say>Back</Say></Response>"))) == [
        StopPlay(2),
        Speak(3, "Back", "man", "en-US"),
    ]


def test_hanging_up_while_a_document_is_awaited() -> None:
    call = Transcript(EntryPoint(URL))
    assert call.on(HungUp()) == []
    assert call.finished


def test_digits_are_kept_within_reason() -> None:
    call = run("<Say>Hello</Say>")
    call.press("1" * 1000)
    assert len(call.state.typed) == MOST_TYPED_AHEAD


# Whispers


def test_a_whisper_ends_in_the_bridge() -> None:
    call = Transcript(
        EntryPoint(URL), CallFacts(CALLER, CALLER, "outbound-dial", answered=True), Purpose.WHISPER
    )
    call.respond("<Response><Say>A call for you</Say></Response>")
    assert call.played() == [Join()]
    assert not call.started


def test_a_leg_that_has_joined_can_be_given_twiml_of_its_own() -> None:
    call = Transcript(
        EntryPoint(URL), CallFacts(CALLER, CALLER, "outbound-dial", answered=True), Purpose.WHISPER
    )
    call.respond("<Response/>")
    call.on(Redirected(InlineTwiml(f"<Response><Dial>{CALLED}</Dial></Response>")))
    assert call.active(Dial)


def test_a_redirect_of_a_whisper_is_no_whisper() -> None:
    call = Transcript(
        EntryPoint(URL), CallFacts(CALLER, CALLER, "outbound-dial", answered=True), Purpose.WHISPER
    )
    call.respond("<Response><Say>A call for you</Say></Response>")
    asked = call.on(Redirected(InlineTwiml(f"<Response><Dial>{CALLED}</Dial></Response>")))
    assert [type(effect) for effect in asked] == [StopPlay, Dial]


# Frames and background


def test_an_answer_finds_the_frame_that_waits_for_it() -> None:
    call = run(f"<Dial>{CALLED}</Dial><Say>Over</Say>")
    dial = call.active(Dial).dial
    call.on(Pushed(Purpose.WHISPER, InlineTwiml("<Response><Say>Above</Say></Response>")))
    above = call.active(Speak).play
    assert call.on(Played(above)) == [Join()]
    assert only(Speak, call.on(DialDone(dial, "completed"))).text == "Over"


def test_a_document_above_is_stopped_with_those_below() -> None:
    call = run(f"<Dial>{CALLED}</Dial>")
    dial = call.active(Dial).dial
    call.on(Pushed(Purpose.WHISPER, InlineTwiml("<Response><Say>Above</Say></Response>")))
    above = call.active(Speak).play
    asked = call.on(HungUp())
    assert asked == [StopPlay(above), EndDial(dial)]


def test_what_begins_again_and_again_gives_each_notice_once() -> None:
    call = run(f"<Dial>{CALLED}</Dial>")
    call.on(Pushed(Purpose.QUEUE, EntryPoint(URL)))
    asked = call.respond("<Response><Record/><Say>Wait</Say></Response>")
    assert codes(asked) == [13238]
    for _ in range(3):
        call.on(Played(call.active(Speak).play))
        assert codes(call.respond("<Response><Record/><Say>Wait</Say></Response>")) == []
    call.on(Played(call.active(Speak).play))
    assert codes(call.respond("", status=500)) == [11200]


def test_a_wait_that_says_nothing_gives_few_notices() -> None:
    call = run(f"<Dial>{CALLED}</Dial>")
    call.on(Pushed(Purpose.QUEUE, EntryPoint(URL)))
    told = []
    while call.state.frames[-1].purpose is Purpose.QUEUE:
        told += codes(call.respond("<Response><Record/></Response>"))
        told += codes(rested(call))
    assert told == [13238, 14106]


def test_a_text_outlives_its_verb_and_tells_when_it_was_refused() -> None:
    call = run("<Sms>Hi</Sms><Redirect>next</Redirect>")
    sent = only(SendMessage, call.asked)
    assert codes(call.on(MessageQueued(sent.message, "", "failed", 14102, "It is not yours"))) == [14102]
    assert not call.state.background


def test_a_text_is_waited_for_after_the_end() -> None:
    call = run("<Sms>Hi</Sms>")
    sent = only(SendMessage, call.asked)
    assert isinstance(call.asked[-1], HangUp) and not call.finished
    call.on(MessageQueued(sent.message, "SM1", "queued"))
    assert call.finished


def test_a_whisper_may_refuse() -> None:
    call = Transcript(
        EntryPoint(URL), CallFacts(CALLER, CALLER, "outbound-dial", answered=True), Purpose.WHISPER
    )
    assert call.respond("<Response><Hangup/></Response>") == [HangUp()]


def test_a_whisper_that_fails_ends_the_leg() -> None:
    call = Transcript(
        EntryPoint(URL), CallFacts(CALLER, CALLER, "outbound-dial", answered=True), Purpose.WHISPER
    )
    assert call.respond("", status=500)[1:] == [HangUp(11200)]


def test_gather_without_action_in_inline_twiml_runs_it_again() -> None:
    call = Transcript(InlineTwiml("<Response><Gather numDigits='1'/></Response>"), ANSWERED)
    assert call.press("1")[-1] == StartTimer(2, 5)


# What is heard above a verb that waits

WAIT = EntryPoint("https://app.example/wait")
HOLD = EntryPoint("https://app.example/hold")
SAID = EntryPoint("https://app.example/said")


def conferring() -> Transcript:
    return run("<Dial><Conference>Weekly</Conference></Dial><Say>Over</Say>")


def hears(call: Transcript, purpose: Purpose, entry: EntryPoint, body: str) -> int:
    """It is to hear a document, which comes; return what is being said then."""
    call.on(Pushed(purpose, entry))
    call.respond(f"<Response>{body}</Response>")
    return said(call)


def said(call: Transcript) -> int:
    return only(Speak, call.asked).play


@pytest.mark.parametrize("purpose", [Purpose.WAIT, Purpose.HOLD, Purpose.QUEUE])
def test_music_begins_again_at_its_end(purpose: Purpose) -> None:
    call = conferring()
    play = hears(call, purpose, WAIT, "<Say>Wait</Say>")
    again = only(Fetch, call.on(Played(play)))
    assert (again.url, again.method, again.purpose) == (WAIT.url, "POST", purpose)
    call.respond("<Response><Say>Wait</Say></Response>")
    again_play = said(call)
    assert call.on(Popped(purpose)) == [StopPlay(again_play)]


def test_music_of_which_nothing_is_heard_is_not_asked_for_without_end() -> None:
    call = conferring()
    call.on(Pushed(Purpose.WAIT, WAIT))
    asked, rests = 1, []
    while call.state.frames[-1].purpose is Purpose.WAIT:
        call.respond("<Response/>")
        rests.append(call.active(StartTimer).seconds)
        asked += len([effect for effect in rested(call) if isinstance(effect, Fetch)])
    assert asked == MOST_DOCUMENTS and codes(call.asked) == [14106]
    assert rests == [1, 2, 4, 8, 16, 32, *[LONGEST_REST] * (MOST_DOCUMENTS - 6)]
    assert not call.finished and call.active(Confer)


@pytest.mark.parametrize("audio", ["<Say>Wait</Say>", "<Pause/>"])
def test_music_goes_on_for_as_long_as_it_is_heard(audio: str) -> None:
    call = conferring()
    call.on(Pushed(Purpose.WAIT, WAIT))
    for _ in range(3 * MOST_DOCUMENTS):
        call.respond(f"<Response>{audio}</Response>")
        (started,) = call.state.frames[-1].active
        call.on(Played(started[0]) if "Say" in audio else TimerFired(started[0]))
    assert call.state.frames[-1].request is not None and codes(call.asked) == []


def test_audio_without_a_sound_is_not_played_without_end() -> None:
    call = conferring()
    play = hears(call, Purpose.WAIT, WAIT, "<Say>Wait</Say>")
    call.on(Played(play, silent=True))
    assert call.active(StartTimer).seconds == 1
    assert call.on(Popped(Purpose.WAIT)) == [StopTimer(call.state.next_id)]


def rested(call: Transcript) -> list[Effect]:
    """The time of a document of which nothing was heard comes again."""
    return call.on(TimerFired(call.active(StartTimer).timer))


def test_inline_music_of_which_nothing_is_heard_falls_silent() -> None:
    call = conferring()
    call.on(Pushed(Purpose.HOLD, InlineTwiml("<Response/>")))
    rests = 0
    while call.state.frames[-1].purpose is Purpose.HOLD:
        rested(call)
        rests += 1
    assert rests == MOST_DOCUMENTS and codes(call.asked) == [14106] and call.active(Confer)


@pytest.mark.parametrize("purpose", [Purpose.WAIT, Purpose.HOLD, Purpose.QUEUE])
def test_music_that_cannot_be_had_is_silence(purpose: Purpose) -> None:
    call = conferring()
    call.on(Pushed(purpose, WAIT))
    assert codes(call.respond("nonsense")) == [12100] and call.active(Confer)
    assert call.on(Popped(purpose)) == []
    call.on(Pushed(purpose, WAIT))
    assert codes(call.respond("", status=503)) == [11200]
    assert len(call.state.frames) == 1


def test_of_music_that_cannot_be_played_the_rest_is_heard() -> None:
    call = conferring()
    call.on(Pushed(Purpose.WAIT, WAIT))
    for again in range(3):
        call.respond("<Response><Play>ftp://a</Play><Play>a.wav</Play><Say>Wait</Say></Response>")
        asked = call.on(PlayFailed(only(PlayUrl, call.asked).play, 13420))
        assert codes(asked) == ([] if again else [13420])
        assert only(Fetch, call.on(Played(only(Speak, asked).play))).url == WAIT.url


def test_music_that_cannot_be_played_is_tried_again_at_leisure() -> None:
    call = conferring()
    call.on(Pushed(Purpose.HOLD, WAIT))
    told = []
    for rest in (1, 2, 4, 8):
        call.respond("<Response><Play>a.wav</Play></Response>")
        told += codes(call.on(PlayFailed(only(PlayUrl, call.asked).play, 13420)))
        assert call.active(StartTimer).seconds == rest
        rested(call)
    call.respond("<Response><Play>a.wav</Play></Response>")
    assert only(Fetch, call.on(Played(only(PlayUrl, call.asked).play))) and told == [13420]


def test_only_what_is_music_may_stand_in_music() -> None:
    call = conferring()
    play = hears(call, Purpose.HOLD, HOLD, "<Gather/><Hangup/><Record/><Say>Hold</Say>")
    assert codes(call.asked) == [13238, 13238, 13238] and call.active(Speak).play == play


def test_music_may_lead_to_other_music() -> None:
    call = conferring()
    call.on(Pushed(Purpose.WAIT, WAIT))
    asked = call.respond("<Response><Redirect>more</Redirect></Response>")
    fetch = only(Fetch, asked)
    assert (fetch.url, fetch.purpose) == ("https://app.example/more", Purpose.WAIT)


def test_other_music_takes_the_place_of_the_music() -> None:
    call = conferring()
    play = hears(call, Purpose.HOLD, HOLD, "<Say>One</Say>")
    first, fetch = call.on(Pushed(Purpose.HOLD, WAIT))
    assert first == StopPlay(play) and isinstance(fetch, Fetch) and len(call.state.frames) == 2


def test_an_announcement_silences_the_music_which_begins_again_then() -> None:
    call = conferring()
    music = hears(call, Purpose.HOLD, HOLD, "<Say>Hold</Say>")
    stopped, fetch = call.on(Pushed(Purpose.ANNOUNCEMENT, SAID))
    assert stopped == StopPlay(music) and isinstance(fetch, Fetch) and fetch.purpose is Purpose.ANNOUNCEMENT
    call.respond("<Response><Say>Listen</Say></Response>")
    over, again = call.on(Played(said(call)))
    assert over == Announced(None, SAID.url)
    assert isinstance(again, Fetch) and again.url == HOLD.url


def test_an_announcement_that_fails_says_so() -> None:
    call = conferring()
    call.on(Pushed(Purpose.ANNOUNCEMENT, SAID))
    asked = call.on(FetchFailed(only(Fetch, call.asked).request, 11200))
    assert codes(asked) == [11200] and only(Announced, asked).failed == f"11200 {title(11200)}"
    call.on(Pushed(Purpose.ANNOUNCEMENT, SAID))
    call.respond("<Response><Play>a.wav</Play></Response>")
    asked = call.on(PlayFailed(only(PlayUrl, call.asked).play, 13420))
    assert only(Announced, asked).failed == f"13420 {title(13420)}"
    assert call.on(Pushed(Purpose.ANNOUNCEMENT, InlineTwiml("<Response/>"))) == [Announced(None, "")]


def test_announcements_wait_for_each_other() -> None:
    call = conferring()
    first = hears(call, Purpose.ANNOUNCEMENT, SAID, "<Say>One</Say>")
    for number in (2, 3):
        assert call.on(Pushed(Purpose.ANNOUNCEMENT, EntryPoint(f"https://app.example/{number}"))) == []
    ended = call.on(Played(first))
    assert only(Fetch, ended).url == "https://app.example/2"
    call.respond("<Response/>")
    assert only(Fetch, call.asked).url == "https://app.example/3"


def test_music_that_begins_during_an_announcement_waits_for_its_end() -> None:
    call = conferring()
    play = hears(call, Purpose.ANNOUNCEMENT, SAID, "<Say>Listen</Say>")
    assert call.on(Pushed(Purpose.HOLD, WAIT)) == [] and call.on(Pushed(Purpose.HOLD, HOLD)) == []
    assert only(Fetch, call.on(Played(play))).url == HOLD.url


def test_music_that_ends_during_an_announcement_does_not_begin_again() -> None:
    call = conferring()
    hears(call, Purpose.HOLD, HOLD, "<Say>Hold</Say>")
    play = hears(call, Purpose.ANNOUNCEMENT, SAID, "<Say>Listen</Say>")
    assert call.on(Popped(Purpose.HOLD)) == []
    assert call.on(Played(play)) == [Announced(None, SAID.url)]


def test_more_announcements_than_can_wait_are_refused() -> None:
    call = conferring()
    for _ in range(MOST_ANNOUNCEMENTS):
        call.on(Pushed(Purpose.ANNOUNCEMENT, SAID))
    refused = only(Announced, call.on(Pushed(Purpose.ANNOUNCEMENT, SAID)))
    assert refused.failed is not None and len(call.state.frames) == 1 + MOST_ANNOUNCEMENTS


def test_the_end_of_the_verb_silences_all_above_it_before_the_next_is_heard() -> None:
    call = conferring()
    play = hears(call, Purpose.WAIT, WAIT, "<Say>Wait</Say>")
    stopped, spoken = call.on(DialDone(call.active(Confer).dial, "answered", bridged=True))
    assert stopped == StopPlay(play) and isinstance(spoken, Speak) and spoken.text == "Over"
    assert len(call.state.frames) == 1 and call.on(Played(play)) == []


def test_what_was_asked_for_above_an_ended_verb_is_not_run() -> None:
    call = conferring()
    fetch = only(Fetch, call.on(Pushed(Purpose.WAIT, WAIT)))
    call.on(DialDone(call.active(Confer).dial, "answered", bridged=True))
    late = Fetched(fetch.request, fetch.url, 200, "text/xml", b"<Response><Say>Late</Say></Response>")
    assert call.on(late) == []


def test_keys_are_nobodys_while_music_is_heard() -> None:
    call = conferring()
    hears(call, Purpose.WAIT, WAIT, "<Say>Wait</Say>")
    assert call.press("12") == [] and call.state.typed == ""


@pytest.mark.parametrize("body", ["<Say>Next</Say>", "<Say", "<Enqueue>Line</Enqueue>"])
def test_the_takers_document_leads_to_the_taker_however_it_ends(body: str) -> None:
    call = run("<Enqueue>Line</Enqueue>")
    call.on(Pushed(Purpose.HANDOVER, SAID))
    call.respond(f"<Response>{body}</Response>")
    if call.asked[-1] != Join():
        call.on(Played(said(call)))
    assert call.asked[-1] == Join() and call.active(Enqueue)


def test_a_hang_up_silences_all_of_it() -> None:
    call = conferring()
    play = hears(call, Purpose.WAIT, WAIT, "<Say>Wait</Say>")
    assert call.on(HungUp()) == [StopPlay(play), EndDial(call.active(Confer).dial)]


def test_a_redirect_silences_all_of_it() -> None:
    call = conferring()
    play, dial = hears(call, Purpose.WAIT, WAIT, "<Say>Wait</Say>"), call.active(Confer).dial
    call.on(Pushed(Purpose.ANNOUNCEMENT, SAID))
    asked = call.on(Redirected(InlineTwiml("<Response><Say>New</Say></Response>")))
    assert asked[0] == EndDial(dial) and StopPlay(play) not in asked
    assert only(Speak, asked).text == "New" and len(call.state.frames) == 1
