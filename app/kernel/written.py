"""How people write things in sheets: data, not said on any page of ours (so it is not in the catalogue)."""

import re

PRIVATE, CORPORATE = "对私", "对公"
"""The two kinds of account, as a sheet and a form have them."""
ACCOUNT_TYPES = {
    **dict.fromkeys((PRIVATE, "个人", "私人", "私", "个人账户", "对私账户", "private", "personal"), PRIVATE),
    **dict.fromkeys(
        (CORPORATE, "公司", "企业", "公", "公司账户", "企业账户", "对公账户", "corporate", "company"), CORPORATE
    ),
}
ALIPAY, WECHAT = "支付宝", "微信支付"
"""Where an account that is no bank card is held, as a bank's name says it of a card."""
DATE = re.compile(r"([0-9]{4})[年/.\-]([0-9]{1,2})[月/.\-]([0-9]{1,2})日?")
MONEY_MARKS = re.compile(r"[¥￥元]|RMB|CNY", re.I)

TITLES = {
    "card": "卡号 银行卡号 银行卡 账号 帐号 银行账号 收款账号 收款卡号 cardno cardnumber card accountno",
    "name": "姓名 户名 开户人 开户名 持卡人 收款人 收款户名 账户名 账户名称 name holder accountname payee",
    "payee": "收款账号 收款帐号 账号 帐号 卡号 银行卡号 支付宝账号 支付宝 openid 收款人编号 account accountno",
    "account_type": "账户类型 账户性质 对公对私 公私标志 公私 accounttype",
    "bank": "银行 开户行 开户银行 银行名称 所属银行 收款银行 bank bankname",
    "branch": "支行 支行名称 开户支行 开户网点 网点 branch branchname",
    "cnaps": "联行号 行号 大额行号 支付行号 cnaps cnapscode bankcode",
    "province": "省 省份 开户省 开户省份 省市 开户地 province",
    "city": "市 城市 开户市 开户城市 city",
    "id_number": "身份证 身份证号 身份证号码 证件号 证件号码 idnumber idno idcard",
    "phone": "手机 手机号 手机号码 电话 联系电话 预留手机号 银行预留手机号 phone mobile tel",
    "amount": "金额 付款金额 提现金额 amount",
    "date": "日期 date",
}
"""What a column of each kind is called by those who made the sheet, parted by blanks."""

PAYMENTS: dict[str, tuple[str, str]] = {
    "number": ("银行卡号 收款卡号 收款账号", "6222021001116245702"),
    "payee": ("收款帐号 账号 帐号 卡号 银行卡号 支付宝账号 openid", "name@example.com"),
    "holder": ("户名 姓名 收款人", "张三"),
    "amount": ("提现金额 付款金额", "1280.50"),
    "memo": ("用途 附言", "十一月货款"),
    "own_number": ("业务单号 客户单号", "PO-20261121-001"),
}
"""A sheet of withdrawals: by column, what else it is called (parted by blanks), and an example."""

REGISTERED: dict[str, tuple[str, str]] = {
    "number": ("收款帐号 账号 帐号 卡号 银行卡号 支付宝账号 openid", "name@example.com"),
    "holder": ("户名 姓名 收款人", "张三"),
    "account_type": ("账户性质 对公对私", "对私"),
    "bank": ("银行 开户银行 银行名称", ""),
    "cnaps": ("行号 支行行号 开户行行号", "102100099996"),
}
"""A sheet of payees to register: the same."""
