"""Every page, at two widths and in both themes: looked over by axe-core, photographed, and not wider than its window.

The pictures are in test-results/screens.
"""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import People, approve, bind, claim, withdraw

pytestmark = pytest.mark.browser
AXE = Path(__file__).with_name("axe.min.js").read_text("utf-8")
GRAVE = ("serious", "critical")
ACCOUNT = "CSP3302"
WIDTHS = {1440: 900, 390: 844}
# Each width and each theme once; axe takes its time.
LOOKS = ((1440, "light", True), (1440, "dark", False), (390, "light", False), (390, "dark", True))


def sheets(operator: Page) -> dict[str, str]:
    """Uploads in their states, and a run: the pages about sheets, by name."""
    found = {
        "uploads_none": "/card-uploads/?account=nothing",
        "upload_new": f"/card-uploads/new?account={ACCOUNT}",
        "cards_listed": "/cards/listed",
        "templates": "/card-templates/",
        "template": "/card-templates/dolphin",
        "template_built_in": "/card-templates/spruce",
    }
    contents = {
        "upload_unfit": b"%PDF-1.7",
        "upload_unsure": "收款账号,姓名,所属银行\n6217001210024455220,张三,建行".encode(),
        "upload_checked": (Path(__file__).with_name("half-bad.csv")).read_bytes(),
    }
    for name, content in contents.items():
        operator.goto(found["upload_new"])
        operator.set_input_files("input[type=file]", {"name": f"{name}.csv", "mimeType": "text/csv", "buffer": content})
        expect(operator.locator("#upload_now .badge, #upload_now .state").first).not_to_contain_text("核对中")
        found[name] = operator.url
    operator.get_by_role("button", name=re.compile("^绑定 .* 张卡")).click()
    operator.get_by_role("button", name="确定").click()
    expect(operator.locator("#run_now .head")).to_contain_text("已完成")
    return found | {"run": operator.url, "uploads": "/card-uploads/", "upload_checked": found["upload_checked"]}


def test_axe_finds_nothing_grave_at_the_door(people: People, screens: Path) -> None:
    visitor = people.nobody()
    visitor.goto("/login")
    look_over(visitor, "login", screens)
    visitor.get_by_label("用户名").fill("wangfang")
    visitor.get_by_label("用户名").press("Enter")
    expect(visitor.get_by_role("alert")).to_contain_text("请输入密码")
    look_over(visitor, "login_wrong", screens)


def test_axe_finds_nothing_grave_on_any_page_of_an_operator(people: People, screens: Path) -> None:
    operator = people.sign_in("wangfang")
    claim(operator, ACCOUNT)
    card = bind(operator, ACCOUNT, holder="欧阳慕容婉清", bank="中国邮政储蓄银行股份有限公司上海分行")
    refused = bind(operator, ACCOUNT, ending="01")
    expect(operator.locator("#card_now .head")).to_contain_text("绑定被拒")
    made = {
        amount: withdraw(operator, ACCOUNT, amount, card) for amount in ("100.00", "230.01", "31.15", "88.04", "12.50")
    }
    supervisor = people.sign_in("zhangwei")
    for amount in ("100.00", "230.01", "31.15", "88.04"):
        approve(supervisor, made[amount])
    for amount, words in {"100.00": "成功", "230.01": "失败", "31.15": "需要人工处理", "88.04": "结果未知"}.items():
        operator.goto(f"/withdrawals/{made[amount]}")
        expect(operator.locator("#withdrawal_now")).to_contain_text(words, timeout=15_000)

    names = {"100.00": "paid", "230.01": "failed", "31.15": "held", "88.04": "unknown", "12.50": "review_maker"}
    paths = {
        "dashboard": "/",
        "dashboard_nothing": "/?channel=zzz",
        "channels": "/channels/",
        "channel_mine": f"/channels/{ACCOUNT}?size=20",
        "channel_free": "/channels/CSP3301?size=20",
        "cards": "/cards/?size=20",
        "cards_nothing": "/cards/?holder=zzz",
        "card_new": f"/cards/new?account={ACCOUNT}",
        "card_bound": f"/cards/{card}",
        "card_refused": f"/cards/{refused}",
        "withdrawals": "/withdrawals/",
        "withdrawals_nothing": "/withdrawals/?q=zzz",
        "withdrawals_wrong": "/withdrawals/?from=zzz&least=1",
        "withdrawal_new": f"/withdrawals/new?account={ACCOUNT}",
        "route": "/withdrawals/route?q=陈志强&amount=100",
        "route_nobody": "/withdrawals/route?q=zzz&amount=1",
        "health": "/channels/health/",
        "health_account": f"/channels/{ACCOUNT}/health",
        "health_account_week": f"/channels/{ACCOUNT}/health?period=week",
        "alerts_operator": "/alerts/",
        "jobs": "/jobs/",
        "downloads": "/downloads/",
        "rules": "/withdrawal-rules/",
        "withdrawal_sheets": "/withdrawal-sheets/",
        "top_ups": "/collections/",
        "tasks": "/tasks/",
        "handover_new": f"/handovers/new?account={ACCOUNT}",
        "claims": f"/channels/{ACCOUNT}/claims",
        "platforms": "/platform-accounts/",
        "ledger": "/ledger/?size=20",
        "ledger_entries": f"/ledger/about/{made['100.00']}",
        "statements": "/statements/",
        "statement_none": "/statements/CEG20260018/20261101",
        "statement_cannot": f"/statements/{ACCOUNT}/20261101",
        "error_404": "/withdrawals/W0",
    } | {f"withdrawal_{name}": f"/withdrawals/{made[amount]}" for amount, name in names.items()}
    for name, path in paths.items():
        operator.goto(path)
        look_over(operator, name, screens)

    for name, path in sheets(operator).items():
        operator.goto(path)
        look_over(operator, name, screens)

    operator.goto(f"/withdrawals/{made['100.00']}")
    operator.get_by_role("link", name="提交代付").first.click()
    look_over(operator, "channel_call", screens)
    for name, amount in {"withdrawal_check": "10.00", "withdrawal_wrong": "10.001"}.items():
        operator.goto(f"/withdrawals/new?account={ACCOUNT}&card={card}")
        operator.get_by_label("提现金额").fill(amount)
        operator.get_by_label("提现金额").press("Enter")
        expect(operator.locator(".sum, .error-summary")).to_be_visible()
        look_over(operator, name, screens)
    operator.goto("/")
    operator.locator(".user-menu summary").click()
    look_over(operator, "menu", screens)

    supervisor.goto(f"/withdrawals/{made['12.50']}")
    look_over(supervisor, "withdrawal_review_checker", screens)
    supervisor.goto(f"/channels/{ACCOUNT}")
    look_over(supervisor, "channel_held", screens)
    supervisor.get_by_label("原因").fill("交班")
    supervisor.get_by_role("button", name="强制释放").click()
    look_over(supervisor, "question", screens)


def test_axe_finds_nothing_grave_where_one_may_not_enter(people: People, screens: Path) -> None:
    administrator = people.sign_in("zhaomin")
    look_over(administrator, "dashboard_administrator", screens)
    administrator.goto("/withdrawals/")
    look_over(administrator, "error_403", screens)


def test_axe_finds_nothing_grave_on_any_page_of_the_administration(people: People, screens: Path) -> None:
    administrator = people.sign_in("zhaomin")
    paths = {
        "operators": "/operators/?size=20",
        "operators_nothing": "/operators/?q=zzz",
        "operator": "/operators/wangfang",
        "health_rule": "/channels/health/rules/answered/warning",
        "health_settings": f"/channels/{ACCOUNT}/health",
        "channel_templates": "/channel-templates/",
        "channel_template_new": "/channel-templates/new",
        "channel_settings": f"/channels/{ACCOUNT}/settings",
        "channel_edit": f"/channels/{ACCOUNT}/edit",
        "alerts": "/alerts/",
        "alert_hooks": "/alerts/hooks/",
        "alert_hook_new": "/alerts/hooks/new",
        "operator_me": "/operators/zhaomin",
        "operator_new": "/operators/new",
        "roles": "/roles/",
        "role": "/roles/finance",
        "role_mine": "/roles/administrator",
        "role_new": "/roles/new",
        "menus": "/menus/",
        "menu_entry": "/menus/1",
        "cache": "/cache/",
        "cache_keys": "/cache/channels/health",
        "audit": "/audit/?size=20",
        "audit_nothing": "/audit/?who=zzz",
        "audit_record": "/audit/1",
        "me": "/me/",
        "proof": "/proof",
    }
    administrator.goto("/channel-templates/new")
    administrator.get_by_label("模板编码").fill("looked")
    administrator.get_by_role("button", name="建立草稿").click()
    expect(administrator.locator("#flash")).to_contain_text("已建立草稿")
    paths |= {f"template_{part}": f"/channel-templates/looked/edit/{part}" for part in ("signing", "submit", "samples")}
    paths |= {"template": "/channel-templates/looked", "template_json": "/channel-templates/looked/edit"}
    for name, path in paths.items():
        administrator.goto(path)
        look_over(administrator, name, screens)


def look_over(page: Page, name: str, screens: Path) -> None:
    """Widths and themes change while the page stays as it is: that is how people resize a window."""
    page.evaluate(f"window.axe || (() => {{ {AXE} }})()")
    for width, scheme, looked_over in LOOKS:
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        expect(page.locator(f"html[data-bs-theme={scheme}]")).to_have_count(1)
        page.screenshot(path=screens / f"{name}-{width}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} is wider than {width}"
        assert not looked_over or grave(page) == [], f"{name} at {width}, {scheme}"
    page.set_viewport_size({"width": 1440, "height": 900})


def grave(page: Page) -> list[str]:
    found = page.evaluate("axe.run({resultTypes: ['violations'], iframes: false})")
    return [
        f"{it['id']}: {it['help']}: {json.dumps([node['html'][:160] for node in it['nodes'][:3]], ensure_ascii=False)}"
        for it in found["violations"]
        if it["impact"] in GRAVE
    ]
