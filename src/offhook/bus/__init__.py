"""How processes talk.

Work queues, request/reply and live events go over NATS (`nats`, `subjects`); roles of one machine also have
private Unix sockets, whose framing is `ipc`.
"""
