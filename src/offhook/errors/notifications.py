"""Codes of the debugger: what went wrong with a webhook, a document, a verb or a call. Pure.

The level is that of a Notification (`log`: 0 error, 1 warning). A warning means that the platform went on
with a default; an error means that it gave the document or the request up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class NotificationEntry:
    """A code of the debugger, its level, and what it means in one line."""

    code: int
    level: Level
    title: str


_GENERAL_ERRORS: Final[dict[int, str]] = {
    10001: "The account is not active",
    10002: "The feature is not available to trial accounts",
    10003: "An incoming call was rejected because the account is not active",
    10004: "The account has reached its number of calls at one time",
    11100: "The URL is malformed",
    11200: "HTTP retrieval failure: the server did not answer with a success",
    11201: "The TCP connection timed out",
    11202: "The TCP connection was refused",
    11203: "The HTTP exchange took longer than its total timeout",
    11205: "HTTP connection failure: the server could not be reached",
    11206: "HTTP protocol violation by the server",
    11210: "The host name could not be resolved",
    11215: "The server redirected too many times",
    11220: "The TLS handshake failed",
    11235: "The server's certificate is for another host name",
    11236: "The server's certificate has expired or is not yet valid",
    11237: "The server's certificate does not lead to a trusted authority",
    11240: "The edge location in the URL is invalid",
    11241: "The edge location in the URL is not supported",
    11242: "Connections by interconnect are not allowed",
    11243: "The retry policy in the URL is invalid",
    11251: "Fatal protocol violation by the server",
    11300: "The URL template is invalid",
    11310: "The URL template has an invalid token",
    11320: "The URL template has brackets that do not close",
    11750: "The response body is larger than TwiML may be",
    11751: "The media is larger than the messaging provider takes",
    11770: "The response body is empty",
    12100: "The document could not be parsed",
    12101: "The version of the TwiML markup is invalid",
    12102: "The root element of the document must be Response",
    12300: "The Content-Type of the response is not one that is understood here",
    12301: "The Content-Type of the upload is not one that is understood here",
    12400: "Internal failure while the document was carried out",
    13750: "The verb is not supported by this API version",
    13801: "Refer is only possible on a SIP leg",
    13802: "Dial: a Refer arrived and there is no referUrl attribute",
    13803: "The Sms verb is not supported here",
    13804: "Add-ons are not supported here",
    15000: "Call progress: internal failure",
    15002: "Call progress: the event waited too long in its queue",
    15004: "The action URL must be absolute in TwiML that updates a call in progress",
    21218: "The SID is not that of an application that the account may dial",
    22001: "The call timed out",
    22005: "The queue of calls is full",
}

_GENERAL_WARNINGS: Final[dict[int, str]] = {
    12200: "The document does not follow the TwiML schema; what is unknown was passed over",
    13805: "The call reached the longest duration of a trial account, 10 minutes",
    15003: "Call progress: the callback URL answered with a status that is not a success",
    16101: "Recording: not available, it is too short",
    16102: "Recording: not available, it is silent",
    16113: "Recording: a mono recording has no two-channel form",
}

_DIAL_ERRORS: Final[dict[int, str]] = {
    13201: "Dial: a leg that was itself dialled cannot dial out",
    13231: "Dial, Conference: invalid endConferenceOnExit",
    13238: "Dial, Conference: a verb is not allowed in the waitUrl, holdUrl or announceUrl document",
    13239: "Dial, Conference: invalid trim",
    13240: "Dial, Conference: invalid SID of the call to whisper to",
    13247: "Dial: the caller ID is not a number that may be used",
    13257: "Invalid transcribeCallback URL",
    13258: "Dial, Sim: not supported here",
    13299: "A conference feature of the 2010 API was asked of the 2008 API",
}

_DIAL_WARNINGS: Final[dict[int, str]] = {
    13210: "Dial: method must be GET or POST",
    13211: "Dial: invalid ifMachine",
    13212: "Dial: invalid timeout",
    13213: "Dial: hangupOnStar must be true or false",
    13214: "Dial: invalid callerId",
    13215: "Dial: an element may not stand inside Dial",
    13216: "Dial: invalid timeLimit",
    13217: "Dial: invalid record",
    13218: "Dial: sequential must be true or false",
    13219: "Dial: answerOnBridge must be true or false",
    13220: "Dial: invalid ringTone",
    13221: "Dial, Number: method must be GET or POST",
    13222: "Dial, Number: invalid sendDigits",
    13223: "Dial: the phone number is malformed",
    13224: "Dial: the number is invalid, or calls to it are not supported",
    13225: "Dial: the call was blocked by a block list",
    13226: "Dial: invalid country code",
    13227: "Dial: the geographic permissions do not allow the call",
    13230: "Dial, Conference: muted must be true or false",
    13232: "Dial, Conference: startConferenceOnEnter must be true or false",
    13233: "Dial, Conference: invalid waitUrl",
    13234: "Dial, Conference: waitMethod must be GET or POST",
    13235: "Dial, Conference: invalid beep",
    13236: "Dial, Conference: invalid conference SID",
    13237: "Dial, Conference: invalid conference name",
    13241: "Dial, Sip: method must be GET or POST",
    13242: "Dial, Sip: invalid sendDigits",
    13243: "Dial, Sip: invalid SIP URI",
    13244: "Dial, Sip: not authorized to dial SIP",
    13245: "Dial: not allowed in this API version",
    13246: "Dial: SIP is not enabled for the account",
    13248: "Dial: callerId is too long",
    13249: "Dial, Sip: invalid username or password",
    13250: "Dial, Sip: too many URIs",
    13251: "Dial, Sip: too many headers",
    13252: "Dial, Sip: invalid header name",
    13253: "Dial, Sip: a header is too long",
    13254: "Dial, Sip: the host does not resolve, or not to a public address",
    13255: "Dial, Sip: this domain may not be dialled",
    13256: "Dial: invalid recordingStatusCallback URL",
}

_GATHER_ERRORS: Final[dict[int, str]] = {
    13325: "Gather, Play: the Content-Type is not audio that is understood",
    13337: "Gather: the callback must be https when PCI compliance is on",
    13338: "Gather: actionOnEmptyResult must be true or false",
    13340: "Gather: the speech is degraded",
}

_GATHER_WARNINGS: Final[dict[int, str]] = {
    13310: "Gather: invalid finishOnKey",
    13311: "Gather: finishOnKey may hold digits, * and # only",
    13312: "Gather: method must be GET or POST",
    13313: "Gather: invalid timeout",
    13314: "Gather: invalid numDigits",
    13320: "Gather: a verb may not stand inside Gather",
    13321: "Gather, Say: invalid voice",
    13322: "Gather, Say: invalid loop",
    13326: "Gather: invalid input",
    13327: "Gather: invalid speechTimeout",
    13328: "Gather: invalid maxSpeechTime",
    13329: "Gather: partialResultCallbackMethod must be GET or POST",
    13330: "Gather: invalid hints",
    13331: "Gather: invalid language",
    13332: "Gather: bargeIn must be true or false",
    13333: "Gather: profanityFilter must be true or false",
    13334: "Gather: invalid speechModel",
    13335: "Gather: speechTimeout auto does not go with the default model",
}

_AUDIO_ERRORS: Final[dict[int, str]] = {
    13420: "Play: the Content-Type is not audio that is understood",
    13621: "Invalid recordingStatusCallbackEvent",
}

_AUDIO_WARNINGS: Final[dict[int, str]] = {
    13410: "Play: invalid loop",
    13430: "Play: invalid digits",
    13510: "Say: invalid loop",
    13511: "Say: invalid voice",
    13512: "Say: invalid language",
    13513: "Say: invalid rate",
    13520: "Say: the text is empty or invalid",
    13521: "Say: the text is longer than 4096 characters",
    13610: "Record: method must be GET or POST",
    13611: "Record: invalid timeout",
    13612: "Record: invalid maxLength",
    13613: "Record: invalid finishOnKey",
    13614: "Record: transcribe must be true or false",
    13615: "Record: maxLength is too high for transcription",
    13616: "Record: playBeep must be true or false",
    13617: "Record: the recording is too short or too long to transcribe",
    13618: "Record: the recording is not available for transcription",
    13619: "Record: this kind of recording cannot be transcribed",
    13620: "Record: there is no transcription of this recording",
    13699: "Record: invalid trim",
    13710: "Redirect: method must be GET or POST",
    13810: "Reject: invalid reason",
    13910: "Pause: invalid length",
}

_MESSAGE_WARNINGS: Final[dict[int, str]] = {
    14101: "Message: invalid to attribute",
    14102: "Message: invalid from attribute",
    14103: "Message: invalid body",
    14104: "Message: method must be GET or POST",
    14105: "Message: invalid statusCallback attribute",
    14106: "Too many documents were retrieved for one message",
    14108: "Message: the from number cannot send SMS",
    14109: "Too many messages in reply to one message",
    14110: "A verb may not stand in the reply to a message",
    14111: "Message: a trial account may send to verified numbers only",
}

_QUEUE_ERRORS: Final[dict[int, str]] = {
    14107: "Too many messages sent within a short time",
    14201: "Enqueue: method must be GET or POST",
    14202: "Enqueue: invalid waitUrl",
    14203: "Enqueue: invalid action URL",
    14204: "Enqueue: the queue name is too short",
    14205: "Enqueue: the queue name is too long",
    14206: "Enqueue: waitUrlMethod must be GET or POST",
    14210: "Dial, Queue: the whisper's method must be GET or POST",
    14211: "Dial, Queue: invalid whisper URL",
    14212: "Dial, Queue: the queue name is too short",
    14213: "Dial, Queue: the queue name is too long",
    14215: "Dial, Queue: invalid ReservationSid, nothing was dequeued",
    14217: "Dial, Queue: the reservation was not found or could not be accepted",
    14218: "Dial, Queue: the worker could not be given the activity",
    14219: "Dial, Queue: task routing is not supported here",
    14220: "Enqueue: the workflow SID is invalid",
    14221: "Enqueue: the attributes are not valid JSON",
    14222: "Enqueue: the task could not be created",
    14223: "Enqueue: the task could not be cleaned up",
    14226: "Enqueue: task routing is not supported here",
    14230: "Dial, Conference: invalid WorkflowSid",
    14231: "Dial, Conference: the attributes are not valid JSON",
    14232: "Dial, Conference: invalid priority",
    14233: "Dial, Conference: invalid timeout",
    14234: "Dial, Conference: the task could not be created",
    14235: "Dial, Conference: the task could not be cleaned up",
    14236: "Dial, Conference: invalid ReservationSid",
    14237: "Dial, Conference: invalid PostWorkActivitySid",
    14238: "Dial, Conference: the reservation could not be accepted",
    14239: "Dial, Conference: the worker could not be updated",
    14300: "Start: an element may not stand inside Start",
}

_QUEUE_WARNINGS: Final[dict[int, str]] = {
    14207: "Enqueue: the queue has reached its largest size",
}

_CONFERENCE_ERRORS: Final[dict[int, str]] = {
    16000: "Whispering is not available in the conference",
    16001: "The conference is not bridged",
    16002: "The attributes of the conference are not valid",
    16003: "The SID or friendly name of the conference is not known",
    16010: "Conference event: internal failure",
    16011: "Conference event: the callback URL answered with an error",
    16020: "The conference is full",
    16021: "Joining failed: the account has reached its number of calls at one time",
    16022: "The conference does not exist, or is over",
    16023: "Dial, Conference: participantLabel is longer than 128 characters, is a CallSid, or has a '/'",
    16024: "The participant label is longer than 128 characters, is a CallSid, or has a '/'",
    16025: "Dial, Conference: the participantLabel is taken by another participant",
    16026: "The participant label is taken by another participant",
    16027: "The participant to whisper to is on hold",
    16028: "The participant to whisper to is not in the conference",
    16099: "The conference is in an unexpected state",
    16104: "Recording: not available, its encryption failed",
    16105: "Recording: not available, there is no valid public key",
    16106: "Recording: not available, encryption failed inside the platform",
    16107: "Recording: encrypted with another public key",
    16108: "Recording: the request failed, the call is being recorded already",
    16109: "Recording: an encrypted recording is not available as MP3",
    16110: "Deleting recordings in bulk failed inside the platform",
    16111: "Recording: the upload to your storage failed, its configuration is invalid",
    16112: "Recording: the upload to your storage failed, access was denied",
}


def _table(*groups: tuple[Level, dict[int, str]]) -> dict[int, NotificationEntry]:
    return {
        code: NotificationEntry(code, level, text) for level, group in groups for code, text in group.items()
    }


NOTIFICATIONS: Final[dict[int, NotificationEntry]] = _table(
    ("error", _GENERAL_ERRORS),
    ("warning", _GENERAL_WARNINGS),
    ("error", _DIAL_ERRORS),
    ("warning", _DIAL_WARNINGS),
    ("error", _GATHER_ERRORS),
    ("warning", _GATHER_WARNINGS),
    ("error", _AUDIO_ERRORS),
    ("warning", _AUDIO_WARNINGS),
    ("warning", _MESSAGE_WARNINGS),
    ("error", _QUEUE_ERRORS),
    ("warning", _QUEUE_WARNINGS),
    ("error", _CONFERENCE_ERRORS),
)
