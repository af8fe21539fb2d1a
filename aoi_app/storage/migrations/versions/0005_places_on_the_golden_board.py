"""Places on the golden board; boards by recipe revision from one index."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (("inspection", "registration", sa.JSON), ("defect", "place_x", sa.Double), ("defect", "place_y", sa.Double))

_INDEX = "ix_inspection_recipe_ts_us_verdict_recipe_revision"


def upgrade() -> None:
    """Go forward."""
    for table, column, kind in _COLUMNS:
        op.add_column(table, sa.Column(column, kind(), nullable=True))
    op.drop_index("ix_inspection_recipe_ts_us_verdict", "inspection")
    op.create_index(_INDEX, "inspection", ["recipe", "ts_us", "verdict", "recipe_revision"])


def downgrade() -> None:
    """Go back."""
    op.drop_index(_INDEX, "inspection")
    op.create_index("ix_inspection_recipe_ts_us_verdict", "inspection", ["recipe", "ts_us", "verdict"])
    for table, column, _ in reversed(_COLUMNS):
        op.drop_column(table, column)
