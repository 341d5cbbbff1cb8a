"""What a call does: pure state machines of one call, of the calls it dials, and of how they end.

Everything here is a decision core: ``step(state, event, now) -> (state, effects)``. SIP, RTP, rows and
HTTP are the business of `offhook.voice`, which turns what happens on the wire into events and carries the
effects out.
"""
