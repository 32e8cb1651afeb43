"""A message put into words, in the language of its hook. Card numbers are masked, whoever let one slip into a sentence."""

from app.alerts import rules
from app.alerts.models import Alert, AlertHook, AlertMessage
from app.alerts.robots import Letter
from app.alerts.rules import Event, Severity
from app.config import config
from app.kernel.bank_card import mask_runs
from app.kernel.errors import Text, gettext_noop
from app.runtime.page import local, say, speaking

_HEADS = {
    Event.OPENED: gettext_noop("【Paydesk】%(severity)s：%(kind)s"),
    Event.GRAVER: gettext_noop("【Paydesk】升级为%(severity)s：%(kind)s"),
    Event.CLOSED: gettext_noop("【Paydesk】已结束：%(kind)s"),
    Event.TEST: gettext_noop("【Paydesk】试发"),
    Event.SUM: gettext_noop("【Paydesk】%(severity)s：短时间内告警很多"),
}
_ALERTS = "/alerts/"
TEST = gettext_noop("这是一条试发的消息：收到它，说明地址与签名都对")
SUM = gettext_noop("另有 %(count)s 条告警消息没有逐条发送，请到“告警”页查看")


def letter(message: AlertMessage, hook: AlertHook, alert: Alert | None) -> Letter:
    """What this hook is told."""
    with speaking(hook.language):
        return Letter(number=str(message.id), text=_text(message, alert), facts=_facts(message, hook, alert))


def _text(message: AlertMessage, alert: Alert | None) -> str:
    severity = rules.SEVERITIES[Severity(message.severity)][0]
    kind = rules.KINDS.get(alert.kind, alert.kind) if alert else ""
    lines = [say(Text(_HEADS[Event(message.event)].template, severity=severity, kind=kind))]
    if alert and message.event == Event.CLOSED:
        lines.append(say(Text.told(alert.said)))
    lines.append(say(Text.told(message.said)))
    if alert:
        lines.append(say(Text("始于 %(at)s（北京时间）", at=local(alert.opened_at))))
    if config().public_url:
        lines.append(config().public_url + (alert.path if alert and alert.path else _ALERTS))
    return mask_runs("\n".join(lines))


def _facts(message: AlertMessage, hook: AlertHook, alert: Alert | None) -> dict[str, object]:
    about = {} if alert is None else {"kind": alert.kind, "subject": mask_runs(alert.subject)}
    if alert is not None:
        about |= {"channel": alert.channel, "path": alert.path, "since": alert.opened_at.isoformat()}
    return {
        "event": message.event,
        "severity": message.severity,
        "count": message.count,
        "at": message.made_at.isoformat(),
        "language": hook.language,
        **about,
    }
