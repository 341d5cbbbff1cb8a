"""What a REST resource is written with.

A resource is a file that reads like its documentation page. It makes one `Resource` and registers a
function for each operation of the OpenAPI file that it builds:

    messages = Resource(MessageRecord)

    class ListMessages(Form):
        to: str | None = None

    @messages.operation("ListMessage")
    async def list_messages(context: Context, filters: ListMessages, page: Page) -> PageResult[MessageRecord]:
        \"\"\"Messages of the account, newest first.\"\"\"
        ...

The operation's id gives its path, method, status, fields and paging. What the function takes says what it
needs:

* ``context``: the account that the path names, the services, the request's address. Always first.
* a `Form`: the parameters, from the body of a POST or the query of a GET.
* ``page``: of a list. The function returns a `PageResult`.
* any other name: the path's placeholder of that name in snake case (``call_sid`` of ``{CallSid}``).

A function that returns None answers 204 for a DELETE, and 404 with 20404 otherwise. It raises
`errors.rest(code)` for everything else that is wrong.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from offhook import clock, errors
from offhook.api import forms, paging, rendering
from offhook.api.forms import Form, Values
from offhook.api.rendering import Body, Suffix
from offhook.api.schema import (
    Getter,
    Json,
    Operation,
    ResourceSchema,
    compile_representation,
    operations,
    snake,
)
from offhook.api.services import Services
from offhook.store.records import AccountRecord, NumberRecord, TimelineEntry, TimelineKind
from offhook.store.store import Store

Function = TypeVar("Function", bound=Callable[..., Awaitable[Any]])
Representation = Callable[[Any, str], Json]


@dataclass(frozen=True, slots=True)
class Context:
    """The request a function works for.

    Attributes:
        services: repositories, bus, settings.
        caller: the account whose credentials were given.
        account: the account that the path names; the caller has been found to be allowed to act for it.
        path: of the request, as the client wrote it.
        ignored: parameters that were given and mean nothing to the operation as it is built.
    """

    services: Services
    caller: AccountRecord
    account: AccountRecord
    path: str
    ignored: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        """The repositories."""
        return self.services.store

    async def owned_number(self, number: str) -> NumberRecord | None:
        """The account's own phone number in E.164, or None."""
        found = await self.store.numbers.cached.get(number)
        return found if found is not None and found.account_sid == self.account.sid else None

    def queued(self, sid: str, detail: Mapping[str, Any]) -> None:
        """Begin the timeline of a call or message; parameters that changed nothing are named in it."""
        self._record(sid, TimelineKind.STATUS, "queued", detail)
        if self.ignored:
            self._record(sid, TimelineKind.NOTE, "parameters without effect", {"names": self.ignored[:50]})

    def _record(self, sid: str, kind: TimelineKind, name: str, detail: Mapping[str, Any]) -> None:
        entry = TimelineEntry(sid, self.account.sid, clock.utcnow(), kind, name, detail)
        self.store.timelines.add(entry)


@dataclass(frozen=True, slots=True)
class Request:
    """What the HTTP side knows of a request before its operation runs."""

    services: Services
    caller: AccountRecord
    account: AccountRecord
    path: str
    suffix: Suffix
    values: Values
    placeholders: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Media:
    """A file to answer with instead of a resource."""

    path: str
    content_type: str


class Handler:
    """An operation and the function that carries it out, bound once at the start."""

    def __init__(self, operation: Operation, resource: Resource, function: Callable[..., Any]) -> None:
        self.operation = operation
        self.function = function
        schema = operation.resource
        self._represent = resource.representation(schema) if schema is not None else None
        parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        self._form = next((item for item in parameters if _is_form(item.annotation)), None)
        self._paged = any(item.name == "page" for item in parameters)
        self._placeholders = [
            (name, snake(name))
            for name in operation.patterns
            if any(item.name == snake(name) for item in parameters)
        ]

    @property
    def form(self) -> type[Form] | None:
        """The parameters it understands, None when it takes none."""
        return self._form.annotation if self._form is not None else None

    def moved(self, path: str, list_key: str) -> Handler:
        """The same at another path, with another key of its list."""
        other = copy.copy(self)
        key = list_key if self.operation.list_key is not None else None
        other.operation = replace(self.operation, path=path, list_key=key)
        return other

    async def run(self, request: Request) -> tuple[int, Body | None]:
        """Carry the operation out and return the status and the body.

        Raises:
            RestError: it was refused.
        """
        arguments: dict[str, Any] = {
            attribute: self._placeholder(name, request) for name, attribute in self._placeholders
        }
        ignored: tuple[str, ...] = ()
        if self._form is not None:
            decoded = forms.decode(self._form.annotation, request.values)
            arguments[self._form.name], ignored = decoded.form, decoded.ignored
        if self._paged:
            arguments["page"] = paging.read_page(request.values)
        context = Context(request.services, request.caller, request.account, request.path, ignored)
        return self._answer(request, await self.function(context, **arguments))

    def _placeholder(self, name: str, request: Request) -> str:
        value = request.placeholders[name]
        if not self.operation.patterns[name].fullmatch(value):
            raise not_found(request.path)
        return value

    def _answer(self, request: Request, result: Any) -> tuple[int, Body | None]:
        operation = self.operation
        if operation.method == "DELETE":
            return 204, None
        represent, schema = self._represent, operation.resource
        if result is None or represent is None or schema is None:
            raise not_found(request.path)
        element, public_url = schema.element, request.services.settings.public_url
        if operation.list_key is None:
            value = represent(result, public_url)
            return operation.status, rendering.resource(value, element, request.suffix)
        value = paging.body(
            request.path,
            request.values,
            operation.list_key,
            result,
            lambda row: represent(row, public_url),
        )
        return operation.status, rendering.page(value, operation.list_key, element, request.suffix)


class Resource:
    """The operations of one resource, and where its fields come from.

    Args:
        record: the dataclass its functions return.
        values: fields of the JSON that are not an attribute of the record: name to function of the record.
        links: fields that are absolute URLs below the platform's public URL: name to function of the path.
    """

    def __init__(
        self,
        record: type,
        values: Mapping[str, Getter] | None = None,
        links: Mapping[str, Getter] | None = None,
    ) -> None:
        self._record = record
        self._values = values or {}
        self._links = links or {}
        self.handlers: list[Handler] = []
        self.media_handlers: dict[str, Callable[..., Awaitable[Media | None]]] = {}

    def operation(self, operation_id: str) -> Callable[[Function], Function]:
        """Register the function that carries out an operation.

        Raises:
            KeyError: the OpenAPI file has no such operation.
        """
        operation = operations()[operation_id]

        def register(function: Function) -> Function:
            self.handlers.append(Handler(operation, self, function))
            return function

        return register

    def draft(self, operation_id: str) -> Callable[[Function], Function]:
        """Take a function that is still to be written: the API answers as if there were none.

        Raises:
            KeyError: the OpenAPI file has no such operation.
        """
        operations()[operation_id]
        return lambda function: function

    def media(self, operation_id: str) -> Callable[[Function], Function]:
        """Register what answers the operation's path with ``.wav``, ``.mp3`` or no suffix: a file.

        It is called without an account, since media is served to whoever knows its address (see the
        function), and with the suffix.
        """
        path = operations()[operation_id].path

        def register(function: Function) -> Function:
            self.media_handlers[path] = function
            return function

        return register

    def representation(self, schema: ResourceSchema) -> Representation:
        """The function from a record, and the public URL of the platform, to the JSON of a schema.

        An operation may answer less than the whole resource: values of fields it has not are left out.
        """
        fields = {prop.name for prop in schema.properties}
        represent = compile_representation(schema, self._record, _of(fields, self._values))
        links = _of(fields, self._links)
        if not links:
            return lambda row, public_url: represent(row)

        def represent_with_links(row: Any, public_url: str) -> Json:
            return represent(row) | {name: public_url + get(row) for name, get in links.items()}

        return represent_with_links


def _of(fields: set[str], values: Mapping[str, Getter]) -> dict[str, Getter]:
    return {name: get for name, get in values.items() if name in fields}


def _is_form(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Form)


def not_found(path: str) -> errors.RestError:
    """The answer to a path that leads to nothing."""
    return errors.rest(20404, f"The requested resource {path} was not found")


def built(resources: Sequence[Resource]) -> dict[str, Handler]:
    """Every operation that is built, by its id."""
    return {handler.operation.id: handler for resource in resources for handler in resource.handlers}
