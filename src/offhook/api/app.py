"""The Falcon application: routes, headers of each answer, and errors as Twilio words them.

Routes of the 2010 API come from the OpenAPI file: an operation that is built runs its handler, one that is
not answers 404 with 20404 and says so. The suffix (``.json``, ``.xml``, …) is taken off the path before
routing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import falcon
import falcon.asgi

from offhook import clock, errors, ids
from offhook.api import forms, rendering, v2010
from offhook.api.authentication import CHALLENGE, account_of_path, authenticate, require_active
from offhook.api.body import read_form
from offhook.api.media import serve_media
from offhook.api.offhook_v1 import add_platform_routes
from offhook.api.operations import Handler, Request, Resource, built, not_found
from offhook.api.rendering import Suffix
from offhook.api.schema import API_VERSION, Operation, operations
from offhook.api.services import Services
from offhook.api.twimlets import add_twimlet_routes
from offhook.errors import RestError
from offhook.log import RateLimit
from offhook.store.database import DatabaseUnavailableError
from offhook.store.disk import RETRY_AFTER_SECONDS, DiskFullError
from offhook.store.paging import InvalidPageTokenError

logger = logging.getLogger(__name__)
_unavailable = RateLimit(10.0)

ROOT: Final = f"/{API_VERSION}"
NEW_WORK: Final = frozenset({"CreateCall", "CreateMessage", "CreateParticipant"})
"""What is refused while the disk is nearly full; everything that ends, deletes or reads goes on."""

Responder = Callable[..., Coroutine[Any, Any, None]]


def build_app(services: Services) -> falcon.asgi.App[Any, Any]:
    """The application with every route, ready to be served."""
    app = falcon.asgi.App(middleware=[Envelope()])
    app.req_options.strip_url_path_trailing_slash = True
    add_2010_routes(app, services, v2010.RESOURCES)
    add_platform_routes(app, services)
    add_twimlet_routes(app)
    app.add_sink(_unknown(services), "/")
    app.add_error_handler(Exception, _on_exception)
    app.add_error_handler(falcon.HTTPError, _on_http_error)
    app.add_error_handler(DatabaseUnavailableError, _on_unavailable)
    app.add_error_handler(InvalidPageTokenError, _on_page_token)
    app.add_error_handler(RestError, _on_rest_error)
    return app


class Envelope:
    """Middleware: the suffix of the path on the way in, the headers of every answer on the way out."""

    def __init__(self) -> None:
        self._running = 0

    async def process_request(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Note when the request came and how it wants its answer."""
        req.context.started = time.perf_counter()
        req.context.path = req.path
        req.context.suffix = Suffix.JSON
        self._running += 1
        if req.path.startswith(ROOT):
            req.path, req.context.suffix = rendering.split_suffix(req.path)

    async def process_response(
        self,
        req: falcon.asgi.Request,
        resp: falcon.asgi.Response,
        resource: object,
        req_succeeded: bool,
    ) -> None:
        """Add the headers that tell of the request."""
        resp.set_headers(
            {
                "Twilio-Request-Id": clock.new_sid(ids.REQUEST),
                "Twilio-Request-Duration": f"{time.perf_counter() - req.context.started:.3f}",
                "Twilio-Concurrent-Requests": str(self._running),
            }
        )
        self._running -= 1


def add_2010_routes(
    app: falcon.asgi.App[Any, Any], services: Services, resources: Sequence[Resource]
) -> None:
    """Add a route for every path of the OpenAPI file."""
    handlers = built(resources)
    media = {path: serve for resource in resources for path, serve in resource.media_handlers.items()}
    paths: dict[str, dict[str, Responder]] = {}
    for operation in operations().values():
        responder = _responder(services, operation, handlers.get(operation.id))
        paths.setdefault(operation.path, {})[operation.method] = responder
    for handler in _older(handlers):
        responder = _responder(services, handler.operation, handler)
        paths.setdefault(handler.operation.path, {})[handler.operation.method] = responder
    for path, responders in paths.items():
        if path in media:
            responders["GET"] = serve_media(services, media[path], responders["GET"])
        if "GET" in responders:
            # The same without the body, which Falcon leaves away (RFC 9110, section 9.3.2).
            responders["HEAD"] = responders["GET"]
        template, names = _route(path)
        app.add_route(template, Endpoint(responders, names))


def _older(handlers: Mapping[str, Handler]) -> list[Handler]:
    """``SMS/Messages``, where texts were before ``Messages``: `client.sms.messages` of the SDKs of that time."""
    names = ("CreateMessage", "ListMessage", "FetchMessage", "DeleteMessage")
    return [
        handler.moved(handler.operation.path.replace("/Messages", "/SMS/Messages"), "sms_messages")
        for handler in map(handlers.__getitem__, names)
    ]


def _route(path: str) -> tuple[str, Mapping[str, str]]:
    """A path as Falcon's router takes it, and the placeholder that each of its fields stands for.

    The router wants a field at one place of the tree to have one name; the file calls the same segment
    ``{Sid}`` in one path and ``{CallSid}`` in another. So fields are named for their place.
    """
    segments = path.split("/")
    names = {f"segment{at}": text[1:-1] for at, text in enumerate(segments) if text.startswith("{")}
    fields = {f"{{{name}}}": f"{{{field}}}" for field, name in names.items()}
    return "/".join(fields.get(text, text) for text in segments), names


class Endpoint:
    """A path as Falcon wants it: ``on_get`` and so on, for the methods that it has.

    A responder gets the fields of the path under the names that the OpenAPI file gives them.
    """

    def __init__(self, responders: Mapping[str, Responder], names: Mapping[str, str]) -> None:
        for method, responder in responders.items():
            setattr(self, f"on_{method.lower()}", self._named(responder, names))

    @staticmethod
    def _named(responder: Responder, names: Mapping[str, str]) -> Responder:
        async def respond(req: falcon.asgi.Request, resp: falcon.asgi.Response, **fields: str) -> None:
            await responder(req, resp, **{names[field]: value for field, value in fields.items()})

        return respond


def _responder(services: Services, operation: Operation, handler: Handler | None) -> Responder:
    """The coroutine function that Falcon calls for an operation."""

    async def respond(req: falcon.asgi.Request, resp: falcon.asgi.Response, **placeholders: str) -> None:
        caller = await authenticate(services, req.get_header("Authorization"))
        # Only the account's own resource is named by {Sid} alone; everything else is below {AccountSid}.
        sid = placeholders.get("AccountSid") or placeholders.get("Sid", caller.sid)
        account = await account_of_path(services, caller, sid)
        if handler is None:
            raise _not_built(req.context.path, operation)
        if req.context.suffix in (Suffix.WAV, Suffix.MP3):
            # What is a file is served before it comes to this, see `serve_media`.
            raise not_found(req.context.path)
        if operation.id.startswith("Create"):
            # What an inactive account has, its parent may still end, change and delete.
            require_active(account)
        if operation.id in NEW_WORK and services.disk.full():
            raise DiskFullError("the disk of the data directory is nearly full: new work is refused")
        request = Request(
            services=services,
            caller=caller,
            account=account,
            path=quote(req.context.path),
            suffix=req.context.suffix,
            values=await _values(req),
            placeholders=placeholders,
        )
        status, body = await handler.run(request)
        resp.status = status
        if body is not None:
            resp.data, resp.content_type = body

    return respond


async def _values(req: falcon.asgi.Request) -> forms.Values:
    """The parameters: of the query for a GET, of the body for a POST."""
    if req.method in ("GET", "HEAD"):
        return forms.parse_query(req.query_string)
    return await read_form(req)


def _not_built(path: str, operation: Operation) -> RestError:
    problem = not_found(path)
    problem.details = {"operation": operation.id, "reason": "This operation is not built yet"}
    return problem


def _unknown(services: Services) -> Responder:
    """Answers every path that has no route; below the 2010 API only to those who may ask."""

    async def sink(req: falcon.asgi.Request, resp: falcon.asgi.Response, **_: str) -> None:
        if req.path.startswith(ROOT):
            await authenticate(services, req.get_header("Authorization"))
        raise not_found(req.context.path)

    return sink


async def _on_rest_error(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: RestError,
    params: Mapping[str, Any],
) -> None:
    resp.status = error.status
    resp.data, resp.content_type = rendering.error(error, getattr(req.context, "suffix", Suffix.JSON))
    if error.status == 401:
        resp.set_header("WWW-Authenticate", CHALLENGE)
    logger.info("%s refused: %d %s", req.method, error.status, error.code)


async def _on_http_error(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: falcon.HTTPError,
    params: Mapping[str, Any],
) -> None:
    """Word Falcon's own refusals as Twilio does: 20 and the HTTP status is the family's general code."""
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        resp.set_headers(error.headers or {})
        problem = errors.rest(20004)
    else:
        problem = RestError(20000 + error.status_code, error.status_code, error.title or "Bad request")
    await _on_rest_error(req, resp, problem, params)


async def _on_unavailable(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: DatabaseUnavailableError,
    params: Mapping[str, Any],
) -> None:
    if (left_out := _unavailable.admit(time.monotonic())) is not None:
        logger.error("refused with 503: %s (%d more)", error, left_out)
    resp.set_header("Retry-After", str(RETRY_AFTER_SECONDS if isinstance(error, DiskFullError) else 1))
    await _on_rest_error(req, resp, errors.rest(20503), params)


async def _on_page_token(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: InvalidPageTokenError,
    params: Mapping[str, Any],
) -> None:
    await _on_rest_error(req, resp, errors.rest(21481), params)


async def _on_exception(
    req: falcon.asgi.Request,
    resp: falcon.asgi.Response,
    error: Exception,
    params: Mapping[str, Any],
) -> None:
    logger.exception("%s failed", req.method)
    await _on_rest_error(req, resp, errors.rest(20500), params)
