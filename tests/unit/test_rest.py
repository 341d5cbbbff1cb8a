"""Which parameters the Python client takes."""

import pytest

from offhook.rest import TwilioException, TwilioRestClient, accepted


def test_parameters_are_those_of_the_contract() -> None:
    assert {"to", "from", "url", "status_callback_event"} <= accepted("POST", "Calls", one=False)
    assert {"status", "url", "twiml"} <= accepted("POST", "Calls", one=True)
    assert {"start_time", "start_time<", "start_time>"} <= accepted("GET", "Calls", one=False)
    assert {"area_code", "sms_url"} <= accepted("POST", "IncomingPhoneNumbers", one=False)


def test_others_are_refused_before_anything_is_sent() -> None:
    client = TwilioRestClient("AC1", "token", base="http://127.0.0.1:1")
    with pytest.raises(TypeError, match=r"Calls\.create\(\) got an unexpected keyword argument 'too'"):
        client.calls.create(too="+15551230000", from_="+15105550100")
    with pytest.raises(TypeError, match="twimll"):
        client.calls.update("CA1", twimll="<Response/>")
    with pytest.raises(TypeError, match="started_befor"):
        client.calls.list(started_befor="2026-01-01")


def test_older_names_are_taken() -> None:
    client = TwilioRestClient("AC1", "token", base="http://127.0.0.1:1")
    for request in (
        lambda: client.calls.create(to="1", from_="2", url="http://a/", if_machine="Hangup"),
        lambda: client.calls.list(started_before="2026-01-01", page_size=1),
    ):
        with pytest.raises(TwilioException, match="cannot be reached"):
            request()
