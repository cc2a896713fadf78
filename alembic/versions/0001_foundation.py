"""Lay the foundation: the extensions every room builds on, and the job queue.

Extensions stay in ``public``, where a shared database may already have them. The queue's tables are procrastinate's
own, in our schema, so that dropping the schema removes everything of ours and nothing else. Nothing runs before this
revision, so no writer is locked.
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001_foundation"
down_revision = None

EXTENSIONS = ("postgis", "pg_trgm", "btree_gist", "unaccent")


def upgrade() -> None:
    """Create extensions and the queue."""
    for extension in EXTENSIONS:
        op.execute(f"CREATE EXTENSION IF NOT EXISTS {extension} SCHEMA public")
    # many statements with % and : in them: past SQLAlchemy's parameters, on the driver's own connection
    driver = op.get_bind().connection.driver_connection
    driver.execute(SchemaManager.get_schema())


def downgrade() -> None:
    """Drop what the queue made; extensions may serve others."""
    op.execute(
        """
        DO $$
        DECLARE thing record;
        BEGIN
            FOR thing IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = 'mobigo'::regnamespace AND proname LIKE 'procrastinate%' LOOP
                EXECUTE 'DROP FUNCTION ' || thing.name || ' CASCADE';
            END LOOP;
            DROP TABLE procrastinate_events, procrastinate_periodic_defers, procrastinate_jobs, procrastinate_workers;
            DROP TYPE procrastinate_job_to_defer_v1, procrastinate_job_event_type, procrastinate_job_status;
        END $$
        """
    )
