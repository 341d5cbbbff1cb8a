"""A menu: the caller presses a key and hears what was chosen; without a key the menu is read again, once.

    flask --app examples/menu.py run --port 5000

The voice URL of a number is then http://127.0.0.1:5000/voice.
"""

from flask import Flask, Response, request
from twilio.twiml.voice_response import VoiceResponse

CHOICES = {"1": "We are open from nine to five.", "2": "You find us beside the railway station."}

app = Flask(__name__)


@app.post("/voice")
def voice() -> Response:
    """Read the menu."""
    response = VoiceResponse()
    gather = response.gather(num_digits=1, timeout=3, action="/chosen")
    gather.say("For our opening hours, press one. For our address, press two.")
    if "again" not in request.args:
        response.redirect("/voice?again=1")
    response.say("Goodbye.")
    return answer(response)


@app.post("/chosen")
def chosen() -> Response:
    """Say what the key stands for."""
    response = VoiceResponse()
    if (text := CHOICES.get(request.form["Digits"])) is not None:
        response.say(text)
    else:
        response.say("There is nothing under this key.")
        response.redirect("/voice")
    return answer(response)


def answer(response: VoiceResponse) -> Response:
    """TwiML as Flask sends it."""
    return Response(str(response), mimetype="text/xml")
