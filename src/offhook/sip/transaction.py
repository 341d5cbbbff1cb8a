"""The four transaction state machines of RFC 3261 section 17, with RFC 6026's Accepted state, as tables.

    INVITE client      CALLING -> PROCEEDING -> COMPLETED | ACCEPTED -> TERMINATED     timers A B D M
    other client       TRYING  -> PROCEEDING -> COMPLETED            -> TERMINATED     timers E F K
    INVITE server      PROCEEDING -> COMPLETED -> CONFIRMED          -> TERMINATED     timers G H I
                       PROCEEDING -> ACCEPTED                        -> TERMINATED     timer L
    other server       TRYING -> PROCEEDING -> COMPLETED             -> TERMINATED     timer J

A table says, for a state and an input, the next state and what to do. A timer that the next state has no row
for is stopped. Matching messages to transactions, and the timers' lengths, are `transaction_table.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """States of all four machines."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Input(StrEnum):
    """What happens to a transaction. For a client the responses come in, for a server they go out."""

    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    FAILURE = "300-699"
    REQUEST = "request again"
    ACK = "ack"
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_D = "D"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_J = "J"
    TIMER_K = "K"
    TIMER_L = "L"
    TIMER_M = "M"


class Effect(StrEnum):
    """What a transition does. START_X starts timer X, again with its next length where it grows."""

    TRANSMIT = "transmit"  # send the request, or the latest response, as it is
    ACKNOWLEDGE = "acknowledge"  # send the ACK of a non-2xx
    DELIVER = "deliver"  # hand the response to the transaction user
    REPORT_TIMEOUT = "report timeout"
    REPORT_TRANSPORT = "report transport"
    START_A = "start A"
    START_D = "start D"
    START_E = "start E"
    START_G = "start G"
    START_H = "start H"
    START_I = "start I"
    START_J = "start J"
    START_K = "start K"
    START_L = "start L"
    START_M = "start M"


STARTS: Mapping[Effect, Input] = {
    effect: Input(effect.value.removeprefix("start "))
    for effect in Effect
    if effect.name.startswith("START_")
}
"""The timer that a START effect starts."""

Transition = tuple[State, tuple[Effect, ...]]
Table = Mapping[State, Mapping[Input, Transition]]

_S, _I, _E = State, Input, Effect
_TIMEOUT: Transition = (_S.TERMINATED, (_E.REPORT_TIMEOUT,))
_TRANSPORT: Transition = (_S.TERMINATED, (_E.REPORT_TRANSPORT,))
_DONE: Transition = (_S.TERMINATED, ())

INVITE_CLIENT: Table = {
    _S.CALLING: {
        _I.TIMER_A: (_S.CALLING, (_E.TRANSMIT, _E.START_A)),
        _I.TIMER_B: _TIMEOUT,
        _I.TRANSPORT_ERROR: _TRANSPORT,
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.DELIVER,)),
        _I.SUCCESS: (_S.ACCEPTED, (_E.START_M, _E.DELIVER)),
        _I.FAILURE: (_S.COMPLETED, (_E.ACKNOWLEDGE, _E.START_D, _E.DELIVER)),
    },
    _S.PROCEEDING: {
        _I.TRANSPORT_ERROR: _TRANSPORT,
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.DELIVER,)),
        _I.SUCCESS: (_S.ACCEPTED, (_E.START_M, _E.DELIVER)),
        _I.FAILURE: (_S.COMPLETED, (_E.ACKNOWLEDGE, _E.START_D, _E.DELIVER)),
    },
    _S.COMPLETED: {
        _I.FAILURE: (_S.COMPLETED, (_E.ACKNOWLEDGE,)),
        _I.TIMER_D: _DONE,
    },
    _S.ACCEPTED: {
        _I.SUCCESS: (_S.ACCEPTED, (_E.DELIVER,)),
        _I.TIMER_M: _DONE,
    },
    _S.TERMINATED: {},
}
"""Figure 5, changed by RFC 6026 section 7.2."""

CLIENT: Table = {
    _S.TRYING: {
        _I.TIMER_E: (_S.TRYING, (_E.TRANSMIT, _E.START_E)),
        _I.TIMER_F: _TIMEOUT,
        _I.TRANSPORT_ERROR: _TRANSPORT,
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.DELIVER,)),
        _I.SUCCESS: (_S.COMPLETED, (_E.START_K, _E.DELIVER)),
        _I.FAILURE: (_S.COMPLETED, (_E.START_K, _E.DELIVER)),
    },
    _S.PROCEEDING: {
        _I.TIMER_E: (_S.PROCEEDING, (_E.TRANSMIT, _E.START_E)),
        _I.TIMER_F: _TIMEOUT,
        _I.TRANSPORT_ERROR: _TRANSPORT,
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.DELIVER,)),
        _I.SUCCESS: (_S.COMPLETED, (_E.START_K, _E.DELIVER)),
        _I.FAILURE: (_S.COMPLETED, (_E.START_K, _E.DELIVER)),
    },
    _S.COMPLETED: {_I.TIMER_K: _DONE},
    _S.TERMINATED: {},
}
"""Figure 6."""

INVITE_SERVER: Table = {
    _S.PROCEEDING: {
        _I.REQUEST: (_S.PROCEEDING, (_E.TRANSMIT,)),
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.TRANSMIT,)),
        _I.SUCCESS: (_S.ACCEPTED, (_E.TRANSMIT, _E.START_L)),
        _I.FAILURE: (_S.COMPLETED, (_E.TRANSMIT, _E.START_G, _E.START_H)),
    },
    _S.COMPLETED: {
        _I.REQUEST: (_S.COMPLETED, (_E.TRANSMIT,)),
        _I.TIMER_G: (_S.COMPLETED, (_E.TRANSMIT, _E.START_G)),
        _I.TIMER_H: _DONE,
        _I.ACK: (_S.CONFIRMED, (_E.START_I,)),
    },
    _S.ACCEPTED: {
        _I.SUCCESS: (_S.ACCEPTED, (_E.TRANSMIT,)),
        _I.TIMER_L: _DONE,
    },
    _S.CONFIRMED: {_I.TIMER_I: _DONE},
    _S.TERMINATED: {},
}
"""Figure 7, changed by RFC 6026 section 7.1: the transaction user repeats 2xx, through the transaction."""

SERVER: Table = {
    _S.TRYING: {
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.TRANSMIT,)),
        _I.SUCCESS: (_S.COMPLETED, (_E.TRANSMIT, _E.START_J)),
        _I.FAILURE: (_S.COMPLETED, (_E.TRANSMIT, _E.START_J)),
    },
    _S.PROCEEDING: {
        _I.REQUEST: (_S.PROCEEDING, (_E.TRANSMIT,)),
        _I.PROVISIONAL: (_S.PROCEEDING, (_E.TRANSMIT,)),
        _I.SUCCESS: (_S.COMPLETED, (_E.TRANSMIT, _E.START_J)),
        _I.FAILURE: (_S.COMPLETED, (_E.TRANSMIT, _E.START_J)),
    },
    _S.COMPLETED: {
        _I.REQUEST: (_S.COMPLETED, (_E.TRANSMIT,)),
        _I.TIMER_J: _DONE,
    },
    _S.TERMINATED: {},
}
"""Figure 8."""


def response_input(status: int) -> Input:
    """The input that a response of that status is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE
