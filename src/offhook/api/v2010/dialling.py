"""What calls and the participants that are dialled into a conference have in common: who calls whom, and how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from offhook import clock, errors, ids
from offhook.api.operations import Context
from offhook.calls.request import CallRequest
from offhook.calls.status import CallStatus, Direction
from offhook.numbers import e164, formatted, is_sip_caller, sip_refusal
from offhook.store.records import CallRecord
from offhook.twiml.nouns.client import IDENTITY

MAX_SIP_AUTH: Final = 255


class RecordingChannels(StrEnum):
    """Both parties on one channel, or each on its own."""

    MONO = "mono"
    DUAL = "dual"


class RecordingTrack(StrEnum):
    """What of the call is recorded: what its far end says, hears, or both."""

    BOTH = "both"
    INBOUND = "inbound"
    OUTBOUND = "outbound"


class RecordingEvent(StrEnum):
    """What the status callback of a recording reports."""

    STARTED = "started"
    IN_PROGRESS = "in-progress"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    COMPLETED = "completed"
    FAILED = "failed"
    ABSENT = "absent"


class Trim(StrEnum):
    """Whether silence at both ends of a recording is cut off."""

    TRIM = "trim-silence"
    DO_NOT_TRIM = "do-not-trim"


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is called, who calls, and the SID of the caller's number if it is one of the account's."""

    to: str
    from_: str
    phone_number_sid: str | None


async def parties(context: Context, to: str, from_: str, caller_id: str) -> Parties:
    """Who calls whom.

    Raises:
        RestError: one of the two is missing, malformed, not the account's, or both are the same.
    """
    called = _destination(to)
    caller, phone_number_sid = await _caller(context, from_, called)
    if caller == called:
        raise errors.rest(21211, "'To' and 'From' cannot be the same number.")
    if caller_id and (e164(caller_id) or caller_id) != caller:
        raise errors.rest(20001, "CallerId: one other than From is not built yet", parameter="CallerId")
    return Parties(called, caller, phone_number_sid)


def check_credentials(username: str, password: str) -> None:
    """The credentials for the challenge of a SIP address must fit into a header.

    Raises:
        RestError: 20001.
    """
    for name, value in (("SipAuthUsername", username), ("SipAuthPassword", password)):
        if len(value) > MAX_SIP_AUTH or not value.isprintable():
            raise errors.rest(
                20001, f"{name} is not a line of up to {MAX_SIP_AUTH} characters", parameter=name
            )


def new_call(context: Context, who: Parties, request: CallRequest) -> CallRecord:
    """A queued call, to be committed."""
    now = clock.utcnow()
    return CallRecord(
        sid=clock.new_sid(ids.CALL),
        account_sid=context.account.sid,
        to=who.to,
        from_=who.from_,
        to_formatted=formatted(who.to),
        from_formatted=formatted(who.from_),
        phone_number_sid=who.phone_number_sid,
        status=CallStatus.QUEUED,
        direction=Direction.OUTBOUND_API,
        date_created=now,
        date_updated=now,
        request=request.stored(),
    )


def _destination(to: str) -> str:
    """Who is called: a number in E.164, a SIP address or a client."""
    if not to.strip():
        raise errors.rest(21201)
    scheme = to.partition(":")[0].lower()
    if scheme == "client":
        if not IDENTITY.fullmatch(identity := to.partition(":")[2]):
            raise errors.rest(21211, f"The 'To' client {identity[:100]!r} is not an identity.")
        return f"client:{identity}"
    if scheme in ("sip", "sips"):
        if (refusal := sip_refusal(to)) is not None:
            raise errors.rest(21211, f"The 'To' address {to[:100]} {refusal}.")
        return to
    if (number := e164(to)) is None:
        raise errors.rest(21211, f"The 'To' number {to[:100]} is not a valid phone number.")
    return number


async def _caller(context: Context, from_: str, to: str) -> tuple[str, str | None]:
    """Who calls, and the SID of the number if it is one of the account's.

    A phone may be called from the account's own numbers only; a SIP address or a client from any name.
    """
    if not from_.strip():
        raise errors.rest(21213)
    number = e164(from_)
    owned = await context.owned_number(number) if number is not None else None
    if owned is not None:
        return owned.phone_number, owned.sid
    if to.lower().startswith(("sip:", "sips:", "client:")) and (
        is_sip_caller(from_) or sip_refusal(from_) is None
    ):
        return from_, None
    if number is None:
        raise errors.rest(21212, f"The 'From' number {from_[:100]} is not a valid phone number.")
    raise errors.rest(
        21210,
        f"The source phone number provided, {number}, is not yet verified for your account."
        " You may only make calls from phone numbers that your account owns.",
    )
