"""The verbs and nouns that Twilio has and this platform has not: what they are answered with.

They are known, so their attributes draw no schema warnings; running one gives a notification with the code
here. A verb is then passed over, a noun makes its dial fail. Delete a row when its file is written.
"""

from __future__ import annotations

from dataclasses import dataclass

NOT_SUPPORTED = 13750
NO_SIM = 13258


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """`attributes`: as Twilio documents them; `nests`: what may stand in it."""

    attributes: tuple[str, ...] = ()
    nests: tuple[str, ...] = ()
    code: int = NOT_SUPPORTED


def _of(attributes: str = "", nests: str = "", code: int = NOT_SUPPORTED) -> Unbuilt:
    return Unbuilt(tuple(attributes.split()), tuple(nests.split()), code)


_CALLBACK = "statusCallback statusCallbackMethod statusCallbackEvent"
_RECORDING = "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent"

VERBS: dict[str, Unbuilt] = {
    "Connect": _of(
        "action method",
        "Room Autopilot Stream VirtualAgent Conversation ConversationRelay AiSession"
        " ConversationRelaySession",
    ),
    "Pay": _of(
        "input action bankAccountType statusCallback statusCallbackMethod timeout maxAttempts securityCode"
        " postalCode minPostalCodeLength paymentConnector paymentMethod tokenType chargeAmount currency"
        " description validCardTypes language",
        "Prompt Parameter",
    ),
    "Prompt": _of("for errorType cardType attempt requireMatchingInputs", "Say Play Pause"),
    "Queue": _of("url method reservationSid postWorkActivitySid"),
    "Stop": _of("", "Stream Siprec Transcription"),
}

NOUNS: dict[str, Unbuilt] = {
    "Sim": _of(code=NO_SIM),
    "WhatsApp": _of(f"url method {_CALLBACK}"),
}

INNER: dict[str, Unbuilt] = {
    "AiSession": _of("aiConnector aiSessionConfiguration"),
    "ApplicationSid": _of(),
    "Autopilot": _of(),
    "Config": _of("name value"),
    "Conversation": _of(
        "serviceInstanceSid inboundAutocreation routingAssignmentTimeout inboundTimeout url method record"
        f" trim {_RECORDING} {_CALLBACK}"
    ),
    "ConversationRelay": _of(
        "url language ttsLanguage transcriptionLanguage ttsProvider voice transcriptionProvider speechModel"
        " profanityFilter dtmfDetection welcomeGreeting partialPrompts welcomeGreetingInterruptible"
        " interruptible preemptible hints intelligenceService reportInputDuringAgentSpeech"
        " elevenlabsTextNormalization interruptSensitivity debug backgroundNoiseReduction speechTimeout"
        " deepgramSmartFormat ignoreBackchannel events partialPromptOnHangup eagerEotThreshold"
        " asrSmartFormat ttsTextNormalization ttsLanguageTextNormalization"
        " elevenlabsLanguageTextNormalization includeInPrompt customerName applicationReconnect"
        " echoPromptFiltering turnDetection",
        "Language Parameter",
    ),
    "ConversationRelaySession": _of("connector sessionConfiguration"),
    "Identity": _of(),
    "Language": _of(
        "code ttsProvider voice transcriptionProvider speechModel hints asrSmartFormat ttsTextNormalization"
        " ttsLanguageTextNormalization"
    ),
    "Parameter": _of("name value"),
    "Room": _of("participantIdentity"),
    "Siprec": _of("name connectorName track statusCallback statusCallbackMethod", "Parameter"),
    "Stream": _of(
        "name connectorName url track statusCallback statusCallbackMethod audioFormat sampleRate",
        "Parameter",
    ),
    "Task": _of("priority timeout"),
    "Transcription": _of(
        "name track statusCallbackUrl statusCallbackMethod inboundTrackLabel outboundTrackLabel"
        " partialResults languageCode transcriptionEngine profanityFilter speechModel hints"
        " enableAutomaticPunctuation intelligenceService",
        "Config Parameter",
    ),
    "VirtualAgent": _of(
        "connectorName language sentimentAnalysis statusCallback statusCallbackMethod", "Config Parameter"
    ),
}
"""What stands in them."""
