"""The places that one call may be sent to, and how it went at each (RFC 3261 section 16.7, RFC 3263 section 4.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from offhook.sip.client_auth import ClientAuth
from offhook.sip.digest import Credentials
from offhook.sip.events import Source
from offhook.sip.flow import Flow, host_port
from offhook.sip.message import REASONS, Field, Response
from offhook.sip.transaction import State
from offhook.sip.transaction_table import ClientTransaction


@dataclass(frozen=True, slots=True)
class Target:
    """Where an INVITE goes. `headers` are rows for this target alone."""

    request_uri: str
    to: str
    destination: Flow
    headers: tuple[Field, ...] = ()
    credentials: Credentials | None = None


Round = tuple[Target, ...]
"""Targets that ring at the same time."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a call is placed with; see `Endpoint.invite`. `from_` has its tag.

    The targets of a round ring together; the next round begins when none of them can take the call.
    """

    from_: str
    body: bytes
    headers: tuple[Field, ...]
    rounds: tuple[Round, ...]
    max_forwards: int
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt ended without an answer; see `Failed`."""

    status: int
    reason: str
    source: Source
    response: Response | None
    detail: str

    @property
    def is_unavailability(self) -> bool:
        """Whether somebody else may take the call: the target did not say no, it was not able to say yes."""
        return self.source != "remote" or self.status == 503


class Attempt:
    """The INVITE to one target, over all its transactions (another one follows a challenge)."""

    __slots__ = ("auth", "cancel_sent", "cseq", "failure", "heard", "target", "transaction", "unwanted")

    def __init__(self, target: Target, auth: ClientAuth, cseq: int) -> None:
        self.target = target
        self.auth = auth
        self.cseq = cseq
        self.transaction: ClientTransaction | None = None
        self.heard = False  # a response of any kind came
        self.unwanted = False  # its answer would come too late
        self.cancel_sent = False
        self.failure: Failure | None = None

    @property
    def proceeding(self) -> bool:
        """Whether its INVITE has a provisional response and no final one: it may be cancelled."""
        return self.transaction is not None and self.transaction.state is State.PROCEEDING

    def leave(self) -> None:
        """Let a target that has said nothing for long be.

        It has had the INVITE several times. Once more, and a trunk that comes back would ring for a moment for a
        call that is somewhere else. It cannot be cancelled before it speaks (section 9.1), and what it says is
        still heard: a provisional response leads to CANCEL, a 2xx to ACK and BYE.
        """
        if self.transaction is not None:
            self.transaction.stop_retransmitting()

    def refused(self, response: Response) -> Failure:
        """Note the target's final response."""
        return self._end(Failure(response.status, response.reason, "remote", response, ""))

    def lost(self, source: Source) -> Failure:
        """Note that no response will come."""
        status = 503 if source == "transport" else 408
        return self._end(Failure(status, REASONS[status], source, None, self.silence(source)))

    def silence(self, source: Source) -> str:
        """What to tell the operator of a target that did not answer."""
        flow = self.target.destination
        peer = f"{host_port(flow.remote)} over {flow.transport}"
        if source == "transport":
            return f"{peer} cannot be reached"
        return f"{peer} stopped answering" if self.heard else f"{peer} did not answer at all"

    def _end(self, failure: Failure) -> Failure:
        self.failure = failure
        return failure


def best(failures: Iterable[Failure]) -> Failure:
    """The failure to report of several (section 16.7): a 6xx, or else the lowest class; the first of equals.

    What nobody said (a timeout, a lost connection) counts less than what somebody did.
    """

    def order(failure: Failure) -> tuple[bool, bool, int]:
        return failure.status < 600, failure.source != "remote", failure.status // 100

    return min(failures, key=order)
