"""Run by Alembic: migrations on the connection that the caller hands over."""

from alembic import context

from aoi_app.storage.schema import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
    # The caller's transaction holds all steps: a failed one leaves nothing behind.
    transaction_per_migration=False,
)
context.run_migrations()
