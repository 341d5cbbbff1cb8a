"""Every example, run as its reader runs it; what came of it is heard at a virtual phone."""

from __future__ import annotations

import pytest
from tests.harness.programs import EXAMPLES, guide_program, load, run_program, serving
from tests.harness.stage import Stage, heard_by, until_told, was_told
from tests.harness.transcribe import require_transcription, was_among

DJANGO, FLASK = "django_app", "flask_app"
RUN = {
    FLASK: ("-m", "flask", "--app", str(EXAMPLES / "{}.py"), "run", "--port", "0"),
    DJANGO: (str(EXAMPLES / "{}.py"), "runserver", "--noreload", "0"),
}


def command(framework: str, name: str) -> list[str]:
    """How an application is started, on any free port."""
    return [part.format(name) for part in RUN[framework]]


def test_guide_calls(stage: Stage) -> None:
    require_transcription()
    phone = stage.phone()
    sid = run_program(
        guide_program("make_call.py", stage.platform, phone), {"OFFHOOK_API_URL": stage.platform.api_url}
    )
    assert was_told(phone.wait_for_call("ended"), "hello world")
    assert stage.client.calls(sid).fetch().to == phone.number


def test_guide_texts(stage: Stage) -> None:
    phone = stage.phone()
    sid = run_program(
        guide_program("send_text.py", stage.platform, phone), {"OFFHOOK_API_URL": stage.platform.api_url}
    )
    assert phone.wait_for_text().body == "Hello world."
    assert stage.client.messages(sid).fetch().body == "Hello world."


@pytest.mark.parametrize(
    ("framework", "name", "said", "reply"),
    [
        (FLASK, "flask_app", "thank you for calling", "You wrote: Good morning"),
        (FLASK, "flask_app_guide", "hello world", "Thank you for your text."),
        (DJANGO, "django_app", "thank you for calling", "You wrote: Good morning"),
        (DJANGO, "django_app_guide", "hello world", "Thank you for your text."),
    ],
)
def test_applications_answer(stage: Stage, framework: str, name: str, said: str, reply: str) -> None:
    require_transcription()
    with serving(*command(framework, name)) as url:
        number = stage.number(voice_url=f"{url}/voice", sms_url=f"{url}/sms")
        phone = stage.phone()
        phone.text(number, "Good morning")
        phone.call(number)
        text = phone.wait_for_text()
        assert (text.from_, text.body) == (number, reply)
        assert was_told(phone.wait_for_call("ended"), said)


MENU = "For our opening hours, press one. For our address, press two."


def test_menu(stage: Stage) -> None:
    require_transcription()
    with serving(*command(FLASK, "menu")) as url:
        number = stage.number(voice_url=f"{url}/voice")
        hasty, wrong, silent = stage.phone(), stage.phone(), stage.phone()
        hasty.call(number, press="2", press_after=1.0)
        wrong.call(number, press="9", press_after=1.0)
        silent.call(number)
        assert was_among("beside the railway station", heard_by(hasty.wait_for_call("ended")))
        assert was_among("nothing under this key", heard_by(wrong.wait_for_call("ended")))
        heard = heard_by(silent.wait_for_call("ended"))
        assert was_among(f"{MENU} {MENU} goodbye", heard)


def test_support_line(stage: Stage) -> None:
    require_transcription()
    with serving(*command(FLASK, "support_line")) as url:
        customers, agents = stage.number(voice_url=f"{url}/customer"), stage.number(voice_url=f"{url}/agent")
        customer, agent = stage.phone(), stage.phone()
        waiting = customer.call(customers)
        waiting.wait_for_phrases(2)
        serves = agent.call(agents)
        stage.until(serves.sid, "bridged")
        serves.say("Good morning. What can I do for you?")
        until_told(waiting, "what can i do for you")
        heard = heard_by(waiting)
        assert was_among("you are number one in the queue", heard)
        assert was_among("you are being connected", heard)
        waiting.hang_up()
        serves.hang_up()


reminder = load("test_reminder")
test_person_is_called_and_texted = reminder.test_person_is_called_and_texted
test_person_is_busy = reminder.test_person_is_busy
