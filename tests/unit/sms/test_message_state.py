"""The status graph and the keywords."""

from itertools import pairwise

import pytest

from offhook.sms.keywords import OptOutType, recognize
from offhook.sms.message_state import TERMINAL, TRANSITIONS, MessageStatus, sources_of


def test_the_road_of_a_text() -> None:
    road = [MessageStatus(s) for s in ("queued", "sending", "sent", "delivered")]
    assert all(after in TRANSITIONS[before] for before, after in pairwise(road))


def test_the_graph_names_every_status_and_terminal_ones_end_it() -> None:
    assert set(TRANSITIONS) == set(MessageStatus)
    assert all(TRANSITIONS[status] <= {MessageStatus.READ} for status in TERMINAL)
    assert sources_of(MessageStatus.DELIVERED) == {MessageStatus.SENT}
    assert MessageStatus.SENT not in sources_of(MessageStatus.FAILED)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("STOP", OptOutType.STOP),
        (" stop \n", OptOutType.STOP),
        ("Unstop", OptOutType.START),
        ("help", OptOutType.HELP),
        ("please stop", None),
        ("", None),
        ("STOP" + " " * 100, None),
    ],
)
def test_keywords(body: str, kind: OptOutType | None) -> None:
    assert recognize(body) is kind
