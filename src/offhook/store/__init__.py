"""The truth, in PostgreSQL: one repository for each aggregate, records as values, an outbox for what must be told.

Start at `store.Store`. `records` has the values, `schema` the tables, `database` the pool and what
happens when PostgreSQL goes away.
"""
