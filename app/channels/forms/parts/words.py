"""What each item of a description is called on the page, and what is to be known of it."""

from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _

from app.channels import rules
from app.channels.adapters.templated import description as the
from app.channels.adapters.templated.filling import SOURCES
from app.channels.contract import BindSeen, Seen, UnbindSeen


class Words(NamedTuple):
    label: Any
    hint: Any = ""


_READS_AT = _("应答里的位置，例如 data.tradeNo")
_WORDS_AS = _("用空格隔开；空的代码写作 ''")
_ECHOES = Words(_("应答要带回"), _("应答里必须重复我们所问的内容，不符就不作数"))
_NEXT = Words(_("下一页在哪里"), _("应答里写着从哪里接着取的位置；只有一页的留空"))
_LIST_WRITTEN = Words(_("列表写法"))
_CHECKS = Words(_("每次都要核对"), _("应答或回调必须带着的内容；每行写明“要有”、等于什么、或等于哪个参数，三者之一"))
_EXACT = Words(_("只认规范写法的表单"), _("同样的内容换一种编码，一律不认"))

WORDS: dict[type, dict[str, Words]] = {
    the.Description: {
        "title": Words(_("名称")),
        "verified": Words(_("已与真实渠道联调"), _("改过接口、签名或状态词而没有重新联调的，请去掉")),
        "basis": Words(_("依据"), _("按哪份文档的哪一版写的，怎样验证过")),
        "settings": Words(_("账号参数"), _("开账号时要填的；至少有 base_url 与 merchant_no")),
        "headers": Words(_("请求头"), _("每个请求都带")),
        "manner": Words(_("渠道的习惯")),
        "signing": Words(_("签名")),
        "answer": Words(_("应答")),
        "words": Words(_("订单状态词"), _("没有列出的词，一律不当作结果")),
        "bind_words": Words(_("绑卡状态词")),
        "unbind_words": Words(_("解绑状态词")),
        "callback": Words(_("回调")),
        "sample_settings": Words(
            _("样例的测试参数"), _("每行一个，名称=内容，有空格或换行的用单引号括起；只放测试密钥")
        ),
        "samples": Words(_("样例"), _("文档里或录下的报文，以及它应当读作什么；每次启用都重新读一遍")),
        "worked": Words(_("签名算例"), _("文档给出的签名示例：这些内容签出来必须一字不差")),
    },
    the.Interfaces: {name: Words(rules.INTERFACES[name]) for name in SOURCES if name != "callback"},
    the.SettingOf: {
        "name": Words(_("参数名"), _("小写字母、数字和下划线")),
        "label": Words(_("叫什么")),
        "secret": Words(_("密钥")),
        "multiline": Words(_("多行")),
        "example": Words(_("示例")),
    },
    the.Piece: {
        "source": Words(_("来源")),
        "constant": Words(_("或固定内容")),
        "filters": Words(_("过滤器")),
        "words": Words(_("换词"), _("例如 payout=PAY settlement=SETTLE")),
    },
    the.Parameter: {
        "name": Words(_("参数名")),
        "integer": Words(_("不加引号")),
        "send_empty": Words(_("空也要发")),
    },
    the.Echo: {"path": Words(_("应答里的位置"))},
    the.Check: {
        "path": Words(_("位置")),
        "present": Words(_("有没有")),
        "equals": Words(_("等于")),
        "source": Words(_("等于参数")),
    },
    the.Manner: {
        "deduplicates": Words(_("渠道按订单编号去重"), _("同一编号重发不会付两次；没有把握就不要勾")),
        "query_waits_s": Words(_("查询间隔（秒）"), _("依次等多久去问，最后一个一直重复")),
        "resend_window_s": Words(_("多久之内查无此单仍算正常（秒）")),
        "return_waits_s": Words(_("付出之后何时再问有没有退票（秒）")),
        "return_refunds_fee": Words(_("退票时退还手续费")),
    },
    the.Signing: {
        "request": Words(_("请求")),
        "answer": Words(_("应答")),
        "callback": Words(_("回调"), _("没有回调的渠道，全部留空")),
    },
    the.Recipe: {
        "text": Words(_("签什么")),
        "digest": Words(_("算法")),
        "written": Words(_("签名写法")),
        "secret": Words(_("用哪个参数作密钥")),
        "field": Words(_("签名放在参数")),
        "header": Words(_("或放在请求头")),
        "key_joiner": Words(_("密钥接在末尾，之间是"), _("留空就不接密钥；直接接上、之间没有字符的写 ''")),
        "unsigned": Words(_("不参加签名的参数"), _("用空格隔开")),
        "keeps_ampersand": Words(_("值里的 & 原样保留"), _("不勾就换成全角：否则一个待签名串可以有两种意思")),
        "parts": Words(_("片段"), _("“按片段”签名的依次接起来")),
        "separator": Words(_("片段之间"), _("换行写作 \\n")),
        "ending": Words(_("末尾再加"), _("换行写作 \\n")),
        "why": Words(_("为什么不签名"), _("只在“不签名”时填写")),
    },
    the.Answer: {
        "body": Words(_("报文")),
        "code": Words(_("代码在哪里"), _READS_AT),
        "accepted": Words(_("表示已受理的代码"), _WORDS_AS),
        "statuses": Words(_("业务应答的 HTTP 状态"), _("用空格隔开")),
        "kicked_out": Words(_("表示他人登录的代码"), _WORDS_AS),
        "message": Words(_("说明文字在哪里")),
        "checks": _CHECKS,
        "exact_form": _EXACT,
    },
    the.AmountAt: {"path": Words(_("金额在哪里")), "unit": Words(_("金额单位"))},
    the.MomentAt: {"path": Words(_("时间在哪里")), "written": Words(_("时间写法"))},
    the.OrderReads: {
        "number": Words(_("订单编号在哪里"), _READS_AT),
        "amount": Words(_("金额")),
        "word": Words(_("状态词在哪里")),
        "channel_number": Words(_("渠道单号在哪里")),
        "message": Words(_("说明文字在哪里")),
    },
    the.LineReads: {
        "number": Words(_("订单编号在哪里"), _("一行里的位置")),
        "amount": Words(_("金额")),
        "word": Words(_("状态词在哪里")),
        "channel_number": Words(_("渠道单号在哪里")),
        "fee": Words(_("手续费"), _("渠道不说的留空")),
        "at": Words(_("时间"), _("渠道不说的留空")),
        "message": Words(_("说明文字在哪里")),
    },
    the.CardReads: {
        "channel_card": Words(_("渠道的卡标识")),
        "reference": Words(_("绑卡流水号")),
        "number_masked": Words(_("掩码卡号")),
        "holder": Words(_("户名")),
        "bank": Words(_("银行")),
        "word": Words(_("状态词在哪里")),
    },
    the.Ask: {
        "method": Words(_("方法")),
        "path": Words(_("地址"), _("依次接起来；以 / 开头")),
        "body": Words(_("报文"), _("GET 的参数在地址里，POST 的在报文里")),
        "parameters": Words(_("请求参数"), _("来源与固定内容写其中一个；空的不发")),
    },
    the.OrderInterface: {
        "ask": Words(_("请求")),
        "reads": Words(_("应答怎么读")),
        "codes": Words(_("能证明结果的代码"), _("受理之外的代码；没有列出的，一律不当作结果")),
    },
    the.SettleInterface: {"ask": Words(_("请求"), _("应答与提交代付的一样读"))},
    the.FiguresInterface: {
        "ask": Words(_("请求")),
        "unit": Words(_("金额单位")),
        "settleable": Words(_("可结算金额在哪里"), _READS_AT),
        "total": Words(_("交易总额在哪里"), _("以下四项要么都写，要么都不写")),
        "yesterday": Words(_("昨日在哪里")),
        "today": Words(_("今日在哪里")),
        "settled": Words(_("已结算在哪里")),
        "prefunded": Words(_("预存余额在哪里"), _("渠道另记一份可以用来代付的预存余额时才写")),
        "echoes": _ECHOES,
    },
    the.BindInterface: {
        "ask": Words(_("请求")),
        "word": Words(_("状态词在哪里"), _READS_AT),
        "channel_card": Words(_("渠道的卡标识在哪里")),
        "message": Words(_("说明文字在哪里")),
        "echoes": _ECHOES,
    },
    the.ListInterface: {
        "ask": Words(_("请求")),
        "cards": Words(_("列表在哪里"), _READS_AT),
        "each": Words(_("每张卡"), _("一张卡里的位置")),
        "written": _LIST_WRITTEN,
        "next": _NEXT,
        "echoes": _ECHOES,
    },
    the.UnbindInterface: {
        "ask": Words(_("请求")),
        "word": Words(_("状态词在哪里"), _READS_AT),
        "codes": Words(_("表示没有这张卡的代码")),
        "message": Words(_("说明文字在哪里")),
        "echoes": _ECHOES,
    },
    the.StatementInterface: {
        "ask": Words(_("请求")),
        "lines": Words(_("列表在哪里"), _READS_AT),
        "each": Words(_("每一行")),
        "written": _LIST_WRITTEN,
        "next": _NEXT,
        "words": Words(_("流水的状态词"), _("与订单的状态词相同就不写")),
        "echoes": _ECHOES,
    },
    the.Callback: {
        "body": Words(_("报文")),
        "reads": Words(_("回调怎么读")),
        "answer_word": Words(_("收下后回答"), _("渠道要读到的文字，一字不差")),
        "checks": _CHECKS,
        "exact_form": _EXACT,
    },
    the.Sample: {
        "interface": Words(_("接口")),
        "name": Words(_("名称")),
        "body": Words(_("报文")),
        "expects": Words(_("应当读作")),
        "status": Words(_("HTTP 状态")),
        "headers": Words(_("应答头"), _("每行一个，名称=内容")),
        "about": Words(_("所问的内容"), _("例如 order.number=W1")),
    },
    the.Worked: {
        "interface": Words(_("接口")),
        "name": Words(_("名称")),
        "signature": Words(_("签名")),
        "about": Words(_("所问的内容"), _("例如 order.number=W1")),
        "settings": Words(_("所用的参数"), _("每行一个，名称=内容")),
    },
}

CHOICES: dict[type, dict[str, Any]] = {
    the.Method: {},
    the.Body: {
        the.Body.NONE: _("没有参数"),
        the.Body.QUERY: _("地址里的参数"),
        the.Body.FORM: _("表单"),
        the.Body.JSON: "JSON",
        the.Body.XML: "XML",
    },
    the.Unit: {
        the.Unit.FEN: _("分（10000）"),
        the.Unit.YUAN: _("元，两位小数（100.00）"),
        the.Unit.YUAN_ANY: _("元，小数位不定（100）"),
    },
    the.SignedText: {
        the.SignedText.PAIRS: _("参数按名称排序"),
        the.SignedText.PARTS: _("按片段"),
        the.SignedText.NONE: _("不签名"),
    },
    the.Digest: {
        the.Digest.MD5: "MD5",
        the.Digest.SHA256: "SHA-256",
        the.Digest.SM3: "SM3",
        the.Digest.HMAC_SHA256: "HMAC-SHA256",
        the.Digest.RSA_SHA256: "RSA-SHA256",
    },
    the.Written: {
        the.Written.UPPER: _("大写十六进制"),
        the.Written.LOWER: _("小写十六进制"),
        the.Written.BASE64: "Base64",
    },
    the.ListWritten: {
        the.ListWritten.ARRAY: _("数组"),
        the.ListWritten.JSON_TEXT: _("写成文字的 JSON"),
    },
    the.MomentWritten: {the.MomentWritten.EPOCH: _("秒"), the.MomentWritten.EPOCH_MS: _("毫秒")},
    Seen: dict(rules.SEEN),
    BindSeen: {BindSeen.BOUND: _("已绑定"), BindSeen.REFUSED: _("被拒绝"), BindSeen.PENDING: _("还没有结果")},
    UnbindSeen: {UnbindSeen.GONE: _("已解绑"), UnbindSeen.REFUSED: _("被拒绝"), UnbindSeen.PENDING: _("还没有结果")},
    the.Expected: {
        **rules.SEEN,
        the.Expected.BOUND: _("已绑定"),
        the.Expected.REFUSED: _("被拒绝"),
        the.Expected.GONE: _("已解绑"),
        the.Expected.READ: _("读得出"),
        the.Expected.UNREADABLE: _("无法识别"),
        the.Expected.BAD_SIGNATURE: _("签名不符"),
    },
    the.SampleOf: dict(rules.INTERFACES),
}


def words_of(kind: type, name: str) -> Words:
    """Of an item that a type has, or has from another."""
    return next(WORDS[base][name] for base in kind.__mro__ if name in WORDS.get(base, {}))
