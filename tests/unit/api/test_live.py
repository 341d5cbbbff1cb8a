"""Timeline entries on their way to a client that follows them."""

import asyncio

from offhook.api.offhook_v1.live import MAX_WAITING_BYTES, Waiting


async def test_waits_until_something_comes() -> None:
    waiting, closing = Waiting(), asyncio.create_task(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(waiting.put, b"entry")
    await waiting.some(closing, 10.0)
    assert waiting.take() == [b"entry"]
    assert waiting.take() == []
    closing.cancel()


async def test_ends_to_wait_when_the_process_ends() -> None:
    closing = asyncio.create_task(asyncio.sleep(0, result=True))
    await Waiting().some(closing, 10.0)
    assert closing.done()


def test_what_has_no_room_is_counted() -> None:
    waiting = Waiting()
    for _ in range(3):
        waiting.put(bytes(MAX_WAITING_BYTES // 2))
    assert len(waiting.take()) == 2
    assert (waiting.take_lost(), waiting.take_lost()) == (1, 0)
