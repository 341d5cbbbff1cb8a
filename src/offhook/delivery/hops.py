"""The requests that one webhook takes: its URL as it is sent and signed, and where a redirect leads.

Follows RFC 9110 section 15.4 for redirects and RFC 7617 for a URL's userinfo. Nothing is sent here.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from yarl import URL

from offhook.delivery import failures
from offhook.delivery.failures import FetchError, Redirect
from offhook.delivery.form import encode

_MAX_URL_LENGTH = 16384
_LONGEST_KNOWN = 2048
_strange = re.compile(r"[\x00-\x1f\\\x7f]").search
_URL_SAFE = "%/:=&?~#+!$,;'@()*[]"
"""All that RFC 3986 lets stand in a URL, so that a well-formed URL is signed and sent exactly as it was given."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One request on the wire."""

    method: str
    url: str
    params: Sequence[tuple[str, str]]
    userinfo: str
    redirects: tuple[Redirect, ...] = ()


def first_hop(method: str, url: str, params: Sequence[tuple[str, str]]) -> Hop:
    """What is asked first: a form in the body of a POST, in the query of any other method.

    Raises:
        FetchError: 11100, the URL is not an absolute http or https URL.
    """
    hop = _hop(method, url, params, "")
    if method == "POST" or not params:
        return hop
    joint = "&" if urlsplit(hop.url).query else "?"
    return replace(hop, url=hop.url.rstrip("?") + joint + encode(params), params=())


def next_hop(hop: Hop, status: int, location: str) -> Hop:
    """RFC 9110 §15.4: 307 and 308 repeat the request, the others become a GET without the form."""
    repeat = status in (307, 308)
    target = urljoin(hop.url, location.strip()).partition("#")[0]
    same_origin = URL(target).origin() == URL(hop.url).origin() if urlsplit(target).hostname else False
    following = _hop(
        hop.method if repeat else "GET",
        target,
        hop.params if repeat else (),
        hop.userinfo if same_origin else "",
    )
    dropped = bool(hop.params) and not following.params
    redirect = Redirect(
        status, hop.method, shown_url(hop.url), following.method, shown_url(following.url), dropped
    )
    return replace(following, redirects=(*hop.redirects, redirect))


def _hop(method: str, url: str, params: Sequence[tuple[str, str]], userinfo: str) -> Hop:
    """A hop to a checked URL, whose own userinfo replaces the one given.

    The URL that is signed has no userinfo: the server that verifies the signature never sees any.

    Raises:
        FetchError: 11100, the URL is not an absolute http or https URL.
    """
    bare, given = _known_target(url) if len(url) <= _LONGEST_KNOWN else _target(url)
    return Hop(method, bare, params, given or userinfo)


def _target(url: str) -> tuple[str, str]:
    """A URL as it is signed and sent, and its userinfo.

    Raises:
        FetchError: 11100, the URL is not an absolute http or https URL.
    """
    if len(url) > _MAX_URL_LENGTH:
        # Before urlsplit, which remembers what it has split.
        raise FetchError(failures.INVALID_URL, f"the URL is longer than {_MAX_URL_LENGTH} characters")
    if _strange(url):
        # Browsers and libraries disagree about what such a URL names.
        raise FetchError(failures.INVALID_URL, "the URL holds characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchError(failures.INVALID_URL, "the URL is not valid") from None
    host = parts.hostname
    if parts.scheme.lower() not in ("http", "https") or not host or port == 0:
        raise FetchError(
            failures.INVALID_URL, "the URL is not an absolute http or https URL", url=shown_url(url)
        )
    userinfo, _, netloc = parts.netloc.rpartition("@")
    bare = urlunsplit((parts.scheme.lower(), _ascii_host(netloc), parts.path or "/", parts.query, ""))
    return quote(bare, safe=_URL_SAFE), userinfo


_known_target = lru_cache(1024)(_target)
"""An application has few URLs, which are asked again and again."""


def _ascii_host(netloc: str) -> str:
    """The host in the form DNS knows (RFC 5891).

    Raises:
        FetchError: 11100, there is no such form.
    """
    if netloc.isascii():
        if any(character <= " " or character in '<>"\\^`{|}\x7f' for character in netloc):
            raise FetchError(failures.INVALID_URL, "the URL's host is not valid")
        return netloc
    host, colon, port = netloc.partition(":")
    encoded = URL.build(scheme="http", host=host).raw_host
    return f"{encoded}{colon}{port}"


def with_userinfo(url: str, userinfo: str) -> str:
    """A URL as its owner wrote it."""
    if not userinfo:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{userinfo}@{parts.netloc}"))


def basic_auth(userinfo: str) -> str:
    """The Authorization header for a URL's userinfo (RFC 7617 §2, in UTF-8)."""
    login, _, password = userinfo.partition(":")
    credentials = f"{unquote(login).replace(':', '')}:{unquote(password)}"
    return f"Basic {base64.b64encode(credentials.encode()).decode()}"


def without_credentials(url: str) -> str:
    """The URL without its userinfo, to be logged or shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def shown_url(url: str) -> str:
    """The URL without its userinfo; empty when it cannot be read."""
    try:
        return without_credentials(url)
    except ValueError:
        return ""
