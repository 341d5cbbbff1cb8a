"""How processes talk: work queues, request/reply and live events over NATS (`nats`, `subjects`), and the framing
of the private Unix sockets between roles of one machine (`ipc`)."""
