"""Cookies of customers' servers, kept apart by a key the caller chooses (Twilio: one jar for each From/To pair).

Bounded in number and in time: the least recently used jar is forgotten first, and a jar not used for four
hours is.
"""

from collections import OrderedDict
from http.cookies import SimpleCookie

from aiohttp import CookieJar
from yarl import URL

_MAX_JARS = 10_000
_LIFETIME_SECONDS = 4 * 3600.0
_MAX_COOKIES_PER_RESPONSE = 50


class CookieShelf:
    """Jars by key. To be used inside one event loop."""

    def __init__(self) -> None:
        self._jars: OrderedDict[str, tuple[CookieJar, float]] = OrderedDict()

    def header(self, key: str, url: URL, now: float) -> str:
        """The Cookie header for a request to `url`; empty when there is none."""
        jar = self._jar(key, now)
        if jar is None:
            return ""
        return "; ".join(f"{name}={morsel.value}" for name, morsel in jar.filter_cookies(url).items())

    def store(self, key: str, cookies: SimpleCookie, url: URL, now: float) -> None:
        """Keep what the answer of `url` set."""
        if not cookies or len(cookies) > _MAX_COOKIES_PER_RESPONSE:
            return
        jar = self._jar(key, now) or CookieJar(unsafe=True)
        jar.update_cookies(cookies, url)
        self._jars[key] = (jar, now)
        self._jars.move_to_end(key)
        while len(self._jars) > _MAX_JARS:
            self._jars.popitem(last=False)

    def _jar(self, key: str, now: float) -> CookieJar | None:
        found = self._jars.get(key)
        if found is None:
            return None
        jar, used = found
        if now - used > _LIFETIME_SECONDS:
            del self._jars[key]
            return None
        self._jars[key] = (jar, now)
        self._jars.move_to_end(key)
        return jar
