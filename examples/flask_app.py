"""A Flask application that answers calls and texts, with the TwiML of Twilio's own library.

    flask --app examples/flask_app.py run --port 5000

The voice URL of a number is then http://127.0.0.1:5000/voice, its SMS URL http://127.0.0.1:5000/sms.
"""

from flask import Flask, Response, request
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

app = Flask(__name__)


@app.post("/voice")
def voice() -> Response:
    """Answer a call."""
    response = VoiceResponse()
    response.say("Thank you for calling.")
    return Response(str(response), mimetype="text/xml")


@app.post("/sms")
def sms() -> Response:
    """Reply to a text."""
    response = MessagingResponse()
    response.message(f"You wrote: {request.form['Body']}")
    return Response(str(response), mimetype="text/xml")
