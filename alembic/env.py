"""Run migrations on the connection that ``mobigo.db.migrate`` hands over, in its transaction."""

from alembic import context

from mobigo.db.engine import SCHEMA, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
)
context.run_migrations()
