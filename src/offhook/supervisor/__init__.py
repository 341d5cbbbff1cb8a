"""The supervisor: starts PostgreSQL, NATS and the roles, keeps them running and ends them all."""
