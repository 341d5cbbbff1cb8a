"""The verbs of a reply to a text, a file each, and `interpreter`, which runs them.

`<Sms>` is what `<Message>` was called at first.
"""

from offhook.twiml.messaging.message import Message
from offhook.twiml.verb import Verb
from offhook.twiml.verbs.redirect import Redirect

VERBS: dict[str, type[Verb]] = {
    "Message": Message,
    "Redirect": Redirect,
    "Sms": Message,
}
