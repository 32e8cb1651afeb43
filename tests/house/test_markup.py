"""What no template may hold: anything the content security policy stops, anything htmx 4 no longer knows, any word that
cannot be translated. Pure file checks: no application is started."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
FILES = sorted(TEMPLATES.rglob("*.html"))

COMMENT = re.compile(r"\{#.*?#\}", re.S)
SPOKEN = re.compile(
    r"""\b(?:_|gettext|ngettext|lazy_gettext|pgettext)\(\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""(?:\s*,\s*(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))?"""
)
JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.S)
CHINESE = re.compile(r"[\u3001-\u303f\u3400-\u9fff\uff01-\uffee]")
WORD = re.compile(r"\b(?=[A-Z]*[a-z])[A-Za-z]{2,}")  # HTTP, RSA, CSV are the same in every language

FORBIDDEN = {
    "an inline handler": re.compile(r"<[^>]*\son[a-z]+\s*=", re.I),
    "an inline style": re.compile(r"<[^>]*\sstyle\s*=", re.I),
    "a style element": re.compile(r"<style\b", re.I),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc\s*=)", re.I),
    "hx-on (needs eval)": re.compile(r"\bhx-on\b"),
    "javascript in an attribute (needs eval)": re.compile(r"""=\s*["']\s*(?:js|javascript)\s*:""", re.I),
    "a trigger filter (needs eval)": re.compile(r"""\bhx-trigger\s*=\s*(?:"[^"]*\[|'[^']*\[)"""),
    "an attribute htmx 4 does not know": re.compile(
        r"\b(?:hx-ext|hx-params|hx-vars|hx-disabled-elt|hx-disinherit|hx-inherit|hx-history|hx-prompt|hx-request|"
        r"sse-swap|sse-connect|ws-connect)\b(?![\w-])"
    ),
    "hx-headers without :inherited on body": re.compile(r"<body\b[^>]*\shx-headers\s*="),
    "an unescaped value": re.compile(r"\|\s*safe\b"),
}
SPEAKING = {"title", "aria-label", "placeholder", "alt", "data-label", "data-confirm", "content-label"}
WORDLESS = {"code", "kbd", "script", "style"}


def blank(text: str, pattern: re.Pattern[str], by: str = " ") -> str:
    """Take the matches out, and keep every line where it is."""
    return pattern.sub(lambda found: re.sub(r"[^\n]", by, found.group()), text)


def forbidden(text: str) -> list[tuple[int, str]]:
    text = blank(text, COMMENT)
    return sorted(
        (text.count("\n", 0, found.start()) + 1, what)
        for what, pattern in FORBIDDEN.items()
        for found in pattern.finditer(text)
    )


def unspoken(text: str) -> list[tuple[int, str]]:
    """Words that no catalogue can reach. An element with translate="no" says its name in every language."""
    text = blank(blank(text, COMMENT), SPOKEN)
    lines = text.splitlines()
    found = [
        (number, code.group().strip())
        for code in JINJA.finditer(text)
        if CHINESE.search(code.group())
        for number in [text.count("\n", 0, code.start()) + 1]
        if 'translate="no"' not in lines[number - 1]
    ]
    reader = Reader()
    reader.feed(blank(text, JINJA))
    reader.close()
    return sorted(found + reader.found)


class Reader(HTMLParser):
    VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, bool]] = []
        self.found: list[tuple[int, str]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        quiet = self.quiet or tag in WORDLESS or ("translate", "no") in attributes
        for name, value in attributes:
            if value and not quiet and (CHINESE.search(value) or (name in SPEAKING and WORD.search(value))):
                self.found.append((self.getpos()[0], f"{name}={value.strip()}"))
        if tag not in self.VOID:
            self.open.append((tag, quiet))

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        for position in range(len(self.open) - 1, -1, -1):
            if self.open[position][0] == tag:
                del self.open[position:]
                return

    def handle_data(self, data: str) -> None:
        if not self.quiet and (CHINESE.search(data) or WORD.search(data)):
            line = self.getpos()[0] + data[: len(data) - len(data.lstrip())].count("\n")
            self.found.append((line, data.strip()))

    @property
    def quiet(self) -> bool:
        return bool(self.open) and self.open[-1][1]


def told(path: Path, found: list[tuple[int, str]]) -> list[str]:
    return [f"{path.relative_to(TEMPLATES.parent)}:{line}: {what}" for line, what in found]


def test_nothing_needs_inline_code_or_an_older_htmx():
    assert [line for path in FILES for line in told(path, forbidden(path.read_text("utf-8")))] == []


def test_every_word_can_be_translated():
    assert [line for path in FILES for line in told(path, unspoken(path.read_text("utf-8")))] == []


def test_a_macro_is_alone_in_a_file_of_its_name():
    for path in FILES:
        if path.parent.name == "ui":
            public = [name for name in re.findall(r"\{%-?\s*macro\s+(\w+)", path.read_text("utf-8")) if name[0] != "_"]
            assert public == [path.stem], path


def test_components_show_only_their_arguments():
    reaching = re.compile(r"\b(?:request|current_user|session|g|config|url_for)\b\s*[.(\[]")
    assert [
        line
        for path in FILES
        if path.parent.name == "ui"
        for line in told(
            path,
            [
                (number, text.strip())
                for number, text in enumerate(blank(path.read_text("utf-8"), COMMENT).splitlines(), 1)
                if any(reaching.search(code.group()) for code in JINJA.finditer(text))
            ],
        )
    ] == []


def test_only_the_layouts_open_a_stream():
    """One stream a page: the seventh tab of a browser would hang on HTTP/1.1."""
    assert [path.name for path in FILES if "hx-sse:connect" in blank(path.read_text("utf-8"), COMMENT)] in (
        [],
        ["console.html"],
    )


@pytest.mark.parametrize(
    ("markup", "what"),
    [
        ('<a onclick="go()">', "an inline handler"),
        ('<p style="color:red">', "an inline style"),
        ("<style>p{}</style>", "a style element"),
        ("<script>1</script>", "an inline script"),
        ('<p hx-on:click="1">', "hx-on (needs eval)"),
        ("""<p hx-vals='js:{a: 1}'>""", "javascript in an attribute (needs eval)"),
        ('<p hx-trigger="click[ctrlKey]">', "a trigger filter (needs eval)"),
        ('<p hx-ext="sse">', "an attribute htmx 4 does not know"),
        ('<p sse-swap="x">', "an attribute htmx 4 does not know"),
        ("""<body hx-headers='{}'>""", "hx-headers without :inherited on body"),
        ("{{ text|safe }}", "an unescaped value"),
    ],
)
def test_the_check_sees(markup, what):
    assert forbidden("{# first line #}\n" + markup) == [(2, what)]


@pytest.mark.parametrize(
    "markup",
    [
        "<p>提现</p>",
        "<p>Withdrawals</p>",
        '<a title="关闭">',
        '<a aria-label="Close">',
        "{{ ui.empty('没有数据') }}",
        "{% set name = '渠道' %}",
        "<p>{{ _('金额') }}元</p>",
    ],
)
def test_the_check_hears(markup):
    assert [line for line, _ in unspoken("{# 注释 #}\n" + markup)] == [2]


@pytest.mark.parametrize(
    "markup",
    [
        "<p>{{ _('提现') }}</p>",
        """{{ ui.empty(_("没有数据"), _('去掉条件 %(n)s', n=1)) }}""",
        '<b translate="no">中文</b>',
        "<kbd>Esc</kbd>",
        "<dt>HTTP</dt>",
        '<script src="x"></script>',
        "<p class='is-open'>¥ 1 · 2 — {{ amount }}</p>",
        '<a hx-trigger="withdrawals from:body throttle:500ms" data-go="w">{{ name }}</a>',
    ],
)
def test_what_is_right_passes(markup):
    assert unspoken(markup) == []
    assert forbidden(markup) == []
