"""A Flask application that answers calls and texts, with the TwiML builder of the guide.

    flask --app examples/flask_app_guide.py run --port 5000

The voice URL of a number is then http://127.0.0.1:5000/voice, its SMS URL http://127.0.0.1:5000/sms. With
`from twilio import twiml` (twilio-python 5) instead it answers Twilio.
"""

from flask import Flask, Response

from offhook import twiml

app = Flask(__name__)


@app.route("/voice", methods=["GET", "POST"])
def voice() -> Response:
    """Answer a call."""
    r = twiml.Response()
    r.say("Hello world.")
    return Response(str(r), mimetype="text/xml")


@app.route("/sms", methods=["GET", "POST"])
def sms() -> Response:
    """Reply to a text."""
    r = twiml.Response()
    r.message("Thank you for your text.")
    return Response(str(r), mimetype="text/xml")
