"""Every sealed column of the house, as data (SECURITY 24, 25). A house test finds one that is missing here."""

from sqlalchemy import String, cast, select

from app.alerts.models import AlertHook
from app.auth.models import Operator
from app.cards.models import Card
from app.channels.models import CallbackInbox, ChannelAccount, ChannelSetting, PlatformAccount
from app.exports.models import Export
from app.runtime.rotation import SealedColumn
from app.uploads.models import Upload
from app.withdrawals.models import LostSend, WithdrawalOutcome

SEALED = (
    SealedColumn(Operator.totp_sealed, row=cast(Operator.id, String)),
    SealedColumn(Card.number_sealed, row=Card.reference.expression),
    SealedColumn(Card.details_sealed, row=Card.reference.expression),
    SealedColumn(AlertHook.address_sealed, row=AlertHook.reference.expression),
    SealedColumn(AlertHook.secret_sealed, row=AlertHook.reference.expression),
    SealedColumn(PlatformAccount.password_sealed, row=PlatformAccount.reference.expression),
    SealedColumn(Upload.key_sealed, row=Upload.reference.expression),
    SealedColumn(WithdrawalOutcome.key_sealed, row=cast(WithdrawalOutcome.id, String)),
    SealedColumn(LostSend.sealed, row=LostSend.number.expression),
    SealedColumn(Export.key_sealed, row=Export.reference.expression),
    SealedColumn(
        ChannelSetting.sealed,
        row=select(ChannelAccount.number + "/" + cast(ChannelSetting.version, String))
        .where(ChannelAccount.id == ChannelSetting.account_id)
        .scalar_subquery(),
    ),
    SealedColumn(
        CallbackInbox.sealed,
        row=select(ChannelAccount.number + "/" + CallbackInbox.body_hash)
        .where(ChannelAccount.id == CallbackInbox.account_id)
        .scalar_subquery(),
    ),
)
