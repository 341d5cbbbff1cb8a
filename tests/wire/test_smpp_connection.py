"""SMPP on real sockets: the asyncio shell, the sink SMSC, and the carrier that keeps a bind up."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
import uvloop
from tests.harness.smsc import Smsc
from tests.harness.waiting import HANGS

from offhook.messaging.carriers import DeliveryReport, IncomingText, OutgoingText
from offhook.messaging.carriers.smpp import SmppCarrier
from offhook.messaging.connection import SmppConnection
from offhook.smpp.bodies import DataSm, SubmitSm
from offhook.smpp.pdu import encode, encode_bare
from offhook.smpp.session import Role, SessionConfig, State
from offhook.smpp.vocabulary import RESPONSE, Command, Status, Tag
from offhook.smsc import SmscSettings


class Notes:
    """What a carrier reports, kept."""

    def __init__(self) -> None:
        self.taken: dict[str, Sequence[str]] = {}
        self.refusals: dict[str, int] = {}
        self.returns: list[tuple[str, bool]] = []
        self.deferrals: list[tuple[str, str]] = []
        self.reports: list[DeliveryReport] = []
        self.texts: list[IncomingText] = []
        self.ups = 0
        self.commit = asyncio.Event()
        self.commit.set()
        self.changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def accepted(self, carrier: str, text: OutgoingText, carrier_ids: Sequence[str]) -> None:
        self.taken[text.sid] = list(carrier_ids)
        self._tell()

    def refused(self, carrier: str, text: OutgoingText, error_code: int, detail: str) -> None:
        self.refusals[text.sid] = error_code
        self._tell()

    def deferred(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], detail: str, seconds: float | None
    ) -> None:
        self.deferrals.append((text.sid, detail))
        self._tell()

    def returned(
        self, carrier: str, text: OutgoingText, ids: Sequence[str | None], written: bool, detail: str
    ) -> None:
        self.returns.append((text.sid, written))
        self._tell()

    def reported(self, carrier: str, report: DeliveryReport, settled: Callable[[], None]) -> None:
        self.reports.append(report)
        settled()
        self._tell()

    def available(self, carrier: str) -> None:
        self.ups += 1
        self._tell()

    async def incoming(self, text: IncomingText) -> None:
        await self.commit.wait()
        self.texts.append(text)

    def _tell(self) -> None:
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self.changed:
            self.changed.notify_all()

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Wait for a report that makes `condition` true."""
        async with asyncio.timeout(HANGS), self.changed:
            await self.changed.wait_for(condition)


@pytest.fixture
async def smsc() -> AsyncIterator[Smsc]:
    async with Smsc() as running:
        yield running


@pytest.fixture
async def notes() -> Notes:
    return Notes()


@pytest.fixture
async def carrier(smsc: Smsc, notes: Notes) -> AsyncIterator[SmppCarrier]:
    running = SmppCarrier(SmscSettings("offhook", "secret", "127.0.0.1", smsc.port, window=10))
    running.start(notes)
    await notes.wait(lambda: notes.ups > 0)
    yield running
    await running.close()


def text(number: int, body: str = "Hello") -> OutgoingText:
    return OutgoingText(f"SM{number:032x}", "+15550100100", "+15551230000", body)


async def test_texts_beyond_the_window_all_go(smsc: Smsc, notes: Notes, carrier: SmppCarrier) -> None:
    carrier.submit([text(number) for number in range(200)])
    await notes.wait(lambda: len(notes.taken) == 200)
    await notes.wait(lambda: len(notes.reports) == 200)
    assert len({ids[0] for ids in notes.taken.values()}) == smsc.count == 200


async def test_a_segment_that_is_refused_refuses_the_text_once(
    smsc: Smsc, notes: Notes, carrier: SmppCarrier
) -> None:
    smsc.answer = lambda message: Status.RINVDSTADR if message.short_message[5] == 2 else 0
    carrier.submit([text(1, "x" * 400)])
    await notes.wait(lambda: bool(notes.refusals))
    assert notes.refusals == {text(1).sid: 30005}
    assert notes.taken == {}


async def test_a_temporary_error_is_tried_again(smsc: Smsc, notes: Notes, carrier: SmppCarrier) -> None:
    answers = iter([Status.RSYSERR])
    smsc.answer = lambda _: next(answers, 0)
    carrier.submit([text(1)])
    await notes.wait(lambda: bool(notes.taken))


async def test_what_cannot_be_encoded_is_refused_and_harms_nothing_else(
    notes: Notes, carrier: SmppCarrier
) -> None:
    carrier.submit([OutgoingText(f"SM{1:032x}", "Жук", "+1555", "x"), text(2)])
    await notes.wait(lambda: bool(notes.taken) and bool(notes.refusals))


async def test_a_lost_bind_returns_texts_and_is_made_again(
    smsc: Smsc, notes: Notes, carrier: SmppCarrier
) -> None:
    asked = 0

    def never(_: SubmitSm) -> None:
        nonlocal asked
        asked += 1

    smsc.answer = never
    carrier.submit([text(number) for number in range(15)])
    await smsc.wait(lambda: asked == 10)
    smsc.drop()
    await notes.wait(lambda: len(notes.returns) == 15)
    assert sum(written for _, written in notes.returns) == 10
    assert carrier.room() == 0
    await notes.wait(lambda: notes.ups == 2)
    assert carrier.room() > 0


async def test_a_refused_bind_is_not_tried_in_a_tight_loop(smsc: Smsc, notes: Notes) -> None:
    smsc.bind_status = Status.RBINDFAIL
    carrier = SmppCarrier(SmscSettings("offhook", "secret", "127.0.0.1", smsc.port))
    carrier.start(notes)
    await smsc.wait(lambda: smsc.attempts >= 1)
    await asyncio.sleep(1.0)
    assert smsc.attempts <= 5
    assert carrier.room() == 0
    await carrier.close()


async def test_closing_while_nothing_answers(notes: Notes) -> None:
    carrier = SmppCarrier(SmscSettings("offhook", "secret", "127.0.0.1", 1))
    carrier.start(notes)
    await asyncio.sleep(0.05)
    await carrier.close()


async def test_senders_are_paced(smsc: Smsc, notes: Notes) -> None:
    carrier = SmppCarrier(SmscSettings("offhook", "secret", "127.0.0.1", smsc.port, sender_rate=20))
    carrier.start(notes)
    await notes.wait(lambda: notes.ups > 0)
    started = asyncio.get_running_loop().time()
    carrier.submit([text(number) for number in range(11)])
    await notes.wait(lambda: len(notes.taken) == 11)
    assert asyncio.get_running_loop().time() - started >= 0.49
    await carrier.close()


async def test_a_text_is_acknowledged_only_when_it_is_committed(
    smsc: Smsc, notes: Notes, carrier: SmppCarrier
) -> None:
    notes.commit.clear()
    delivery = asyncio.ensure_future(smsc.deliver("15551230000", "15550100100", b"Hi"))
    done, _ = await asyncio.wait([delivery], timeout=0.2)
    assert not done
    notes.commit.set()
    assert await delivery == 0
    assert notes.texts == [IncomingText("+15551230000", "+15550100100", "Hi")]


async def test_data_sm_carries_texts_too(smsc: Smsc, notes: Notes, carrier: SmppCarrier) -> None:
    message = DataSm("", 1, 1, "15551230000", 1, 1, "15550100100", tlvs=((Tag.MESSAGE_PAYLOAD, b"Hi"),))
    assert await smsc.send(message) == 0
    assert notes.texts[0].body == "Hi"


async def exchange(port: int, data: bytes, expected: int) -> bytes:
    """Say something raw to the SMSC, and read so many octets and what comes after them within a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(HANGS):
        answer = await reader.readexactly(expected)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            while received := await reader.read(4096):
                answer += received
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", encode_bare(Command.GENERIC_NACK, 0, Status.RINVCMDLEN)),
        (encode_bare(0x77, 4), encode_bare(Command.GENERIC_NACK, 4, Status.RINVCMDID)),
        (
            encode(SubmitSm("1", "2", b"x"), 5),
            encode_bare(RESPONSE | Command.SUBMIT_SM, 5, Status.RINVBNDSTS),
        ),
        (b"\0\0\0\x40\0\0\0\x04" + bytes(8), b""),
    ],
)
async def test_strangers_at_an_smsc(smsc: Smsc, sent: bytes, answer: bytes) -> None:
    assert await exchange(smsc.port, sent, len(answer)) == answer


def test_a_timer_that_is_due_at_once() -> None:
    """uvloop, which the roles run on, makes an ordinary handle of it."""

    async def scene() -> list[str]:
        loop = asyncio.get_running_loop()
        errors: list[str] = []
        loop.set_exception_handler(lambda _, context: errors.append(str(context.get("exception"))))
        async with Smsc() as smsc:
            _, connection = await loop.create_connection(
                lambda: SmppConnection(
                    Role.ESME, SessionConfig(session_init=0), lambda *_: None, SmppConnection.flush
                ),
                "127.0.0.1",
                smsc.port,
            )
            async with asyncio.timeout(HANGS):
                await connection.closed
        return errors

    assert uvloop.run(scene()) == []


async def test_a_centre_that_takes_fifty_a_second_is_used_well(
    smsc: Smsc, notes: Notes, carrier: SmppCarrier
) -> None:
    loop = asyncio.get_running_loop()
    opened, taken = loop.time(), 0

    def answer(_: SubmitSm) -> int:
        nonlocal taken
        if taken >= 5 + 50 * (loop.time() - opened):
            return Status.RTHROTTLED
        taken += 1
        return 0

    smsc.answer = answer
    carrier.submit([text(number) for number in range(200)])
    assert carrier.hindrance() == ""
    await notes.wait(lambda: len(notes.taken) == 200)
    assert carrier.hindrance().startswith(
        "smpp:offhook takes fewer texts than it is offered: ESME_RTHROTTLED since 2"
    )


async def test_a_transmitter_and_a_receiver(smsc: Smsc, notes: Notes) -> None:
    smsc.receipt_after = None
    carrier = SmppCarrier(SmscSettings("offhook", "secret", "127.0.0.1", smsc.port, bind="pair"))
    carrier.start(notes)
    await smsc.wait(
        lambda: {each.session.state for each in smsc.connections} == {State.BOUND_TX, State.BOUND_RX}
    )
    await notes.wait(lambda: notes.ups > 0)
    carrier.submit([text(1)])
    await notes.wait(lambda: bool(notes.taken))
    smsc.connections = {each for each in smsc.connections if each.session.state is State.BOUND_RX}
    assert await smsc.deliver("15551230000", "15550100100", b"Hi") == 0
    assert notes.texts == [IncomingText("+15551230000", "+15550100100", "Hi")]
    await carrier.close()
