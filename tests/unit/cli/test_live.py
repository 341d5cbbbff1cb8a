"""Timelines that are followed live: from when on the client says that it hears everything."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import msgspec
import pytest
from tests.unit.supervisor.test_datadir import FACTS

from offhook.cli.rest import RestClient

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (b"", []),
        (b": ping\n\n", ["listening"]),
        (b': ping\n\ndata: {"sid": "SM1"}\n\n', ["listening", {"sid": "SM1"}]),
        (b": ping\n\nevent: lost\ndata: 7\n\n", ["listening", {"lost": 7}]),
    ],
)
def test_it_is_listening_once_the_platform_says_so(stream: bytes, told: list[object]) -> None:
    seen: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        serving = threading.Thread(target=answer(listener, HEAD + stream))
        serving.start()
        for entry in client_of(url).live(lambda: seen.append("listening")):
            seen.append(entry)
        serving.join()
    assert seen == told


def answer(listener: socket.socket, octets: bytes) -> Callable[[], None]:
    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(octets)

    return serve


def client_of(url: str) -> RestClient:
    return RestClient(msgspec.structs.replace(FACTS, local_url=url))
