"""A support line: callers wait in a queue with music, agents call in and talk with the first who waits.

    flask --app examples/support_line.py run --port 5000

The voice URL of the number that customers call is then http://127.0.0.1:5000/customer, that of the agents' number
http://127.0.0.1:5000/agent.
"""

from flask import Flask, Response, request
from twilio.twiml.voice_response import Dial, VoiceResponse

app = Flask(__name__)


@app.post("/customer")
def customer() -> Response:
    """Wait for an agent."""
    response = VoiceResponse()
    response.say("Thank you for calling. An agent will be with you soon.")
    response.enqueue("support", action="/goodbye", wait_url="/wait")
    return answer(response)


@app.post("/wait")
def wait() -> Response:
    """What is heard meanwhile, again and again."""
    response = VoiceResponse()
    response.say(f"You are number {request.form['QueuePosition']} in the queue.")
    response.pause(length=10)
    return answer(response)


@app.post("/agent")
def agent() -> Response:
    """Talk with the first who waits, or wait a minute for one."""
    response = VoiceResponse()
    dial = Dial(timeout=60)
    dial.queue("support", url="/connecting")
    response.append(dial)
    response.redirect("/agent")
    return answer(response)


@app.post("/connecting")
def connecting() -> Response:
    """What the customer hears before."""
    response = VoiceResponse()
    response.say("You are being connected.")
    return answer(response)


@app.post("/goodbye")
def goodbye() -> Response:
    """The customer has left the queue or the agent."""
    response = VoiceResponse()
    response.say("Goodbye.")
    return answer(response)


def answer(response: VoiceResponse) -> Response:
    """TwiML as Flask sends it."""
    return Response(str(response), mimetype="text/xml")
