"""Error codes that the REST API answers with, their HTTP status, and the exception that carries one.

The `title` of an entry is the message of an answer when the raiser has nothing more exact to say. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """A code, the HTTP status it is answered with, and what it means in one line."""

    code: int
    status: int
    title: str


class RestError(Exception):
    """An answer of the API that is not a success.

    Attributes:
        code: Twilio's error code.
        status: the HTTP status.
        message: what is wrong, for the person who reads the log of the client.
        details: more of it, put under `details` in the body when not empty.
    """

    def __init__(self, code: int, status: int, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = details or {}


def rest(code: int, message: str | None = None, **details: Any) -> RestError:
    """The exception for a code of `REST`, ready to raise; `message` replaces the title of the table.

    Raises:
        KeyError: the code is not in the table.
    """
    entry = REST[code]
    return RestError(code, entry.status, message or entry.title, details)


_ROWS: Final[tuple[tuple[int, int, str], ...]] = (
    (16022, 400, "The conference does not exist or is completed"),
    (16024, 400, "A label has up to 128 characters, is no call's SID, and does not contain '/'"),
    (16026, 400, "The label is in use by another participant of the conference"),
    (16027, 400, "The participant to be coached is on hold"),
    (16028, 400, "The participant to be coached is not in the conference"),
    (20001, 400, "A parameter is not known to this resource"),
    (20002, 400, "Invalid FriendlyName"),
    (20003, 401, "Authenticate"),
    (20004, 405, "Method not allowed"),
    (20005, 403, "Account is not active"),
    (20006, 403, "Access to this resource is denied"),
    (20007, 400, "Page size too large: at most 1000 records a page"),
    (20008, 403, "Resource not accessible with Test Account Credentials"),
    (20009, 409, "Cannot delete this resource before it is complete"),
    (20010, 403, "This action is disabled for the account"),
    (20101, 401, "Invalid Access Token"),
    (20104, 401, "Access Token has expired, or its expiration date is invalid"),
    (20403, 403, "Forbidden"),
    (20404, 404, "The requested resource was not found"),
    (20409, 409, "The request conflicts with the resource as it is now"),
    (20422, 422, "Invalid parameter"),
    (20429, 429, "Too Many Requests"),
    (20500, 500, "An internal server error has occurred"),
    (20503, 503, "Service unavailable, try again shortly"),
    (21201, 400, "No 'To' number is specified"),
    (21202, 400, "The 'To' number is a premium number and may not be called"),
    (21203, 400, "International calling is not enabled for the account"),
    (21205, 400, "Url is not a valid URL"),
    (21206, 400, "Invalid SendDigits"),
    (21207, 400, "Invalid IfMachine"),
    (21208, 400, "Invalid Timeout"),
    (21209, 400, "Invalid Method: use GET or POST"),
    (21210, 400, "The source phone number is not yet verified for your account"),
    (21211, 400, "The 'To' number is not a valid phone number"),
    (21212, 400, "The 'From' number is not a valid phone number, shortcode, or alphanumeric sender ID"),
    (21213, 400, "A 'From' phone number is required"),
    (21214, 400, "The 'To' phone number cannot be reached"),
    (21215, 400, "The account's geographic permissions do not allow calls to the 'To' number"),
    (21216, 400, "The call is blocked: the 'To' number is on a block list"),
    (21217, 400, "Phone number does not appear to be valid"),
    (21218, 400, "Invalid ApplicationSid"),
    (21219, 400, "The 'To' number is not verified; a trial account may call verified numbers only"),
    (21220, 400, "Invalid call state: the call is not in a state that allows this change"),
    (21234, 400, "Invalid MachineDetection value"),
    (21263, 400, "Invalid parameters of answering machine detection"),
    (21266, 400, "'To' and 'From' cannot be the same number"),
    (21401, 400, "Invalid phone number"),
    (21402, 400, "Invalid Url"),
    (21403, 400, "Invalid Method: use GET or POST"),
    (21404, 400, "A trial account may not have another inbound phone number"),
    (21405, 400, "VoiceFallbackUrl cannot be set without VoiceUrl"),
    (21408, 400, "Messages to the region of the 'To' number are not enabled for the account"),
    (21421, 400, "The phone number is not a valid number"),
    (21422, 400, "The phone number is not available"),
    (21450, 400, "The phone number is already validated on your account"),
    (21451, 400, "Invalid area code"),
    (21452, 400, "No phone numbers are available in the area code"),
    (21470, 400, "Invalid AccountSid"),
    (21475, 400, "Unable to update Status: the value is not a valid status"),
    (21477, 400, "Unable to update Status of a parent account"),
    (21479, 400, "Unable to update Status: the subaccount has been closed"),
    (21480, 400, "The account has reached its number of subaccounts"),
    (21481, 400, "Invalid PageToken"),
    (21501, 400, "The resource is not available"),
    (21502, 400, "The callback URL is not a valid URL"),
    (21601, 400, "The phone number is not an inbound number capable of SMS"),
    (21602, 400, "Message body is required."),
    (21603, 400, "A 'From' or 'MessagingServiceSid' parameter is required to send a message."),
    (21604, 400, "A 'To' phone number is required."),
    (21605, 400, "The body is longer than the 160 characters of this API version"),
    (21606, 400, "The 'From' number is not a phone number of your account that can send to this destination"),
    (21607, 400, "A trial account must send from its sandbox number"),
    (21608, 400, "The 'To' number is unverified; a trial account may send to verified numbers only"),
    (21609, 400, "The 'StatusCallback' URL is not a valid URL."),
    (21610, 400, "Attempt to send to unsubscribed recipient"),
    (21611, 400, "The 'From' number has its largest number of messages queued already"),
    (21612, 400, "The 'To' phone number is not currently reachable via SMS"),
    (21614, 400, "The 'To' number is not a valid mobile number"),
    (21616, 400, "The 'From' number matches more than one number of your account"),
    (21617, 400, "The concatenated message body exceeds the 1600 character limit"),
    (21618, 400, "The message body cannot be sent"),
    (21619, 400, "Unable to create record: a text message body or media URLs must be given"),
    (21620, 400, "A media URL is invalid"),
    (21621, 400, "The 'From' number is not enabled for MMS"),
    (21622, 400, "MMS is not enabled for your account"),
    (21623, 400, "Too many media files: at most 10 a message"),
    (21624, 400, "Invalid ValidityPeriod"),
    (21626, 400, "Invalid StatusCallbackEvent"),
    (21701, 400, "The Messaging Service does not exist"),
    (21703, 400, "The Messaging Service has no phone number available for this message"),
    (21704, 400, "The Messaging Service contains no phone numbers"),
    (21705, 400, "The Messaging Service is invalid"),
    (22003, 400, "The account has a queue of this name already"),
    (60200, 400, "Invalid parameter"),
    (60202, 429, "Max check attempts reached"),
    (60203, 429, "Max send attempts reached"),
    (60205, 400, "SMS is not supported by landline phone numbers"),
    (60212, 429, "Too many concurrent requests for the phone number"),
    (60223, 403, "The delivery channel is disabled"),
)

REST: Final[dict[int, ErrorEntry]] = {code: ErrorEntry(code, status, title) for code, status, title in _ROWS}
