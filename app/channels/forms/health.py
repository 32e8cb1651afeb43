"""渠道健康: pauses lifted, maintenance announced, rules of alerts changed."""

from datetime import datetime, timedelta

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from wtforms import BooleanField, DateTimeLocalField, Field, IntegerField, SelectField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, ValidationError

from app.kernel import clock
from app.runtime.forms import StrictForm

_LOCAL = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
_NEEDED = InputRequired(_("必填，没有填"))
LONGEST_MAINTENANCE = timedelta(days=7)


class LiftForm(StrictForm):
    reason = StringField(_("原因"), validators=[InputRequired(_("请写明原因")), Length(min=2, max=200)])


class MaintenanceForm(StrictForm):
    channel = SelectField(_("渠道"), validators=[_NEEDED])
    begins = DateTimeLocalField(_("开始"), format=_LOCAL, validators=[_NEEDED])
    ends = DateTimeLocalField(_("结束"), format=_LOCAL, validators=[_NEEDED])
    note = StringField(_("说明"), validators=[InputRequired(_("请写明渠道公告的内容")), Length(min=2, max=200)])

    def validate_ends(self, field: Field) -> None:
        if field.data is None or self.begins.data is None:
            return
        if field.data <= self.begins.data:
            raise ValidationError(gettext("结束要晚于开始"))
        if field.data - self.begins.data > LONGEST_MAINTENANCE:
            raise ValidationError(gettext("最长 7 天；更久请停用渠道"))

    @property
    def begins_at(self) -> datetime:
        return _in_zone(self.begins.data)

    @property
    def ends_at(self) -> datetime:
        return _in_zone(self.ends.data)


class HealthRuleForm(StrictForm):
    bound = IntegerField(_("界线"), validators=[_NEEDED], render_kw={"inputmode": "numeric"})
    minutes = IntegerField(
        _("看最近几分钟"), validators=[_NEEDED, NumberRange(5, 24 * 60)], render_kw={"inputmode": "numeric"}
    )
    at_least = IntegerField(
        _("至少几次调用"),
        validators=[_NEEDED, NumberRange(1, 100_000)],
        description=_("更少时不作判断"),
        render_kw={"inputmode": "numeric"},
    )
    enabled = BooleanField(_("启用"))
    why = StringField(_("原因"), validators=[InputRequired(_("请写明原因")), Length(min=2, max=200)])


def _in_zone(typed: datetime | None) -> datetime:
    assert typed is not None, "only of a form that was valid"
    return typed.replace(tzinfo=clock.BUSINESS_ZONE)
