"""whether a withdrawal pays a person's account or a company's"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.add_column("withdrawal", sa.Column("account_type", sa.String(10), nullable=False, server_default="private"))
    # What was made before says what its card says, where that was kept; an approval that waits is given anew for a company.
    card = sa.table("card", sa.column("id"), sa.column("account_type"))
    withdrawal = sa.table("withdrawal", sa.column("card_id"), sa.column("account_type"))
    companies = sa.select(card.c.id).where(card.c.account_type == "corporate")
    op.execute(sa.update(withdrawal).where(withdrawal.c.card_id.in_(companies)).values(account_type="corporate"))
