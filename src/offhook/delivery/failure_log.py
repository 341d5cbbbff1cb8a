"""The log line of a webhook that failed, for an operator whose customer's program is at fault.

The whole story is in the timeline, which only the account sees. The line names the resource, whom was asked, the
code and what it means; no query, parameter or body, for those hold numbers and words of people.
"""

import logging
from urllib.parse import urlsplit

from offhook.errors import title

logger = logging.getLogger(__name__)

_QUOTING = frozenset({11100, *range(12000, 15000)})
"""Codes whose message may quote a URL or a document; of others it is the platform's own wording."""
_LONGEST_PLACE = 200


def log_failed_webhook(sid: str, url: str, code: int, message: str, *, request: str = "webhook") -> None:
    """Write one WARNING: a request about the call or text `sid` failed with a notification `code`.

    `request` says which: a webhook, or the callback of an event.
    """
    words = title(code) if code in _QUOTING or not message else message
    logger.warning("%s of %s to %s: error %d, %s", request, sid, _place(url), code, words)


def _place(url: str) -> str:
    """Host and path of a URL, which may be anything."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(malformed URL)"
    shown = parts.netloc.rpartition("@")[2] + parts.path
    return ascii(shown)[1:-1][:_LONGEST_PLACE] or "(no host)"
