"""A platform for tests: started with an empty data directory on free ports, and emptied between tests."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from offhook.testing.phones import Phone, Sandbox
from offhook.testing.webhooks import Webhooks

if TYPE_CHECKING:
    from offhook.rest import TwilioRestClient

_ANY_PORT = "127.0.0.1:0"
_REPLY_SECONDS = 30.0
_STOP_SECONDS = 15.0


class Platform:
    """A running Offhook.

    Attributes:
        phone_numbers: the numbers it owns from the beginning.
        sandbox: its virtual phones.
        webhooks: a program of the test's own, for TwiML and callbacks.
    """

    def __init__(self, process: subprocess.Popen[bytes], facts: dict[str, Any]) -> None:
        """`facts` is what ``offhook up --json`` printed."""
        self._process = process
        self.facts = facts
        self.api_url: str = facts["api_url"]
        self.account_sid: str = facts["account_sid"]
        self.auth_token: str = facts["auth_token"]
        self.phone_numbers: list[str] = facts["phone_numbers"]
        self.sandbox = Sandbox(facts["sandbox_url"], self._owns)
        self.webhooks = Webhooks(self.auth_token)

    @classmethod
    def start(
        cls, data_dir: Path, *, arguments: Sequence[str] = (), log: IO[bytes] | None = None
    ) -> Platform:
        """Start the platform on free ports, with one media worker unless the environment says otherwise.

        Raises RuntimeError when it does not come up.
        """
        command = [sys.executable, "-m", "offhook", "up", "--json", "--data", str(data_dir)]
        given = {argument.partition("=")[0] for argument in arguments}
        for flag in ("--http", "--sip", "--smpp", "--sandbox"):
            if flag not in given:
                command += [flag, _ANY_PORT]
        process = subprocess.Popen(
            [*command, *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env={"OFFHOOK_MEDIA_WORKERS": "1", **os.environ, "OFFHOOK_RESETTABLE": "1"},
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"offhook up ended with status {process.wait()}")
            return cls(process, json.loads(line))
        except BaseException:
            _end(process)
            raise

    @property
    def client(self) -> TwilioRestClient:
        """A client of the API with the account's credentials."""
        from offhook.rest import TwilioRestClient

        return TwilioRestClient(self.account_sid, self.auth_token, base=self.api_url)

    def phone(self, number: str) -> Phone:
        """The virtual phone with this number (E.164)."""
        return self.sandbox.phone(number)

    def timeline(self, sid: str) -> list[dict[str, Any]]:
        """What happened to a call or message."""
        entries: list[dict[str, Any]] = self._request("GET", f"/offhook/v1/timelines/{sid}")["entries"]
        return entries

    def newest(self, resource: str, count: int = 20, **filters: str) -> list[dict[str, Any]]:
        """The newest resources of the account (`Calls`, `Messages`…), the newest first."""
        query = urllib.parse.urlencode({"PageSize": count, **filters})
        page = self._request("GET", f"/2010-04-01/Accounts/{self.account_sid}/{resource}.json?{query}")
        return next(value for value in page.values() if isinstance(value, list))

    def reset(self) -> None:
        """Hang up everything, and make the platform, its phones and `webhooks` as they were at the start."""
        self.webhooks.reset()
        self.sandbox.reset()
        self._request("POST", "/offhook/v1/reset")

    def stop(self) -> None:
        """End the platform and wait until it has ended."""
        self.webhooks.stop()
        _end(self._process)

    def _owns(self, number: str) -> bool:
        digits = number.removeprefix("+")
        found = self.newest("IncomingPhoneNumbers", 100, PhoneNumber=digits)
        return any(item["phone_number"] == f"+{digits}" for item in found)

    def _request(self, method: str, path: str) -> Any:
        request = urllib.request.Request(self.api_url + path, method=method)
        login = base64.b64encode(f"{self.account_sid}:{self.auth_token}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=_REPLY_SECONDS) as response:
            content = response.read()
        return json.loads(content) if content else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the platform to end, and end it by force when it takes too long."""
    try:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
