"""This side's answers to digest challenges, over the requests of one session (RFC 3261 section 22.2)."""

from __future__ import annotations

from collections.abc import Callable

from offhook.sip.digest import Credentials, authorization, choose_challenge
from offhook.sip.message import Field, Response

_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}
"""By the status of a challenge: its header, and the header that answers it."""


class ClientAuth:
    """The challenges seen by a session, kept to answer them in its later requests too."""

    def __init__(self, credentials: Credentials | None, tokens: Callable[[], str]) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._challenges: dict[str, dict[str, str]] = {}
        self._count = 0

    def take(self, response: Response) -> bool:
        """Note the challenge of a 401 or 407; True when trying again makes sense.

        That is so once for each kind of challenge, and again when the nonce was stale.
        """
        headers = _HEADERS.get(response.status)
        if headers is None or self._credentials is None:
            return False
        challenge = choose_challenge(response.get_all(headers[0]))
        if challenge is None:
            return False
        stale = challenge.get("stale", "").lower() == "true"
        known = self._challenges.get(headers[1])
        if known is not None and (not stale or known["nonce"] == challenge["nonce"]):
            return False
        self._challenges[headers[1]] = challenge
        self._count = 0
        return True

    def fields(self, method: str, uri: str) -> tuple[Field, ...]:
        """The rows to add to a request."""
        if self._credentials is None or not self._challenges:
            return ()
        self._count += 1
        return tuple(
            (name, authorization(challenge, self._credentials, method, uri, self._tokens(), self._count))
            for name, challenge in self._challenges.items()
        )
