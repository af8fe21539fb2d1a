"""Places on the golden board."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = (("inspection", "registration", sa.JSON), ("defect", "place_x", sa.Double), ("defect", "place_y", sa.Double))


def upgrade() -> None:
    """Go forward."""
    for table, column, kind in _COLUMNS:
        op.add_column(table, sa.Column(column, kind(), nullable=True))


def downgrade() -> None:
    """Go back."""
    for table, column, _ in reversed(_COLUMNS):
        op.drop_column(table, column)
