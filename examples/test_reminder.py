"""Testing a program that calls and texts people, with pytest and the `offhook` fixture.

    pytest examples/test_reminder.py

The fixture comes with the package. It starts a whole platform once, with virtual phones that a test can ask what they
heard and were sent. `remind` is the program under test; it works with Twilio's own library.
"""

from twilio.rest import Client

from offhook.testing import Platform


def remind(client: Client, sender: str, person: str) -> None:
    """Call somebody and leave a text."""
    twiml = '<Response><Play digits="1"/><Pause length="1"/></Response>'
    client.calls.create(to=person, from_=sender, twiml=twiml)
    client.messages.create(to=person, from_=sender, body="Your appointment is tomorrow at ten.")


def client_of(platform: Platform) -> Client:
    """Twilio's client, pointed at the platform."""
    client = Client(platform.account_sid, platform.auth_token)
    client.api.base_url = platform.api_url
    return client


def test_person_is_called_and_texted(offhook: Platform) -> None:
    phone = offhook.phone("+15551230000")
    remind(client_of(offhook), offhook.phone_numbers[0], phone.number)
    assert phone.wait_for_call("ended").digits_heard == "1"
    assert phone.wait_for_text().body == "Your appointment is tomorrow at ten."


def test_person_is_busy(offhook: Platform) -> None:
    phone = offhook.phone("+15551230001")
    phone.behave(on_call="busy")
    remind(client_of(offhook), offhook.phone_numbers[0], phone.number)
    assert phone.wait_for_call("ended").outcome == "busy"
    assert "tomorrow at ten" in phone.wait_for_text().body
