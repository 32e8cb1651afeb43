"""The log in words. What was ever recorded stays in these tables: records are for ever.

A house test finds every action that the code records and looks for it here.
"""

from collections.abc import Mapping
from typing import Any

from app.auth.audit import channel_words
from app.auth.audit.chain import Flaw
from app.auth.permissions import LABELS
from app.auth.rules import Ended
from app.kernel.errors import Text, gettext_noop

DEEDS: dict[Text, dict[str, Text]] = {
    gettext_noop("登录"): {
        "session.sign_in": gettext_noop("登录"),
        "session.refuse": gettext_noop("登录被拒"),
        "session.sign_out": gettext_noop("退出登录"),
        "session.expire": gettext_noop("登录到期"),
        "session.end": gettext_noop("强制下线"),
        "session.prove": gettext_noop("再次确认身份"),
        "session.refuse-proof": gettext_noop("确认身份失败"),
    },
    gettext_noop("越权"): {"access.refuse": gettext_noop("越权被拒")},
    gettext_noop("用户"): {
        "operator.create": gettext_noop("新建用户"),
        "operator.change": gettext_noop("修改用户"),
        "operator.limit": gettext_noop("限定用户的渠道"),
        "operator.activate": gettext_noop("启用账号"),
        "operator.disable": gettext_noop("停用用户"),
        "operator.enable": gettext_noop("重新启用用户"),
        "operator.lock": gettext_noop("密码错误过多，锁定"),
        "operator.unlock": gettext_noop("解除锁定"),
        "operator.change_password": gettext_noop("修改自己的密码"),
        "operator.reset_password": gettext_noop("重置密码"),
        "operator.set_time_out": gettext_noop("修改自动退出时间"),
    },
    gettext_noop("激活链接"): {"activation_link.create": gettext_noop("生成激活链接")},
    gettext_noop("动态验证码"): {
        "second_factor.enable": gettext_noop("开启动态验证码"),
        "second_factor.disable": gettext_noop("关闭动态验证码"),
        "second_factor.reset": gettext_noop("重置动态验证码"),
        "second_factor.new_codes": gettext_noop("更换恢复码"),
        "second_factor.use_recovery_code": gettext_noop("使用恢复码"),
    },
    gettext_noop("角色"): {
        "role.create": gettext_noop("新建角色"),
        "role.change": gettext_noop("修改角色"),
        "role.grant": gettext_noop("修改授权"),
        "role.limit": gettext_noop("限定角色的渠道"),
        "role.remove": gettext_noop("删除角色"),
    },
    gettext_noop("领取"): {
        "claim.take": gettext_noop("领取账号"),
        "claim.release": gettext_noop("释放账号"),
        "claim.finish": gettext_noop("办结账号"),
        "claim.force-release": gettext_noop("强制释放账号"),
        "claim.kicked": gettext_noop("被第三方踢下线"),
        "claim.expire": gettext_noop("领取超时失效"),
    },
    gettext_noop("交接"): {
        "handover.give": gettext_noop("交接账号"),
        "handover.sign": gettext_noop("接收交接"),
        "handover.sign-instead": gettext_noop("代为接收交接"),
    },
    gettext_noop("第三方平台账号"): {
        "platform.add": gettext_noop("添加平台账号"),
        "platform.change": gettext_noop("修改平台账号"),
        "platform.reset-password": gettext_noop("重置平台账号密码"),
        "platform.reveal": gettext_noop("查看平台账号密码"),
        "platform.remove": gettext_noop("删除平台账号"),
    },
    **channel_words.DEEDS,
    gettext_noop("渠道模板"): {
        "channel-template.draft": gettext_noop("建立渠道模板草稿"),
        "channel-template.change": gettext_noop("修改渠道模板草稿"),
        "channel-template.discard": gettext_noop("放弃渠道模板草稿"),
        "channel-template.activate": gettext_noop("启用渠道模板"),
        "channel-template.try": gettext_noop("向渠道试问模板"),
    },
    gettext_noop("银行卡"): {
        "card.bind": gettext_noop("绑定银行卡"),
        "card.register": gettext_noop("登记收款人"),
        "card.remove": gettext_noop("移除登记的收款人"),
        "card.refuse": gettext_noop("渠道拒绝绑卡"),
        "card.retry": gettext_noop("重新绑卡"),
        "card.reveal": gettext_noop("查看完整卡号"),
        "card.forget": gettext_noop("删除收款人资料"),
        "card.unbind": gettext_noop("请渠道删除银行卡"),
        "card.part": gettext_noop("渠道已删除银行卡"),
        "card.keep": gettext_noop("渠道没有删除银行卡"),
    },
    gettext_noop("充值入账"): {
        "collection.enter": gettext_noop("记入到账"),
        "collection.approve": gettext_noop("审批入账"),
        "collection.reject": gettext_noop("驳回入账"),
        "collection.withdraw": gettext_noop("撤回入账"),
        "reversal.ask": gettext_noop("申请冲正"),
        "reversal.approve": gettext_noop("审批冲正"),
        "reversal.reject": gettext_noop("驳回冲正"),
        "reversal.withdraw": gettext_noop("撤回冲正"),
    },
    gettext_noop("绑定模版"): {
        "template.draft": gettext_noop("建立模版草稿"),
        "template.change": gettext_noop("修改模版草稿"),
        "template.discard": gettext_noop("放弃模版草稿"),
        "template.activate": gettext_noop("启用绑定模版"),
    },
    gettext_noop("上传"): {
        "upload.receive": gettext_noop("上传表格"),
        "upload.accept": gettext_noop("同意修改建议"),
        "upload.withdraw": gettext_noop("收回修改建议"),
        "upload.discard": gettext_noop("放弃上传"),
        "upload.erase": gettext_noop("清除上传的内容"),
    },
    gettext_noop("批量绑卡"): {
        "run.confirm": gettext_noop("确认批量绑卡"),
        "run.pause": gettext_noop("暂停批量绑卡"),
        "run.resume": gettext_noop("继续批量绑卡"),
        "run.stop": gettext_noop("停止批量绑卡"),
        "run.retry": gettext_noop("重试被拒绝的行"),
        "run.take": gettext_noop("取结果表"),
        "run.take-whole": gettext_noop("取含完整卡号的结果表"),
    },
    gettext_noop("提现"): {
        "withdrawal.create": gettext_noop("新建提现"),
        "withdrawal.approve": gettext_noop("审批通过"),
        "withdrawal.reject": gettext_noop("驳回提现"),
        "withdrawal.cancel": gettext_noop("撤销提现"),
        "withdrawal.ask": gettext_noop("立即查询渠道"),
        "withdrawal.send-back": gettext_noop("退回审批"),
        "withdrawal.propose": gettext_noop("提出人工认定"),
        "withdrawal.declare": gettext_noop("确认人工认定"),
        "withdrawal.refuse": gettext_noop("不认可人工认定"),
        "withdrawal.withdraw": gettext_noop("收回人工认定"),
        "withdrawal.evidence": gettext_noop("查看证据文件"),
        "work.take": gettext_noop("领取人工待办"),
        "work.resolve": gettext_noop("办结人工待办"),
        "sending.stop": gettext_noop("停发"),
        "sending.resume": gettext_noop("恢复发送"),
    },
    gettext_noop("提现规则"): {
        "rulebook.draft": gettext_noop("建立规则草稿"),
        "rulebook.change": gettext_noop("修改规则草稿"),
        "rulebook.discard": gettext_noop("放弃规则草稿"),
        "rulebook.try": gettext_noop("试算规则草稿"),
        "rulebook.activate": gettext_noop("启用提现规则"),
    },
    gettext_noop("收款人名单"): {
        "payee.list": gettext_noop("加入收款人名单"),
        "payee.unlist": gettext_noop("移出收款人名单"),
    },
    gettext_noop("批量审批"): {
        "selection.approve": gettext_noop("批量通过提现"),
        "selection.reject": gettext_noop("批量驳回提现"),
    },
    gettext_noop("导出"): {
        "export.ask": gettext_noop("导出列表"),
        "export.take": gettext_noop("下载导出的文件"),
        "export.erase": gettext_noop("清除导出的文件"),
    },
    gettext_noop("告警"): {
        "alert.acknowledge": gettext_noop("知悉告警"),
        "alert.close": gettext_noop("结束告警"),
    },
    gettext_noop("告警推送"): {
        "alert-hook.add": gettext_noop("添加告警推送"),
        "alert-hook.change": gettext_noop("修改告警推送"),
        "alert-hook.replace": gettext_noop("更换告警推送的地址"),
        "alert-hook.enable": gettext_noop("启用告警推送"),
        "alert-hook.disable": gettext_noop("停用告警推送"),
        "alert-hook.test": gettext_noop("试发告警推送"),
        "alert-hook.remove": gettext_noop("删除告警推送"),
    },
    gettext_noop("代付任务"): {"job.retry": gettext_noop("立即重试代付任务")},
    gettext_noop("批量提现"): {
        "sheet.confirm": gettext_noop("确认批量提现"),
        "sheet.pause": gettext_noop("暂停批量提现"),
        "sheet.resume": gettext_noop("继续批量提现"),
        "sheet.stop": gettext_noop("停止批量提现"),
        "sheet.approve": gettext_noop("整批审批通过"),
        "sheet.reject": gettext_noop("整批驳回"),
        "sheet.cancel": gettext_noop("整批撤回"),
        "sheet.take": gettext_noop("取批量提现的结果表"),
    },
    gettext_noop("菜单"): {
        "menu.add": gettext_noop("新建菜单项"),
        "menu.change": gettext_noop("修改菜单项"),
        "menu.move": gettext_noop("移动菜单项"),
        "menu.remove": gettext_noop("删除菜单项"),
        "menu.restore": gettext_noop("恢复默认菜单"),
    },
    gettext_noop("审计"): {
        "audit.export": gettext_noop("导出审计日志"),
        "audit.ask-verify": gettext_noop("要求核验审计链"),
        "audit.verify": gettext_noop("核验审计链"),
    },
    gettext_noop("数据"): {
        "cache.clear": gettext_noop("清除缓存"),
        "retention.delete": gettext_noop("清理过期数据"),
        "field-keys.rotate": gettext_noop("更换字段密钥"),
    },
}
"""Every action, in groups: what stands before the dot is what the filter calls one."""

_ACTIONS = {action: word for group in DEEDS.values() for action, word in group.items()}

MACHINES = {
    "worker": gettext_noop("系统"),
    "clock": gettext_noop("系统时钟"),
    "nobody": gettext_noop("未登录的人"),
    "command line": gettext_noop("命令行"),
    "retention": gettext_noop("到期清理"),
    "demo": gettext_noop("演示数据"),
}
"""Who acts without being a person at a screen."""

FLAWS = {
    Flaw.MISSING: gettext_noop("第 %(seq)s 号记录缺失"),
    Flaw.DETACHED: gettext_noop("第 %(seq)s 号记录没有接着上一条"),
    Flaw.CHANGED: gettext_noop("第 %(seq)s 号记录被改动过"),
    Flaw.NOT_EXPORTED: gettext_noop("第 %(seq)s 号记录与导出的链尾不符"),
}
WHOLE = gettext_noop("完好")

_PERMISSIONS = {str(permission): word for group in LABELS.values() for permission, word in group.items()}
VALUES: dict[str, Mapping[str, Text]] = {
    "given": _PERMISSIONS,
    "taken": _PERMISSIONS,
    "what": _ACTIONS,
    "severity": {
        "notice": gettext_noop("提醒"),
        "warning": gettext_noop("警告"),
        "severe": gettext_noop("严重"),
    },
    "outside": {"refuse": gettext_noop("不能创建"), "two": gettext_noop("可以创建，要两人审批")},
    "days": {
        "1": gettext_noop("周一"),
        "2": gettext_noop("周二"),
        "3": gettext_noop("周三"),
        "4": gettext_noop("周四"),
        "5": gettext_noop("周五"),
        "6": gettext_noop("周六"),
        "7": gettext_noop("周日"),
    },
}
_ENDINGS = {
    Ended.IDLE: gettext_noop("太久没有操作"),
    Ended.ABSOLUTE: gettext_noop("登录满 12 小时"),
    Ended.DISABLED: gettext_noop("账号已停用"),
}
_WHICH = {
    "audit": {"audit": gettext_noop("审计链")},
    "activation_link": {"administrator": gettext_noop("首个管理员")},
    "cache": {"all": gettext_noop("全部缓存")},
    "menu": {"menu": gettext_noop("整个菜单")},
    "payee": {
        "black": gettext_noop("黑名单"),
        "white": gettext_noop("白名单"),
        "source": gettext_noop("来源卡"),
    },
}


def deed(action: str) -> str:
    """What was done, in words where there are some."""
    return _ACTIONS.get(action, action)


def who(actor: str, session_id: int | None, names: Mapping[str, str]) -> str:
    """The person by name, or the machine in words. Somebody may be called like a machine: they have a session."""
    machine = MACHINES.get(actor)
    return machine if machine and (session_id is None or actor not in names) else names.get(actor, actor)


def subject(action: str, text: str) -> str:
    """What it was done to, where that is said better than by its number."""
    kind = action.partition(".")[0]
    if kind == "access":
        return _PERMISSIONS.get(text, text)
    if text.startswith("unknown:"):
        return Text("未知用户名")
    return _WHICH.get(kind, {}).get(text, text)


def why(action: str, text: str) -> str:
    """A person's own words; the clock's reason for ending a session."""
    return _ENDINGS.get(Ended(text), text) if action == "session.expire" and text in set(Ended) else text


def result(after: Mapping[str, Any]) -> Text:
    """What a walk over the chain found, as its record says."""
    flaw = after.get("flaw")
    return flawed(Flaw(flaw[0]), flaw[1]) if flaw else WHOLE


def flawed(flaw: Flaw, seq: int) -> Text:
    return Text(FLAWS[flaw], seq=seq)
