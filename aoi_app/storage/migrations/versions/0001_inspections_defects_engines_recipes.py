"""Inspections, defects, engines, recipes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go forward."""
    op.create_table(
        "engine",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("class_names", sa.JSON(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_engine")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_engine_fingerprint")),
    )
    op.create_table(
        "recipe",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("saved_us", sa.BigInteger(), nullable=False),
        sa.Column("saved_by", sa.String(length=80), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recipe")),
        sa.UniqueConstraint("name", "revision", name=op.f("uq_recipe_name_revision")),
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("board_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("serial", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("station", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=8), nullable=False),
        sa.Column("final_verdict", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("recipe", sa.String(length=80), nullable=False),
        sa.Column("recipe_revision", sa.Integer(), nullable=False),
        sa.Column("engine_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("pixel_format", sa.String(length=16), nullable=False),
        sa.Column("missing_lines", sa.Integer(), nullable=False),
        sa.Column("missing_reasons", sa.JSON(), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=False),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("ts_us", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.JSON(), nullable=False),
        sa.Column("defect_count", sa.Integer(), nullable=False),
        sa.Column("open_defects", sa.Integer(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=True),
        sa.Column("board_image", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["engine_id"], ["engine.id"], name=op.f("fk_inspection_engine_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
        sa.UniqueConstraint("board_id", name=op.f("uq_inspection_board_id")),
    )
    op.create_index(op.f("ix_inspection_engine_id_ts_us"), "inspection", ["engine_id", "ts_us"])
    op.create_index(op.f("ix_inspection_recipe_ts_us_verdict"), "inspection", ["recipe", "ts_us", "verdict"])
    op.create_index(op.f("ix_inspection_serial_ts_us"), "inspection", ["serial", "ts_us"])
    op.create_index(
        op.f("ix_inspection_to_review"),
        "inspection",
        ["ts_us"],
        sqlite_where=sa.text("open_defects > 0"),
        postgresql_where=sa.text("open_defects > 0"),
    )
    op.create_index(op.f("ix_inspection_ts_us_verdict"), "inspection", ["ts_us", "verdict"])
    op.create_index(op.f("ix_inspection_verdict_ts_us"), "inspection", ["verdict", "ts_us"])

    op.create_table(
        "defect",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("defect_code", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=False),
        sa.Column("x1", sa.Double(), nullable=False),
        sa.Column("y1", sa.Double(), nullable=False),
        sa.Column("x2", sa.Double(), nullable=False),
        sa.Column("y2", sa.Double(), nullable=False),
        sa.Column("size_um", sa.Double(), nullable=True),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("component", sa.Text(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("counts", sa.Boolean(), nullable=False),
        sa.Column("ts_us", sa.BigInteger(), nullable=False),
        sa.Column("verification", sa.String(length=16), nullable=False),
        sa.Column("reviewer", sa.String(length=80), nullable=False),
        sa.Column("verified_us", sa.BigInteger(), nullable=True),
        sa.Column("review_s", sa.Double(), nullable=False),
        sa.Column("crop", sa.Text(), nullable=True),
        sa.Column("crop_box", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspection.id"], name=op.f("fk_defect_inspection_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_defect")),
        sa.UniqueConstraint("inspection_id", "number", name=op.f("uq_defect_inspection_id_number")),
    )
    op.create_index(
        op.f("ix_defect_by_component"),
        "defect",
        ["component", "ts_us", "inspection_id"],
        sqlite_where=sa.text("component <> ''"),
        postgresql_where=sa.text("component <> ''"),
    )
    op.create_index(
        op.f("ix_defect_by_region"),
        "defect",
        ["region", "ts_us", "inspection_id"],
        sqlite_where=sa.text("region <> ''"),
        postgresql_where=sa.text("region <> ''"),
    )
    op.create_index(
        op.f("ix_defect_by_reviewer"),
        "defect",
        ["reviewer", "ts_us", "inspection_id"],
        sqlite_where=sa.text("reviewer <> ''"),
        postgresql_where=sa.text("reviewer <> ''"),
    )
    op.create_index(
        op.f("ix_defect_defect_code_ts_us_inspection_id_verification"),
        "defect",
        ["defect_code", "ts_us", "inspection_id", "verification"],
    )
    op.create_index(
        op.f("ix_defect_ts_us_defect_code_verification"), "defect", ["ts_us", "defect_code", "verification"]
    )


def downgrade() -> None:
    """Go back."""
    op.drop_index(op.f("ix_defect_ts_us_defect_code_verification"), "defect")
    op.drop_index(op.f("ix_defect_defect_code_ts_us_inspection_id_verification"), "defect")
    op.drop_index(
        op.f("ix_defect_by_reviewer"),
        "defect",
        sqlite_where=sa.text("reviewer <> ''"),
        postgresql_where=sa.text("reviewer <> ''"),
    )
    op.drop_index(
        op.f("ix_defect_by_region"),
        "defect",
        sqlite_where=sa.text("region <> ''"),
        postgresql_where=sa.text("region <> ''"),
    )
    op.drop_index(
        op.f("ix_defect_by_component"),
        "defect",
        sqlite_where=sa.text("component <> ''"),
        postgresql_where=sa.text("component <> ''"),
    )

    op.drop_table("defect")
    op.drop_index(op.f("ix_inspection_verdict_ts_us"), "inspection")
    op.drop_index(op.f("ix_inspection_ts_us_verdict"), "inspection")
    op.drop_index(
        op.f("ix_inspection_to_review"),
        "inspection",
        sqlite_where=sa.text("open_defects > 0"),
        postgresql_where=sa.text("open_defects > 0"),
    )
    op.drop_index(op.f("ix_inspection_serial_ts_us"), "inspection")
    op.drop_index(op.f("ix_inspection_recipe_ts_us_verdict"), "inspection")
    op.drop_index(op.f("ix_inspection_engine_id_ts_us"), "inspection")

    op.drop_table("inspection")
    op.drop_table("recipe")
    op.drop_table("engine")
