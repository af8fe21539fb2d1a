"""Seals of boards; hashes of their pictures; what housekeeping asks for from an index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


_INDICES = (
    ("ix_inspection_with_pictures", "preview", ["final_verdict", "ts_us"]),
    ("ix_inspection_kept_whole", "board_image", ["ts_us", "id"]),
)


def upgrade() -> None:
    """Go forward."""
    for name, kept, columns in _INDICES:
        some = sa.text(f"{kept} IS NOT NULL")
        op.create_index(name, "inspection", columns, sqlite_where=some, postgresql_where=some)
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
    for name, _, _ in _INDICES:
        op.drop_index(name, "inspection")
    op.drop_table("seal_head")
    op.drop_column("inspection", "seal")
    op.drop_column("inspection", "pictures")
