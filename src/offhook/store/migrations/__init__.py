"""The history of the tables, as Alembic's revisions in `versions/`. `offhook.store.migrate` applies them."""
