"""The status graph."""

from itertools import pairwise

from offhook.sms.message_state import TRANSITIONS, MessageStatus, sources_of


def test_the_road_of_a_text() -> None:
    road = [MessageStatus(s) for s in ("queued", "sending", "sent", "delivered")]
    assert all(after in TRANSITIONS[before] for before, after in pairwise(road))


def test_the_graph_names_every_status_and_leads_to_its_ends() -> None:
    assert set(TRANSITIONS) == set(MessageStatus)
    ends = {status for status, after in TRANSITIONS.items() if not after}
    assert ends == {MessageStatus(s) for s in ("undelivered", "failed", "received", "canceled", "read")}
    assert sources_of(MessageStatus.DELIVERED) == {MessageStatus.SENT}
    assert MessageStatus.SENT not in sources_of(MessageStatus.FAILED)
