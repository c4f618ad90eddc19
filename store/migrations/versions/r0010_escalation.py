"""What a warning's chain of escalation is, where users are written to, and indexes of what waits for one receiver or one warning.

Warnings raised before have no chain: what was laid down when they were raised is all they know.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

from store.types import Json, Line, Whole

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    op.add_column("warnings", sa.Column("rectify_reminded_percent", Whole, nullable=True))
    op.add_column("warnings", sa.Column("escalation", Json(), nullable=True))
    op.add_column("users", sa.Column("phone", Line(), nullable=True))
    op.add_column("users", sa.Column("email", Line(), nullable=True))
    for name, columns in (("ix_outbox_waiting", ["target", "recipient"]), ("ix_outbox_open_warning", ["warning_id"])):
        op.create_index(name, "outbox", columns, unique=False, sqlite_where=PENDING, postgresql_where=PENDING)


def downgrade() -> None:
    raise NotImplementedError("running chains would be forgotten")
