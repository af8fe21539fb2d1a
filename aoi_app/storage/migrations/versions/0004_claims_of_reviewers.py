"""Claims of reviewers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "claim",
        sa.Column(
            "inspection_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("holder", sa.String(length=40), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspection.id"], name=op.f("fk_claim_inspection_id")),
        sa.PrimaryKeyConstraint("inspection_id", name=op.f("pk_claim")),
    )


def downgrade() -> None:
    """Go back."""
    op.drop_table("claim")
