"""Seals of boards; hashes of their pictures."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.add_column("inspection", sa.Column("pictures", sa.JSON, nullable=True))
    op.add_column("inspection", sa.Column("seal", sa.String(length=64), nullable=True))
    op.create_table(
        "seal_head",
        sa.Column("station", sa.String(length=80), nullable=False),
        sa.Column("boards", sa.BigInteger(), nullable=False),
        sa.Column("seal", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("station", name=op.f("pk_seal_head")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("seal_head")
    op.drop_column("inspection", "seal")
    op.drop_column("inspection", "pictures")
