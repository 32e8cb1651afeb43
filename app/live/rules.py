"""What the page of background jobs calls things. A house test finds a kind of job without words."""

from app.kernel.errors import Text, gettext_noop

JOBS: dict[str, Text] = {
    "app.alerts.jobs.send": gettext_noop("推送告警"),
    "app.withdrawals.jobs.submit": gettext_noop("把提现交给渠道"),
    "app.withdrawals.jobs.ask": gettext_noop("向渠道查询提现结果"),
    "app.withdrawals.jobs.read_callback": gettext_noop("读取渠道回调"),
    "app.withdrawals.jobs.export": gettext_noop("生成导出的提现"),
    "app.withdrawals.jobs.decide": gettext_noop("批量审批提现"),
    "app.withdrawals.jobs.count_settled": gettext_noop("统计已完结的提现"),
    "app.withdrawals.jobs.watch": gettext_noop("再问已付的提现是否退票"),
    "app.withdrawals.jobs.enter": gettext_noop("按发送日志补录提现"),
    "app.withdrawals.jobs.look_at_journal": gettext_noop("核对发送日志"),
    "app.withdrawals.jobs.examine": gettext_noop("核对账目"),
    "app.withdrawals.jobs.forget_old_journal": gettext_noop("清除到期的发送日志"),
    "app.withdrawals.jobs.check_sheet": gettext_noop("核对批量提现的表格"),
    "app.withdrawals.jobs.make_sheet": gettext_noop("按表格创建提现"),
    "app.withdrawals.jobs.carry_out": gettext_noop("整批审批提现"),
    "app.withdrawals.jobs.write_sheet_result": gettext_noop("生成批量提现结果表"),
    "app.withdrawals.jobs.erase_old_sheets": gettext_noop("清除到期的批量提现表格"),
    "app.cards.jobs.bind": gettext_noop("绑定银行卡"),
    "app.cards.jobs.unbind": gettext_noop("请渠道删除银行卡"),
    "app.cards.jobs.ask_list": gettext_noop("读取渠道的绑卡清单"),
    "app.cards.jobs.check": gettext_noop("核对上传的表格"),
    "app.cards.jobs.work": gettext_noop("批量绑卡"),
    "app.cards.jobs.write_result": gettext_noop("生成绑卡结果表"),
    "app.cards.jobs.write_whole_result": gettext_noop("生成含完整卡号的结果表"),
    "app.cards.jobs.erase_old_uploads": gettext_noop("清除到期的上传"),
    "app.exports.jobs.erase_old": gettext_noop("清除到期的导出"),
    "app.withdrawals.jobs.let_go": gettext_noop("放行等待发送的提现"),
    "app.channels.jobs.count_calls": gettext_noop("统计渠道调用"),
    "app.channels.jobs.judge_health": gettext_noop("按规则告警渠道健康"),
    "app.channels.jobs.ask_paused": gettext_noop("试探已自动停发的渠道"),
    "app.channels.jobs.pull_all": gettext_noop("安排读取渠道数据"),
    "app.channels.jobs.pull_figures": gettext_noop("读取渠道账号的数据"),
    "app.channels.jobs.look_at_figures": gettext_noop("查看渠道数据是否按时读到"),
    "app.withdrawals.jobs.look_at_unknown": gettext_noop("查看久无结果的提现"),
    "app.withdrawals.jobs.look_at_work": gettext_noop("查看等人办理的提现"),
    "app.withdrawals.jobs.look_at_stops": gettext_noop("查看由系统停发的状态"),
    "app.live.jobs.drop_old": gettext_noop("清除超过保存期的记录"),
    "app.live.jobs.look_at_jobs": gettext_noop("查看连续失败的任务"),
    "app.channels.jobs.pull_missed": gettext_noop("补读错过的渠道数据"),
    "app.channels.jobs.pull_missed_day": gettext_noop("补读一天的渠道数据"),
    "app.channels.jobs.free_seat": gettext_noop("释放被踢下线的席位"),
    "app.channels.jobs.end_lapsed": gettext_noop("结束超时的领取"),
    "app.collections.jobs.book": gettext_noop("代收记账"),
    "app.statements.jobs.pull_due": gettext_noop("安排取渠道流水"),
    "app.statements.jobs.pull": gettext_noop("取一天的渠道流水"),
    "app.withdrawals.jobs.read_statement": gettext_noop("按渠道流水核对提现"),
    "app.auth.jobs.forget_old_tries": gettext_noop("清理登录尝试的计数"),
    "app.auth.jobs.verify_audit": gettext_noop("核验审计链"),
}
"""Every kind of job in words."""

PAYOUTS = frozenset(
    f"app.withdrawals.jobs.{name}"
    for name in (
        *("submit", "ask", "read_callback", "watch", "enter", "decide"),
        *("check_sheet", "make_sheet", "carry_out", "write_sheet_result"),
    )
)
"""What is done for a withdrawal or a sheet of them: what the page opens with. The rest keeps the house."""

STANDINGS: dict[str, tuple[Text, str]] = {
    "running": (gettext_noop("办理中"), "info"),
    "failing": (gettext_noop("出错，将重试"), "bad"),
    "due": (gettext_noop("到时间了"), "wait"),
    "waiting": (gettext_noop("未到时间"), "neutral"),
    "done": (gettext_noop("已完成"), "good"),
}

PAGES = {
    "app.withdrawals.jobs.submit": ("withdrawals.show", "number", "withdrawal:read"),
    "app.withdrawals.jobs.ask": ("withdrawals.show", "number", "withdrawal:read"),
    "app.cards.jobs.bind": ("cards.show", "reference", "card:read"),
    "app.cards.jobs.unbind": ("cards.show", "reference", "card:read"),
    "app.cards.jobs.check": ("card_uploads.show", "reference", "card:read"),
    "app.cards.jobs.work": ("binding_runs.show", "reference", "card:read"),
    "app.cards.jobs.write_result": ("binding_runs.show", "reference", "card:read"),
    "app.channels.jobs.pull_figures": ("channels.show", "number", "channel:read"),
}
"""Where the subject of a job has its page, and what one needs to open it."""
