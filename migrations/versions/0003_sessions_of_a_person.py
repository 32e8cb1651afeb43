"""the sessions of a person are found by an index"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index(op.f("ix_operator_session_operator_id_id"), "operator_session", ["operator_id", "id"])
