"""Codes of messages that did not arrive: `error_code` of a Message, `ErrorCode` of its callback. Pure."""

from __future__ import annotations

from typing import Final

DELIVERY: Final[dict[int, str]] = {
    30001: "Queue overflow: too many messages wait to be sent",
    30002: "The account was suspended between sending and delivery",
    30003: "The destination handset is unreachable: switched off, or out of service",
    30004: "The message was blocked, or the recipient does not take such messages",
    30005: "The destination handset is unknown, or no longer in service",
    30006: "The destination is a landline, or its carrier cannot be reached",
    30007: "The message was filtered as unwanted",
    30008: "Delivery failed for a reason that the carrier did not give",
    30009: "A segment of an inbound message is missing",
    30010: "The message costs more than its MaxPrice",
    30011: "The receiving number cannot take MMS in its region",
    30012: "The validity period is too short",
    30013: "The validity period is too long",
    30014: "The attributes of 'To' are invalid",
    30015: "The channel type is not supported",
    30016: "The channel types of 'To' and 'From' do not go together",
    30017: "The carrier's network is congested",
    30018: "The destination carrier wants the sender ID registered beforehand",
    30019: "The content is larger than the carrier takes",
    30020: "Scheduling the message failed inside the platform",
    30021: "The messaging service failed inside the platform",
    30022: "US A2P 10DLC: more messages a second than the campaign may send",
    30023: "US A2P 10DLC: the campaign's messages of the day are used up",
    30024: "The numeric sender ID is not provisioned on the carrier",
    30025: "US A2P 10DLC: half of the day's messages to T-Mobile are used",
    30026: "US A2P 10DLC: 70 % of the day's messages to T-Mobile are used",
    30027: "US A2P 10DLC: the day's messages to T-Mobile are used up",
    30028: "Invalid API version",
    30029: "Invalid ContentRetention",
    30030: "Invalid AddressRetention",
    30031: "Invalid MaxRate",
    30032: "The toll-free number has not been verified",
    30033: "US A2P 10DLC: the campaign is suspended",
    30034: "US A2P 10DLC: the message comes from a number that is not registered",
    30035: "US A2P 10DLC: the number's registration is still being set up",
    30036: "The message's validity period ended before it was sent",
}
