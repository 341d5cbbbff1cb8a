"""A Django project in one file that answers calls and texts, with the TwiML of Twilio's own library.

    python examples/django_app.py runserver --noreload 5000

The voice URL of a number is then http://127.0.0.1:5000/voice, its SMS URL http://127.0.0.1:5000/sms.
"""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"], ROOT_URLCONF=__name__, SECRET_KEY="of an example"
)


@csrf_exempt
def voice(request: HttpRequest) -> HttpResponse:
    """Answer a call."""
    response = VoiceResponse()
    response.say("Thank you for calling.")
    return HttpResponse(str(response), content_type="text/xml")


@csrf_exempt
def sms(request: HttpRequest) -> HttpResponse:
    """Reply to a text."""
    response = MessagingResponse()
    response.message(f"You wrote: {request.POST['Body']}")
    return HttpResponse(str(response), content_type="text/xml")


urlpatterns = [path("voice", voice), path("sms", sms)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
