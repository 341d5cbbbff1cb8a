"""Voicemail: asks for a message and records it.

``Message`` (a text or the URL of a sound). The original sends the recording by mail (``Email``) and transcribes it
(``Transcribe``); this platform does neither: the recording is among the call's recordings.
"""

from __future__ import annotations

from offhook.twiml.builder import Response
from offhook.twimlets.parameters import Values, is_url, one

DEFAULT_MESSAGE = "Please leave a message after the tone."
LONGEST_SECONDS = 120


def voicemail(values: Values) -> str:
    """The TwiML that records, or that follows the recording."""
    response = Response()
    if one(values, "RecordingUrl"):
        response.say("Thank you for your message. Goodbye.")
        response.hangup()
        return str(response)
    message = one(values, "Message") or DEFAULT_MESSAGE
    if is_url(message):
        response.play(message)
    else:
        response.say(message)
    response.record(maxLength=LONGEST_SECONDS)
    return str(response)
