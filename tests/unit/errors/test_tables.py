"""The tables of error codes."""

import pytest

from offhook import errors


def test_programs_find_the_statuses_that_they_match_on() -> None:
    statuses = {
        20003: 401,
        20004: 405,
        20008: 403,
        20009: 409,
        20404: 404,
        20429: 429,
        20503: 503,
        21211: 400,
    }
    assert {code: errors.REST[code].status for code in statuses} == statuses


def test_rest_makes_an_exception_with_all_that_its_body_needs() -> None:
    error = errors.rest(21211, "The 'To' number 12 is not a valid phone number.", to="12")
    assert (error.code, error.status, error.details) == (21211, 400, {"to": "12"})
    assert str(error) == error.message == "The 'To' number 12 is not a valid phone number."
    assert errors.rest(20404).message == errors.REST[20404].title
    assert errors.more_info(20404) == "https://www.twilio.com/docs/errors/20404"


def test_a_code_that_is_not_in_the_table_is_a_defect() -> None:
    with pytest.raises(KeyError):
        errors.rest(1)


def test_levels_say_whether_the_document_went_on() -> None:
    assert errors.NOTIFICATIONS[11200].level == "error"
    assert errors.NOTIFICATIONS[12200].level == "warning"
    assert errors.NOTIFICATIONS[15003].level == "warning"
    assert {entry.level for entry in errors.NOTIFICATIONS.values()} == {"error", "warning"}


def test_every_code_has_a_title_of_its_own() -> None:
    for code in (*errors.REST, *errors.NOTIFICATIONS, *errors.DELIVERY, *errors.CLIENT):
        assert len(errors.title(code)) > 5
    assert errors.title(99999) == "Error 99999"


def test_protocol_errors_carry_the_status_to_answer_with() -> None:
    assert errors.RemoteProtocolError("bad", 400).status == 400
    assert errors.RemoteProtocolError("bad").status is None
