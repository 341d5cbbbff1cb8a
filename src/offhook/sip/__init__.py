"""SIP user agent without I/O: RFC 3261 transactions, dialogs, INVITE sessions, digest and registrar.

`endpoint.Endpoint` is the way in. Sockets live in `offhook.signalling.transports`.
"""
