"""`X-Twilio-Signature`: HMAC-SHA1 of the URL and the POST parameters, keyed by the account's auth token.

The signed text is the URL exactly as requested (query included), followed for a form POST by every
parameter's name and value, in the order of the names, without separators. Of a name that is repeated each
different value is taken once, in sorted order, as the official libraries' RequestValidator does. Nothing
but the URL is signed of a GET.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable
from urllib.parse import urlsplit

Params = Iterable[tuple[str, str]]


def sign(auth_token: str, url: str, params: Params = ()) -> str:
    """Return the header's value (base64). `params` are those of a form body: none for GET."""
    signed = url + "".join(name + value for name, value in sorted(set(params)))
    digest = hmac.digest(auth_token.encode(), signed.encode("utf-8", "surrogatepass"), "sha1")
    return base64.b64encode(digest).decode("ascii")


def verify(auth_token: str, url: str, params: Params, signature: str) -> bool:
    """Say whether `signature` was made for this request, with the port of `url` as given, added or left out.

    Proxies add and remove default ports, so both spellings of one are accepted.
    """
    form = list(params)
    return any(
        hmac.compare_digest(sign(auth_token, spelling, form).encode(), signature.encode("utf-8", "replace"))
        for spelling in _port_spellings(url)
    )


def _port_spellings(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    if default is None or parts.hostname is None:
        return (url,)
    userinfo, at, host = parts.netloc.rpartition("@")
    bare = host.removesuffix(f":{parts.port}") if parts.port else host
    without = parts._replace(netloc=f"{userinfo}{at}{bare}").geturl()
    with_port = parts._replace(netloc=f"{userinfo}{at}{bare}:{parts.port or default}").geturl()
    return (url, without, with_port)
