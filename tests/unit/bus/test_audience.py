"""Who is known to hear timelines live."""

from offhook.bus.audience import ANSWER_SECONDS, LAPSE_SECONDS, RENEW_SECONDS, Audience


def test_nobody_listens_unless_it_is_said() -> None:
    audience = Audience()
    audience.listens("AC1", 100.0)
    assert audience.hears("AC1", 100.0)
    assert not audience.hears("AC2", 100.0)


def test_a_listener_is_believed_as_long_as_it_says_so() -> None:
    audience = Audience()
    audience.listens("AC1", 100.0)
    audience.listens("AC1", 100.0 + RENEW_SECONDS)
    assert audience.hears("AC1", 100.0 + LAPSE_SECONDS)
    assert not audience.hears("AC1", 100.0 + LAPSE_SECONDS + RENEW_SECONDS)


def test_everybody_may_listen_until_who_listens_has_answered() -> None:
    audience = Audience()
    audience.connected(100.0)
    audience.listens("AC1", 100.5)
    assert audience.hears("AC2", 100.0 + ANSWER_SECONDS / 2)
    assert not audience.hears("AC2", 100.0 + ANSWER_SECONDS)
    assert audience.hears("AC1", 100.0 + ANSWER_SECONDS)
