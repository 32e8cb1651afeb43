"""What people should know of a description before it is used, and may accept."""

from app.channels.adapters.templated import recipe as recipes
from app.channels.adapters.templated.description import Description, SignedText
from app.channels.adapters.templated.parsing import Flaw
from app.kernel.errors import Text


def warnings(description: Description) -> list[Flaw]:
    signing = description.signing
    found = [
        Flaw(f"signing.{name}", Text("第三方的这种签名有歧义：两份不同的内容可能有同一个待签名串"))
        for name, recipe in (("request", signing.request), ("answer", signing.answer), ("callback", signing.callback))
        if recipe is not None and recipes.is_ambiguous(recipe)
    ]
    if signing.answer.text is SignedText.NONE:
        found.append(Flaw("signing.answer", Text("渠道不签名应答：结果只以签过名的回调为准，否则由人认定")))
    for name in ("figures", "list_cards", "statement"):
        interface = getattr(description.interfaces, name)
        if interface is not None and not interface.echoes:
            found.append(Flaw(f"interfaces.{name}", Text("应答不带回我们所问的，别的应答可能被当成它")))
    if not any(check.source == "account.merchant_no" for check in description.answer.checks):
        found.append(Flaw("answer.checks", Text("没有核对应答里的商户号")))
    if description.callback is None:
        found.append(Flaw("callback", Text("没有回调，结果只靠查询得知")))
    if not description.verified:
        found.append(Flaw("verified", Text("没有写明已与真实渠道联调：使用它的账号会标为未经验证，也不会被推荐")))
    elif not description.basis:
        found.append(Flaw("basis", Text("写明已与真实渠道联调，却没有写依据")))
    return found
