"""The nouns of `<Dial>`, a file each. Add a noun here when its file is written."""

from offhook.twiml.noun import Noun
from offhook.twiml.nouns.application import Application
from offhook.twiml.nouns.client import Client
from offhook.twiml.nouns.number import Number
from offhook.twiml.nouns.sip import Sip

NOUNS: dict[str, type[Noun]] = {
    "Application": Application,
    "Client": Client,
    "Number": Number,
    "Sip": Sip,
}
