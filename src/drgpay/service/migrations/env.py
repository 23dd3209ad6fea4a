"""Run by alembic: the steps, over the connection that was handed in."""

from alembic import context

from drgpay.service.store import META

context.configure(
    connection=context.config.attributes["connection"], target_metadata=META, render_as_batch=True
)
context.run_migrations()
