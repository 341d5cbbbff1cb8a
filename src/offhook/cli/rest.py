"""How commands talk to a running instance: its REST API with the account's credentials."""

import base64
import contextlib
import http.client
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from offhook.config import read_options
from offhook.supervisor.datadir import InstanceFacts, find_instance

_TIMEOUT = 15.0
_SILENCE = 45.0
"""Seconds without a sign of life after which a live connection is dead: the API gives one every 15."""


class RestFailure(Exception):  # noqa: N818
    """The API refused, or could not be reached; the message is one line."""


@dataclass(frozen=True, slots=True)
class RestClient:
    """A client of one instance, for one account.

    Attributes:
        facts: where the instance is reached, and the account's credentials.
    """

    facts: InstanceFacts

    def get(self, path: str) -> Any:
        """Return the JSON at `path`, which starts with `/` and is relative to the API, or is a whole URL."""
        return json.loads(self.fetch(path))

    def fetch(self, path: str, form: dict[str, str] | None = None) -> bytes:
        """Return the body of the response to a GET, or to a POST when there is a form.

        Raises:
            RestFailure: anything but 2xx, with the API's own message where there is one.
        """
        local_url = self.facts.local_url
        url = path if "://" in path else local_url + path
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data)
        if url.startswith(f"{local_url}/"):
            self._sign_in(request)
        with _open(request) as response:
            return bytes(response.read())

    def sandbox(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Return the JSON of a request to the sandbox's API, which asks for no credentials.

        Raises:
            RestFailure: anything but 2xx, with the sandbox's own message where there is one.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.facts.sandbox_url + path, data, method=method)
        with _open(request) as response:
            content = response.read()
        return json.loads(content) if content else None

    def live(self, listening: Callable[[], None] = lambda: None) -> Iterator[dict[str, Any]]:
        """Yield the timeline entries of all calls and messages as they happen, until the platform ends.

        `listening` is called when all that happens from then on is told.
        An entry is {sid, at, kind, name, detail}; one that could not be had in time is {lost: how many}.

        Raises:
            RestFailure: the API refused, or could not be reached.
        """
        request = urllib.request.Request(f"{self.facts.local_url}/offhook/v1/timelines")
        self._sign_in(request)
        event = ""
        with _open(request, _SILENCE) as response, contextlib.suppress(OSError):
            # A comment comes first, when the platform has begun to listen.
            if response.readline():
                listening()
            for line in response:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield {"lost": int(value)} if event == "lost" else json.loads(value)
                    event = ""

    def _sign_in(self, request: urllib.request.Request) -> None:
        login = f"{self.facts.account_sid}:{self.facts.auth_token}"
        request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")

    def create(self, resource: str, form: dict[str, str]) -> dict[str, Any]:
        """Create a resource of the account (`Calls`, `Messages`) and return it."""
        return dict(json.loads(self.fetch(f"{self._account}/{resource}.json", form)))

    def resource(self, resource: str, sid: str) -> dict[str, Any]:
        """Return one resource of the account."""
        return dict(self.get(f"{self._account}/{resource}/{sid}.json"))

    def newest(self, resource: str, count: int, **filters: str) -> list[dict[str, Any]]:
        """Return the newest resources of the account, the newest first, `count` at most (1,000)."""
        query = urllib.parse.urlencode({"PageSize": count, **filters})
        page = self.get(f"{self._account}/{resource}.json?{query}")
        key = next(name for name, value in page.items() if isinstance(value, list))
        return list(page[key])

    def update(self, resource: str, sid: str, form: dict[str, str]) -> dict[str, Any]:
        """Change a resource of the account and return it."""
        return dict(json.loads(self.fetch(f"{self._account}/{resource}/{sid}.json", form)))

    def timeline(self, sid: str, after: str = "") -> tuple[list[dict[str, Any]], str]:
        """Return what happened to a call or a message, and the cursor to ask what came after with.

        An entry is {at, kind, name, detail}; the oldest is first.
        """
        answer = self.get(f"/offhook/v1/timelines/{sid}?after={after}")
        return list(answer["entries"]), str(answer["cursor"])

    @property
    def _account(self) -> str:
        return f"/2010-04-01/Accounts/{self.facts.account_sid}"


def connect(data: str | None) -> RestClient:
    """Return a client of the instance that runs on `data`, or on the directory the environment names.

    Raises:
        ConfigurationError: none runs there.
    """
    return RestClient(find_instance(read_options({"data": data}, os.environ).data_dir))


def _open(request: urllib.request.Request, timeout: float = _TIMEOUT) -> http.client.HTTPResponse:
    """The response to a request. Raises RestFailure."""
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        raise RestFailure(_refusal(error)) from None
    except OSError as error:
        raise RestFailure(
            f"{request.full_url} cannot be reached: {getattr(error, 'reason', error)}"
        ) from None
    return response


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read())
        if "error" in body:
            return str(body["error"])
        return f"{body['message']} (error {body['code']}, HTTP {error.code})"
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code} from {error.url}"
