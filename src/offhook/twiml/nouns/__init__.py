"""The nouns of `<Dial>`, a file each. Add a noun here when its file is written."""

from offhook.twiml.noun import Noun
from offhook.twiml.nouns.client import Client
from offhook.twiml.nouns.conference import Conference
from offhook.twiml.nouns.number import Number
from offhook.twiml.nouns.queue import Queue
from offhook.twiml.nouns.sip import Sip

NOUNS: dict[str, type[Noun]] = {
    "Client": Client,
    "Number": Number,
    "Sip": Sip,
}

ROOMS: dict[str, type[Conference] | type[Queue]] = {
    "Conference": Conference,
    "Queue": Queue,
}
"""The nouns that are no legs to call, but where others are."""
