"""The Python client of the guides: `TwilioRestClient`, after the interface of twilio-python 5.x.

    from offhook.rest import TwilioRestClient

    client = TwilioRestClient(account, token)
    client.messages.create(to="+15551230000", from_="+15105550100", body="Hello world.")

Credentials not given come from ``TWILIO_ACCOUNT_SID`` and ``TWILIO_AUTH_TOKEN``; the address from
``base``, else ``OFFHOOK_API_URL``, else the instance that runs on this machine. Parameters are in snake
case, with an underscore where Python has a keyword: ``from_``, ``status_callback``. So are the fields of
what comes back; fields that are dates are `datetime`.

A parameter that the API does not have is a TypeError, as with Twilio's own SDK. It blocks, and is safe to
share between threads. Programs that want more use Twilio's own SDK against the same address.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, ClassVar, Final, Generic, TypeVar
from urllib.parse import quote, urlencode, urlsplit

API_VERSION: Final = "2010-04-01"
DEFAULT_BASE: Final = "http://127.0.0.1:8080"
DEFAULT_TIMEOUT: Final = 15.0
_PAGING: Final = frozenset({"page", "page_size", "page_token"})


class TwilioException(Exception):  # noqa: N818 - the name that programs catch
    """Something went wrong in this client: credentials are missing, or the platform cannot be reached."""


class TwilioRestException(TwilioException):
    """The platform refused a request.

    Attributes:
        status: of HTTP.
        uri: what was asked for.
        msg: what is wrong.
        code: Twilio's error code, None when the answer had none.
        method: of HTTP.
    """

    def __init__(
        self, status: int, uri: str, msg: str = "", code: int | None = None, method: str = "GET"
    ) -> None:
        super().__init__(msg)
        self.status = status
        self.uri = uri
        self.msg = msg
        self.code = code
        self.method = method

    def __str__(self) -> str:
        code = f" (error {self.code})" if self.code else ""
        return f"HTTP {self.status} error: {self.msg}{code}: {self.method} {self.uri}"


class Transport:
    """Sends requests with an account's credentials."""

    def __init__(self, base: str, account: str, token: str, timeout: float) -> None:
        if urlsplit(base).scheme not in ("http", "https"):
            raise TwilioException(f"base must be an http or https URL, not {base!r}")
        self.base = base.rstrip("/")
        self._timeout = timeout
        login = base64.b64encode(f"{account}:{token}".encode()).decode()
        self._headers = {"Authorization": f"Basic {login}", "Accept": "application/json"}

    def request(self, method: str, uri: str, parameters: Mapping[str, Any] | None = None) -> Any:
        """The JSON of the answer, None when it is empty.

        Raises:
            TwilioRestException: the platform refused.
            TwilioException: it cannot be reached.
        """
        encoded = urlencode(wire(parameters or {}))
        url = self.base + uri
        if method == "GET" and encoded:
            url, encoded = f"{url}{'&' if '?' in uri else '?'}{encoded}", ""
        body = encoded.encode() if method == "POST" else None
        request = urllib.request.Request(url, body, self._headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error, method, uri) from None
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise TwilioException(f"{self.base} cannot be reached: {reason}") from error
        return json.loads(content) if content else None


def _refusal(error: urllib.error.HTTPError, method: str, uri: str) -> TwilioRestException:
    try:
        told = json.loads(error.read())
        return TwilioRestException(error.code, uri, str(told["message"]), told.get("code"), method)
    except (ValueError, KeyError, TypeError, OSError):
        return TwilioRestException(error.code, uri, str(error.reason), None, method)


def wire(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Parameters as they are sent: names in Pascal case, values as text, a pair for each value of a list."""
    pairs: list[tuple[str, str]] = []
    for name, value in parameters.items():
        if value is None:
            continue
        for item in value if isinstance(value, list | tuple) else (value,):
            pairs.append((_pascal(name), _text(item)))
    return pairs


def _pascal(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


@cache
def accepted(method: str, name: str, *, one: bool) -> frozenset[str]:
    """The parameters that the contract has for requests to the resources `name`, or to one of them, in snake case."""
    from offhook.api.schema import operations, snake

    place = f"/{name}/{{Sid}}" if one else f"/{name}"
    asked = (each for each in operations().values() if each.method == method and each.path.endswith(place))
    return frozenset(snake(parameter) for operation in asked for parameter in operation.parameters)


class InstanceResource:
    """One resource: its fields are attributes, after the answer's JSON.

    Attributes:
        name: its SID.
        uri: its address without the suffix.
    """

    SUBRESOURCES: ClassVar[Mapping[str, type[ListResource[Any]]]] = {}

    sid: str

    def __init__(self, parent: ListResource[Any], content: Mapping[str, Any]) -> None:
        self.parent = parent
        self.load(content)

    def load(self, content: Mapping[str, Any]) -> None:
        """Take the fields of an answer."""
        for name, value in content.items():
            if name not in ("uri", "subresource_uris"):
                setattr(self, "from_" if name == "from" else name, _value(name, value))
        self.name = content.get("sid") or ""
        self.uri = f"{self.parent.uri}/{self.name}"
        for attribute, kind in self.SUBRESOURCES.items():
            setattr(self, attribute, kind(self.parent.transport, self.uri))

    def __getattr__(self, name: str) -> Any:
        """A field that the answer did not have."""
        raise AttributeError(f"{self!r} has no field {name}")

    def update(self, **parameters: Any) -> InstanceResource:
        """Change it, and take over what the platform then says of it."""
        self.load(self.parent.post(self.name, parameters))
        return self

    def delete(self) -> bool:
        """Delete it."""
        return self.parent.delete(self.name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__.get('name')}>"


def _value(name: str, value: Any) -> Any:
    if isinstance(value, str) and (name.startswith("date_") or name.endswith(("_time", "_date"))):
        try:
            return parsedate_to_datetime(value)
        except ValueError:
            return value
    return value


I = TypeVar("I", bound=InstanceResource)  # noqa: E741


class ListResource(Generic[I]):
    """The resources of one kind below an address."""

    NAME: ClassVar[str]
    KEY: ClassVar[str]
    INSTANCE: ClassVar[type[InstanceResource]] = InstanceResource
    FILTERS: ClassVar[Mapping[str, str]] = {}
    """Filters that are not called as on the wire."""
    OLDER: ClassVar[frozenset[str]] = frozenset()
    """Parameters that the contract has no more, and programs still give."""

    def __init__(self, transport: Transport, parent_uri: str) -> None:
        self.transport = transport
        self.uri = f"{parent_uri}/{self.NAME}"

    def get(self, sid: str) -> I:
        """One resource."""
        return self._instance(self.transport.request("GET", f"{self.uri}/{quote(sid, safe='')}.json"))

    fetch = get

    def list(self, **filters: Any) -> list[I]:
        """One page: the newest, unless ``page`` and ``page_size`` say otherwise."""
        return [self._instance(item) for item in self._page(filters)[self.KEY]]

    def iter(self, **filters: Any) -> Iterator[I]:
        """Every resource, newest first, fetched a page at a time."""
        page = self._page(filters)
        while True:
            for item in page[self.KEY]:
                yield self._instance(item)
            if not (following := page.get("next_page_uri")):
                return
            page = self.transport.request("GET", following)

    def create(self, **parameters: Any) -> I:
        """Make one. Raises TypeError for a parameter that there is none of."""
        self._check("create", parameters, accepted("POST", self.NAME, one=False))
        return self._instance(self.transport.request("POST", f"{self.uri}.json", parameters))

    def update(self, sid: str, **parameters: Any) -> I:
        """Change one."""
        return self._instance(self.post(sid, parameters))

    def delete(self, sid: str) -> bool:
        """Delete one."""
        self.transport.request("DELETE", f"{self.uri}/{quote(sid, safe='')}.json")
        return True

    def post(self, sid: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Change one and return its JSON. Raises TypeError for a parameter that there is none of."""
        self._check("update", parameters, accepted("POST", self.NAME, one=True))
        path = f"{self.uri}/{quote(sid, safe='')}.json"
        answer: Mapping[str, Any] = self.transport.request("POST", path, parameters)
        return answer

    def _page(self, filters: Mapping[str, Any]) -> Mapping[str, Any]:
        renamed = {self.FILTERS.get(name, name): value for name, value in filters.items()}
        self._check("list", renamed, accepted("GET", self.NAME, one=False) | _PAGING)
        answer: Mapping[str, Any] = self.transport.request("GET", f"{self.uri}.json", renamed)
        return answer

    def _check(self, method: str, parameters: Mapping[str, Any], known: frozenset[str]) -> None:
        """Refuse what the platform would pass over, as a call of a Python function does."""
        for name in parameters:
            if name.removesuffix("_") not in known | self.OLDER:
                raise TypeError(
                    f"{type(self).__name__}.{method}() got an unexpected keyword argument {name!r}"
                )

    def _instance(self, content: Mapping[str, Any]) -> I:
        return self.INSTANCE(self, content)  # type: ignore[return-value]


class Recording(InstanceResource):
    """A recording; its audio is at `media_uri`, a whole URL."""

    @property
    def media_uri(self) -> str:
        """Where its WAV file is."""
        return f"{self.parent.transport.base}{self.uri}.wav"


class Recordings(ListResource[Recording]):
    """The recordings of an account or a call."""

    NAME, KEY, INSTANCE = "Recordings", "recordings", Recording
    FILTERS: ClassVar = {"before": "date_created<", "after": "date_created>"}


class Notification(InstanceResource):
    """A line of the debugger."""


class Notifications(ListResource[Notification]):
    """The notifications of an account or a call."""

    NAME, KEY, INSTANCE = "Notifications", "notifications", Notification
    FILTERS: ClassVar = {"before": "message_date<", "after": "message_date>"}


class Call(InstanceResource):
    """A call."""

    SUBRESOURCES: ClassVar = {"recordings": Recordings, "notifications": Notifications}

    recordings: Recordings
    notifications: Notifications

    def hangup(self) -> InstanceResource:
        """End it, whatever it does now."""
        return self.update(status="completed")

    def cancel(self) -> InstanceResource:
        """End it if it has not been answered."""
        return self.update(status="canceled")

    def route(self, url: str, method: str = "POST") -> InstanceResource:
        """Have it go on with the TwiML at another URL."""
        return self.update(url=url, method=method)

    redirect = route


class Calls(ListResource[Call]):
    """The calls of an account: `create(to=, from_=, url=)`."""

    NAME, KEY, INSTANCE = "Calls", "calls", Call
    OLDER: ClassVar = frozenset({"if_machine"})
    FILTERS: ClassVar = {
        "started": "start_time",
        "started_before": "start_time<",
        "started_after": "start_time>",
        "ended": "end_time",
        "ended_before": "end_time<",
        "ended_after": "end_time>",
    }

    def hangup(self, sid: str) -> Call:
        """End a call, whatever it does now."""
        return self.update(sid, status="completed")

    def cancel(self, sid: str) -> Call:
        """End a call if it has not been answered."""
        return self.update(sid, status="canceled")

    def route(self, sid: str, url: str, method: str = "POST") -> Call:
        """Have a call go on with the TwiML at another URL."""
        return self.update(sid, url=url, method=method)

    redirect = route


class Message(InstanceResource):
    """A text message."""

    def redact(self) -> InstanceResource:
        """Empty its body for ever."""
        return self.update(body="")


class Messages(ListResource[Message]):
    """The messages of an account: `create(to=, from_=, body=)`."""

    NAME, KEY, INSTANCE = "Messages", "messages", Message
    FILTERS: ClassVar = {"before": "date_sent<", "after": "date_sent>"}

    def redact(self, sid: str) -> Message:
        """Empty the body of a message for ever."""
        return self.update(sid, body="")


class Sms:
    """The older name of the messages: `client.sms.messages`."""

    def __init__(self, messages: Messages) -> None:
        self.messages = messages


class PhoneNumber(InstanceResource):
    """A phone number of the account."""


class PhoneNumbers(ListResource[PhoneNumber]):
    """The phone numbers of an account."""

    NAME, KEY, INSTANCE = "IncomingPhoneNumbers", "incoming_phone_numbers", PhoneNumber

    def purchase(self, **parameters: Any) -> PhoneNumber:
        """Take a number into the account: `phone_number=` or `area_code=`."""
        return self.create(**parameters)


class Account(InstanceResource):
    """An account and everything below it."""

    SUBRESOURCES: ClassVar = {
        "calls": Calls,
        "messages": Messages,
        "notifications": Notifications,
        "phone_numbers": PhoneNumbers,
        "recordings": Recordings,
    }

    calls: Calls
    messages: Messages
    notifications: Notifications
    phone_numbers: PhoneNumbers
    recordings: Recordings


class Accounts(ListResource[Account]):
    """The account and its subaccounts."""

    NAME, KEY, INSTANCE = "Accounts", "accounts", Account


class TwilioRestClient:
    """The API for one account.

    Args:
        account: its SID; default ``TWILIO_ACCOUNT_SID``.
        token: its auth token; default ``TWILIO_AUTH_TOKEN``.
        base: the address of the platform.
        timeout: seconds that an answer may take.

    Raises:
        TwilioException: there are no credentials.
    """

    def __init__(
        self,
        account: str | None = None,
        token: str | None = None,
        base: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        account = account or os.environ.get("TWILIO_ACCOUNT_SID")
        token = token or os.environ.get("TWILIO_AUTH_TOKEN")
        if not account or not token:
            raise TwilioException(
                "No credentials: give TwilioRestClient an account SID and an auth token, or set"
                " TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (`offhook up` prints both)"
            )
        self.auth = (account, token)
        self.account_uri = f"/{API_VERSION}/Accounts/{account}"
        self.transport = Transport(base or default_base(), account, token, timeout)
        self.accounts = Accounts(self.transport, f"/{API_VERSION}")
        self.calls = Calls(self.transport, self.account_uri)
        self.messages = Messages(self.transport, self.account_uri)
        self.sms = Sms(self.messages)
        self.phone_numbers = PhoneNumbers(self.transport, self.account_uri)
        self.recordings = Recordings(self.transport, self.account_uri)
        self.notifications = Notifications(self.transport, self.account_uri)


def default_base() -> str:
    """``OFFHOOK_API_URL``; else the address of the instance that runs on this machine; else the usual one."""
    if url := os.environ.get("OFFHOOK_API_URL"):
        return url
    from offhook.config import ConfigurationError, read_options
    from offhook.supervisor.datadir import find_instance

    try:
        return find_instance(read_options({}, os.environ).data_dir).local_url
    except ConfigurationError:
        return DEFAULT_BASE
