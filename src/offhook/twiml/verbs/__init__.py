"""The verbs of a call, a file each. Add a verb here when its file is written."""

from offhook.twiml.verb import Verb
from offhook.twiml.verbs.dial import Dial
from offhook.twiml.verbs.echo import Echo
from offhook.twiml.verbs.enqueue import Enqueue
from offhook.twiml.verbs.gather import Gather
from offhook.twiml.verbs.hangup import Hangup
from offhook.twiml.verbs.leave import Leave
from offhook.twiml.verbs.pause import Pause
from offhook.twiml.verbs.play import Play
from offhook.twiml.verbs.record import Record
from offhook.twiml.verbs.redirect import Redirect
from offhook.twiml.verbs.refer import Refer
from offhook.twiml.verbs.reject import Reject
from offhook.twiml.verbs.say import Say
from offhook.twiml.verbs.sms import Sms
from offhook.twiml.verbs.start import Start

VERBS: dict[str, type[Verb]] = {
    "Dial": Dial,
    "Echo": Echo,
    "Enqueue": Enqueue,
    "Gather": Gather,
    "Hangup": Hangup,
    "Leave": Leave,
    "Pause": Pause,
    "Play": Play,
    "Record": Record,
    "Redirect": Redirect,
    "Refer": Refer,
    "Reject": Reject,
    "Say": Say,
    "Sms": Sms,
    "Start": Start,
}
