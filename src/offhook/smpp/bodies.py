"""The bodies of SMPP 3.4's operations as values, under the field names of chapter 4.

command_status and sequence_number are not part of a body: they travel beside it. Strings hold no NUL;
addresses and ids are Latin-1 text, messages are octets.
"""

from typing import ClassVar

from msgspec import Struct

from offhook.smpp.address import Address
from offhook.smpp.tlv import Tlvs, find
from offhook.smpp.vocabulary import RESPONSE, VERSION_3_4, Command, Tag


class Body(Struct, frozen=True, gc=False):
    """The fields of one operation; `command` is its command id on the wire."""

    command: ClassVar[int] = 0


class Bind(Body, frozen=True, gc=False):
    """What the three bind requests carry (4.1.1, 4.1.3, 4.1.5)."""

    system_id: str
    password: str = ""
    system_type: str = ""
    interface_version: int = VERSION_3_4
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


class BindReceiver(Bind, frozen=True, gc=False):
    """bind_receiver: the ESME wants deliver_sm only."""

    command: ClassVar[int] = Command.BIND_RECEIVER


class BindTransmitter(Bind, frozen=True, gc=False):
    """bind_transmitter: the ESME wants to submit only."""

    command: ClassVar[int] = Command.BIND_TRANSMITTER


class BindTransceiver(Bind, frozen=True, gc=False):
    """bind_transceiver: both ways."""

    command: ClassVar[int] = Command.BIND_TRANSCEIVER


class BindResp(Body, frozen=True, gc=False):
    """What the three bind responses carry (4.1.2, 4.1.4, 4.1.6)."""

    system_id: str = ""
    tlvs: Tlvs = ()


class BindReceiverResp(BindResp, frozen=True, gc=False):
    """bind_receiver_resp."""

    command: ClassVar[int] = RESPONSE | Command.BIND_RECEIVER


class BindTransmitterResp(BindResp, frozen=True, gc=False):
    """bind_transmitter_resp."""

    command: ClassVar[int] = RESPONSE | Command.BIND_TRANSMITTER


class BindTransceiverResp(BindResp, frozen=True, gc=False):
    """bind_transceiver_resp."""

    command: ClassVar[int] = RESPONSE | Command.BIND_TRANSCEIVER


class Outbind(Body, frozen=True, gc=False):
    """outbind (4.1.7): the SMSC asks the ESME to bind."""

    command: ClassVar[int] = Command.OUTBIND
    system_id: str
    password: str = ""


class Unbind(Body, frozen=True, gc=False):
    """unbind (4.2.1)."""

    command: ClassVar[int] = Command.UNBIND


class UnbindResp(Body, frozen=True, gc=False):
    """unbind_resp (4.2.2)."""

    command: ClassVar[int] = RESPONSE | Command.UNBIND


class GenericNack(Body, frozen=True, gc=False):
    """generic_nack (4.3.1)."""

    command: ClassVar[int] = Command.GENERIC_NACK


class EnquireLink(Body, frozen=True, gc=False):
    """enquire_link (4.11.1)."""

    command: ClassVar[int] = Command.ENQUIRE_LINK


class EnquireLinkResp(Body, frozen=True, gc=False):
    """enquire_link_resp (4.11.2)."""

    command: ClassVar[int] = RESPONSE | Command.ENQUIRE_LINK


class ShortMessage(Body, frozen=True, gc=False):
    """What submit_sm (4.4.1) and deliver_sm (4.6.1) carry; `short_message` is at most 254 octets."""

    source_addr: str = ""
    destination_addr: str = ""
    short_message: bytes = b""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    tlvs: Tlvs = ()
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    replace_if_present_flag: int = 0
    sm_default_msg_id: int = 0

    @property
    def message(self) -> bytes:
        """The octets of the message: short_message, or message_payload when that is where they are."""
        return self.short_message or find(self.tlvs, Tag.MESSAGE_PAYLOAD) or b""

    @property
    def source(self) -> Address:
        """The source address with its TON and NPI."""
        return Address(self.source_addr_ton, self.source_addr_npi, self.source_addr)

    @property
    def destination(self) -> Address:
        """The destination address with its TON and NPI."""
        return Address(self.dest_addr_ton, self.dest_addr_npi, self.destination_addr)


class SubmitSm(ShortMessage, frozen=True, gc=False):
    """submit_sm: a message from the ESME."""

    command: ClassVar[int] = Command.SUBMIT_SM


class DeliverSm(ShortMessage, frozen=True, gc=False):
    """deliver_sm: a message or a delivery receipt from the SMSC."""

    command: ClassVar[int] = Command.DELIVER_SM


class MessageIdResp(Body, frozen=True, gc=False):
    """What submit_sm_resp (4.4.2), deliver_sm_resp (4.6.2) and data_sm_resp (4.7.2) carry."""

    message_id: str = ""
    tlvs: Tlvs = ()


class SubmitSmResp(MessageIdResp, frozen=True, gc=False):
    """submit_sm_resp: the SMSC took the message under `message_id`."""

    command: ClassVar[int] = RESPONSE | Command.SUBMIT_SM


class DeliverSmResp(MessageIdResp, frozen=True, gc=False):
    """deliver_sm_resp: `message_id` is unused and empty."""

    command: ClassVar[int] = RESPONSE | Command.DELIVER_SM


class DataSmResp(MessageIdResp, frozen=True, gc=False):
    """data_sm_resp."""

    command: ClassVar[int] = RESPONSE | Command.DATA_SM


class DataSm(Body, frozen=True, gc=False):
    """data_sm (4.7.1): the message is in the message_payload parameter."""

    command: ClassVar[int] = Command.DATA_SM
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    tlvs: Tlvs = ()


class SubmitMulti(Body, frozen=True, gc=False):
    """submit_multi (4.5.1): a destination is an address, or the name of a distribution list."""

    command: ClassVar[int] = Command.SUBMIT_MULTI
    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    destinations: tuple[Address | str, ...] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""
    tlvs: Tlvs = ()


class SubmitMultiResp(Body, frozen=True, gc=False):
    """submit_multi_resp (4.5.2): `unsuccessful` pairs an address with the status it failed with."""

    command: ClassVar[int] = RESPONSE | Command.SUBMIT_MULTI
    message_id: str = ""
    unsuccessful: tuple[tuple[Address, int], ...] = ()
    tlvs: Tlvs = ()


class QuerySm(Body, frozen=True, gc=False):
    """query_sm (4.8.1)."""

    command: ClassVar[int] = Command.QUERY_SM
    message_id: str
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


class QuerySmResp(Body, frozen=True, gc=False):
    """query_sm_resp (4.8.2)."""

    command: ClassVar[int] = RESPONSE | Command.QUERY_SM
    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


class CancelSm(Body, frozen=True, gc=False):
    """cancel_sm (4.9.1)."""

    command: ClassVar[int] = Command.CANCEL_SM
    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


class CancelSmResp(Body, frozen=True, gc=False):
    """cancel_sm_resp (4.9.2)."""

    command: ClassVar[int] = RESPONSE | Command.CANCEL_SM


class ReplaceSm(Body, frozen=True, gc=False):
    """replace_sm (4.10.1)."""

    command: ClassVar[int] = Command.REPLACE_SM
    message_id: str
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


class ReplaceSmResp(Body, frozen=True, gc=False):
    """replace_sm_resp (4.10.2)."""

    command: ClassVar[int] = RESPONSE | Command.REPLACE_SM


class AlertNotification(Body, frozen=True, gc=False):
    """alert_notification (4.12.1): the handset at `source_addr` can be reached again; it has no response."""

    command: ClassVar[int] = Command.ALERT_NOTIFICATION
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""
    tlvs: Tlvs = ()
