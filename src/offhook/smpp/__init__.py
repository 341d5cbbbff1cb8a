"""SMPP 3.4 without I/O: the PDU codec, the session of both roles, delivery receipts, pacing and backoff.

The specification is "Short Message Peer to Peer Protocol Specification v3.4, issue 1.2"; section numbers in
this package are its own. Sockets and clocks belong to whoever drives a `session.Session`.
"""
