"""What is done to channels, their accounts and parameters, in words."""

from app.kernel.errors import Text, gettext_noop

DEEDS: dict[Text, dict[str, Text]] = {
    gettext_noop("渠道"): {
        "channel.open": gettext_noop("新建渠道"),
        "channel.adopt-template": gettext_noop("账号改用新版渠道模板"),
        "channel.change": gettext_noop("修改渠道"),
        "channel.open-account": gettext_noop("新建渠道账号"),
        "channel.change-account": gettext_noop("修改渠道账号"),
        "channel.change-settings": gettext_noop("修改渠道参数"),
        "channel.enable": gettext_noop("启用渠道账号"),
        "channel.disable": gettext_noop("停用渠道账号"),
        "channel.refresh": gettext_noop("刷新渠道数据"),
        "statement.refresh": gettext_noop("取渠道流水"),
        "pause.ask": gettext_noop("试探已自动停发的渠道"),
        "pause.lift": gettext_noop("人工恢复自动停发"),
        "maintenance.announce": gettext_noop("登记维护时段"),
        "maintenance.call-off": gettext_noop("取消维护时段"),
        "health-rule.change": gettext_noop("修改告警规则"),
    },
    gettext_noop("渠道参数"): {
        "setting.draft": gettext_noop("建立参数草稿"),
        "setting.change": gettext_noop("修改参数草稿"),
        "setting.discard": gettext_noop("放弃参数草稿"),
        "setting.try": gettext_noop("试用渠道参数"),
        "setting.activate": gettext_noop("启用渠道参数"),
    },
}
FIELDS = {
    "base_url": gettext_noop("接口地址"),
    "at_least": gettext_noop("至少几次调用"),
    "begins_at": gettext_noop("开始"),
    "day": gettext_noop("日期"),
    "day_amount": gettext_noop("每日限额"),
    "day_count": gettext_noop("每日最多笔数"),
    "bind_per_s": gettext_noop("每秒最多绑卡"),
    "bound": gettext_noop("界线"),
    "enabled": gettext_noop("启用"),
    "ends_at": gettext_noop("结束"),
    "fee_fixed": gettext_noop("每笔手续费"),
    "fee_rate_ppm": gettext_noop("费率（百万分之）"),
    "merchant_no": gettext_noop("商户号"),
    "minutes": gettext_noop("看最近几分钟"),
    "open_days": gettext_noop("渠道受理代付的日子"),
    "overlap_s": gettext_noop("旧密钥继续有效（秒）"),
    "pause_after": gettext_noop("连续几次没有有效应答就自动停发"),
    "send_per_s": gettext_noop("每秒最多发送提现"),
    "single_limit": gettext_noop("单笔限额"),
    "weight": gettext_noop("路由权重"),
}
