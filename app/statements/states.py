"""How a day's statement stands, and what was found about each of its lines."""

from enum import StrEnum

from app.kernel.errors import Text, gettext_noop


class State(StrEnum):
    """FAILED: the last pull did not come to its end; what was told before it still stands."""

    ASKED = "asked"
    WHOLE = "whole"
    FAILED = "failed"


class Finding(StrEnum):
    """What a line says to us, once somebody above has laid it beside our payments."""

    UNREAD = "unread"
    AGREES = "agrees"
    NEWS = "news"
    HELD = "held"
    SILENT = "silent"
    UNKNOWN = "unknown"
    FOREIGN = "foreign"
    TWICE = "twice"


LABELS: dict[State, tuple[Text, str]] = {
    State.ASKED: (gettext_noop("正在取"), "info"),
    State.WHOLE: (gettext_noop("已取全"), "good"),
    State.FAILED: (gettext_noop("没有取到"), "bad"),
}
FINDINGS: dict[Finding, tuple[Text, str]] = {
    Finding.UNREAD: (gettext_noop("待核对"), "neutral"),
    Finding.AGREES: (gettext_noop("相符"), "good"),
    Finding.NEWS: (gettext_noop("带来新结果"), "info"),
    Finding.HELD: (gettext_noop("说法不一，已交人工"), "bad"),
    Finding.SILENT: (gettext_noop("没有结论"), "neutral"),
    Finding.UNKNOWN: (gettext_noop("我方没有这一笔"), "bad"),
    Finding.FOREIGN: (gettext_noop("是另一账号的单号"), "bad"),
    Finding.TWICE: (gettext_noop("同样的一笔又出现"), "bad"),
}
STRANGE = frozenset({Finding.UNKNOWN, Finding.FOREIGN, Finding.TWICE})
"""Money that moved and is none of our payments: nobody but a person can say what it was."""
ODD = STRANGE | {Finding.HELD}
"""What wants attention."""
OURS = frozenset({Finding.AGREES, Finding.NEWS, Finding.HELD})
"""About a withdrawal of this account."""
LOOKED_AT_AGAIN = frozenset({Finding.UNREAD, Finding.UNKNOWN, Finding.HELD})
"""What is unknown today may be known tomorrow (a restored house learns its own payments late), and people decide."""
