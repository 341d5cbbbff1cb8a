"""SIPp, a SIP peer no one here wrote, as the carrier at the other end of a trunk.

A scenario is a list of steps for one call, of which the functions below make the usual ones; `Sipp.call` plays
it from the port given, `Sipp.serve` waits there for a call, and both tell whether it went as it says.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from tests.harness.processes import end
from tests.harness.waiting import HANGS

SIPP = shutil.which("sipp")
SECONDS = int(HANGS)
CALLER = "+15557770123"

_HEAD = '<?xml version="1.0" encoding="UTF-8"?><scenario name="a call">'
#: Of /proc/net/udp (unconnected) and /proc/net/tcp (listening).
_OPEN_STATES = ("07", "0A")
#: Own names for branches, so that a CANCEL or an ACK can name that of its INVITE.
_BRANCH = "z9hG4bK-[pid]-[call_number]-{name}"


def require_sipp() -> None:
    """Skip the test where there is no SIPp."""
    if SIPP is None:
        pytest.skip("sipp is not installed (Debian package sip-tester)")


def sdp(payloads: str = "0 101", *, direction: str = "sendrecv", version: int = 1) -> str:
    """A session description with these payload types."""
    return (
        f"v=0\no=trunk 1 {version} IN IP4 127.0.0.1\ns=-\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio [media_port] RTP/AVP {payloads}\na=rtpmap:101 telephone-event/8000\na={direction}\n"
    )


def _message(start: str, rows: list[str], body: str) -> str:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\n".join([start, *rows, *kind, "Content-Length: [len]", "", body])


def _send(message: str, *, again: bool) -> str:
    retransmit = ' retrans="500"' if again else ""
    return f"<send{retransmit}><![CDATA[\n{message}\n]]></send>"


# The calling side


def ask(method: str, *, body: str = "", cseq: int = 1, branch: str = "", rows: tuple[str, ...] = ()) -> str:
    """Send a request outside of any dialog."""
    uri = "sip:[service]@[remote_ip]:[remote_port]"
    return _ask(method, uri, f"<{uri}>", body, cseq, branch, rows)


def ask_within(
    method: str, *, body: str = "", cseq: int = 1, branch: str = "", rows: tuple[str, ...] = ()
) -> str:
    """Send a request within the dialog."""
    uri = "sip:[service]@[remote_ip]:[remote_port]"
    return _ask(method, "[next_url]", f"<{uri}>[peer_tag_param]", body, cseq, branch, rows)


def _ask(method: str, uri: str, to: str, body: str, cseq: int, branch: str, rows: tuple[str, ...]) -> str:
    headers = [
        f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={_BRANCH.format(name=branch or f'{method}{cseq}')}",
        f"From: <sip:{CALLER}@[local_ip]:[local_port]>;tag=[pid]-[call_number]",
        f"To: {to}",
        "Call-ID: [call_id]",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:trunk@[local_ip]:[local_port];transport=[transport]>",
        "Max-Forwards: 70",
        *rows,
    ]
    return _send(_message(f"{method} {uri} SIP/2.0", headers, body), again=method != "ACK")


def expect(status: int, *, optional: bool = False) -> str:
    """Wait for a response."""
    maybe = ' optional="true"' if optional else ""
    route = ' rrs="true"' if status == 200 else ""
    return f'<recv response="{status}"{route}{maybe}/>'


def refused(status: int, *, cseq: int = 1) -> list[str]:
    """Wait for an INVITE's final refusal, and acknowledge it."""
    ack = ask_within("ACK", cseq=cseq, branch=f"INVITE{cseq}")
    ack = ack.replace("ACK [next_url]", "ACK sip:[service]@[remote_ip]:[remote_port]")
    return [expect(100, optional=True), expect(180, optional=True), expect(status), ack]


def answered(*, cseq: int = 1, body: str = "") -> list[str]:
    """Wait for the answer to an INVITE, and acknowledge it."""
    progress = [expect(100, optional=True), expect(180, optional=True)]
    return [*progress, expect(200), ask_within("ACK", cseq=cseq, branch=f"ACK{cseq}", body=body)]


def hang_up(cseq: int = 2) -> list[str]:
    """Send BYE."""
    return [ask_within("BYE", cseq=cseq), expect(200)]


# The called side


def awaited(method: str, *, remember: bool = False) -> str:
    """Wait for a request; `remember` its parties for `ask_back`."""
    start = f'<recv request="{method}" rrs="true" timeout="{SECONDS * 1000}"'
    if not remember:
        return start + "/>"
    parties = [
        f'<ereg regexp=".*" search_in="hdr" header="{header}:" assign_to="{number}"/>'
        for number, header in enumerate(("To", "From"), 1)
    ]
    return f"{start}><action>{''.join(parties)}</action></recv>"


def proven(method: str, username: str, password: str) -> list[str]:
    """Wait for a request whose digest (after a 401) proves the password; anything else fails the call."""
    verify = f'<verifyauth assign_to="1" username="{username}" password="{password}"/>'
    received = awaited(method).replace("/>", f"><action>{verify}</action></recv>")
    return [received, '<nop test="1" next="1"/>', awaited("PROOF"), '<label id="1"/>']


def ask_back(method: str) -> str:
    """Send a request within a dialog that the other side began."""
    request = ask_within(method, cseq=1).splitlines()
    parties = {"From:": "From:[$1];tag=[pid]-[call_number]", "To:": "To:[$2]"}
    return "\n".join(parties.get(row.partition(" ")[0], row) for row in request)


def reply(status: str, *, body: str = "", rows: tuple[str, ...] = (), again: bool = False) -> str:
    """Answer the latest request; `again` repeats it until something comes (a 200 waits for its ACK)."""
    headers = [
        "[last_Via:]",
        "[last_From:]",
        "[last_To:];tag=[pid]-[call_number]",
        "[last_Call-ID:]",
        "[last_CSeq:]",
        "Contact: <sip:trunk@[local_ip]:[local_port];transport=[transport]>",
        *rows,
    ]
    return _send(_message(f"SIP/2.0 {status}", headers, body), again=again)


def reply_within(status: str) -> str:
    """Answer a request of the dialog."""
    return reply(status).replace("[last_To:];tag=[pid]-[call_number]", "[last_To:]")


def pause(milliseconds: int) -> str:
    """Wait."""
    return f'<pause milliseconds="{milliseconds}"/>'


class Sipp:
    """SIPp at one port of loopback. `transport` is "udp" or "tcp"."""

    def __init__(self, port: int, transport: str = "udp") -> None:
        self.port = port
        self.transport = transport

    def call(self, target: str, number: str, *steps: str) -> None:
        """Call the platform; AssertionError with what SIPp says when the scenario was not followed."""
        with tempfile.TemporaryDirectory(prefix="sipp-") as folder:
            self.finish(self._start(Path(folder), steps, [target, "-s", number]), Path(folder))

    def serve(self, *steps: str) -> Serving:
        """Wait for one call; use it as a context manager, which ends when the scenario has."""
        return Serving(self, steps)

    def start_serving(self, folder: Path, steps: tuple[str, ...]) -> subprocess.Popen[bytes]:
        """Run the called side; returns when its port is open."""
        process = self._start(folder, steps, [])
        deadline = time.monotonic() + SECONDS
        try:
            while not self._is_open():
                assert process.poll() is None and time.monotonic() < deadline, "SIPp does not serve"
                time.sleep(0.02)
        except BaseException:
            end(process)
            raise
        return process

    def _is_open(self) -> bool:
        """Whether its port is bound: asking the kernel disturbs nobody."""
        rows = [row.split() for row in Path(f"/proc/net/{self.transport}").read_text().splitlines()[1:]]
        return any(row[1].endswith(f":{self.port:04X}") and row[3] in _OPEN_STATES for row in rows)

    def _start(self, folder: Path, steps: tuple[str, ...], rest: list[str]) -> subprocess.Popen[bytes]:
        assert SIPP is not None
        (folder / "scenario.xml").write_text(_HEAD + "\n".join(steps) + "</scenario>")
        command = [
            SIPP,
            "-sf",
            "scenario.xml",
            "-i",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-t",
            f"{self.transport[0]}1",
            "-m",
            "1",
        ]
        command += [
            "-nostdin",
            "-timeout",
            f"{SECONDS}s",
            "-timeout_error",
            "-trace_err",
            "-error_file",
            "errors",
        ]
        command += ["-mp", str(free_port() // 2 * 2), *rest]
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )

    @staticmethod
    def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
        try:
            _, told = process.communicate(timeout=SECONDS + 5)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        errors = folder / "errors"
        assert process.returncode == 0, told.decode() + (errors.read_text() if errors.exists() else "")


class Serving:
    """SIPp while it waits for a call and takes part in it."""

    def __init__(self, sipp: Sipp, steps: tuple[str, ...]) -> None:
        self._sipp = sipp
        self._steps = steps
        self._folder = tempfile.TemporaryDirectory(prefix="sipp-")

    def __enter__(self) -> None:
        try:
            self._process = self._sipp.start_serving(Path(self._folder.name), self._steps)
        except BaseException:
            self._folder.cleanup()
            raise

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is not None:
                self._process.kill()
                self._process.communicate()
            else:
                self._sipp.finish(self._process, Path(self._folder.name))
        finally:
            self._folder.cleanup()


def free_port() -> int:
    """A port that nobody uses now, for both transports."""
    while True:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.socket(type=socket.SOCK_DGRAM) as probe,
        ):
            port: int = listener.getsockname()[1]
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
