"""Figures from one index."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.drop_index("ix_defect_ts_us_defect_code_verification", "defect")
    op.create_index("ix_defect_figures", "defect", ["ts_us", "counts", "verification", "defect_code", "review_s"])


def downgrade() -> None:
    """Go back."""
    op.drop_index("ix_defect_figures", "defect")
    op.create_index("ix_defect_ts_us_defect_code_verification", "defect", ["ts_us", "defect_code", "verification"])
