"""Virtual phones and a virtual SMSC: what the platform calls and texts when no carrier is configured.

An ordinary SIP peer and an ordinary SMPP server on loopback, with an HTTP API that says how each phone behaves and
tells what it heard and read. Any number that the platform does not own is a phone here. Nothing in the platform's
call or message path knows that these are virtual.
"""
