"""The voice role: SIP, the life of calls and the TwiML they run; the only writer of a live call's row.

A shell around the pure cores `offhook.sip`, `offhook.calls` and `offhook.twiml`: what they decide is carried
out here, and nothing here decides what a call does. Audio never passes through: media and streams exchange it
directly.
"""
