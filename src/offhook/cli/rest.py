"""How commands talk to a running instance: its REST API with the account's credentials."""

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from offhook.config import read_options
from offhook.supervisor.datadir import InstanceFacts, find_instance

_TIMEOUT = 15.0


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
        api_url = self.facts.api_url.rstrip("/")
        url = path if "://" in path else api_url + path
        data = None if form is None else urllib.parse.urlencode(form).encode()
        request = urllib.request.Request(url, data)
        if url.startswith(f"{api_url}/"):
            login = f"{self.facts.account_sid}:{self.facts.auth_token}"
            request.add_header("Authorization", f"Basic {base64.b64encode(login.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            raise RestFailure(_refusal(error)) from None
        except OSError as error:
            raise RestFailure(f"{url} cannot be reached: {getattr(error, 'reason', error)}") from None

    def create(self, resource: str, form: dict[str, str]) -> dict[str, Any]:
        """Create a resource of the account (`Calls`, `Messages`) and return it."""
        return dict(json.loads(self.fetch(f"{self._account}/{resource}.json", form)))

    def resource(self, resource: str, sid: str) -> dict[str, Any]:
        """Return one resource of the account."""
        return dict(self.get(f"{self._account}/{resource}/{sid}.json"))

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


def _refusal(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read())
        return f"{body['message']} (error {body['code']}, HTTP {error.code})"
    except (ValueError, KeyError, TypeError, OSError):
        return f"HTTP {error.code} from {error.url}"
