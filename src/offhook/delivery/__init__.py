"""Requests to customers' servers: the guarded HTTP client, and callbacks delivered from the outbox."""
