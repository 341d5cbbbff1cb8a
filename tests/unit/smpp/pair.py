"""An ESME and an SMSC stepped by hand."""

from offhook.smpp import bodies as b
from offhook.smpp.events import BindRequested, Bound
from offhook.smpp.pdu import HEADER
from offhook.smpp.session import Role, Session, SessionConfig
from offhook.smpp.vocabulary import Tag

TEXT = b.SubmitSm("15551230000", "15551230001", b"Hello", tlvs=((Tag.USER_MESSAGE_REFERENCE, b"\0\x01"),))


class Pair:
    """An ESME and an SMSC wired together, with one clock."""

    def __init__(self, config: SessionConfig | None = None) -> None:
        self.now = 100.0
        self.esme = Session(Role.ESME, config or SessionConfig(), self.now)
        self.smsc = Session(Role.SMSC, SessionConfig(), self.now)

    def exchange(self) -> None:
        """Carry octets until both are silent."""
        while True:
            up, down = self.esme.data_to_send(), self.smsc.data_to_send()
            if not up and not down:
                return
            if up:
                self.smsc.receive(up, self.now)
            if down:
                self.esme.receive(down, self.now)

    def bind(self, bind: b.Bind | None = None) -> "Pair":
        """Bind as a transceiver."""
        self.esme.bind(bind or b.BindTransceiver("me", "pw"), self.now)
        self.exchange()
        (request,) = self.smsc.events()
        assert isinstance(request, BindRequested)
        self.smsc.accept_bind(request, "sink", self.now)
        self.exchange()
        assert [*self.esme.events(), *self.smsc.events()] == [Bound("sink"), Bound("me")]
        return self


def header(data: bytes) -> tuple[int, int, int]:
    _, command, status, sequence = HEADER.unpack(data)
    return command, status, sequence


def bound_smsc(bind: b.Bind | None = None) -> Session:
    return Pair().bind(bind).smsc
