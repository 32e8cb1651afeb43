"""What is allowed: names, passwords, how long a session lives, where one may go after signing in."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from app.auth.permissions import MONEY, PEOPLE
from app.kernel.errors import Refused, Text, gettext_noop
from app.kernel.limit import Limit

IDLE_S, SHORTEST_IDLE_S = 15 * 60, 5 * 60
ABSOLUTE_S = 12 * 60 * 60
LINK_S = 15 * 60
PROOF_S = 5 * 60
"""How long a proof of who one is counts for sensitive acts."""
HALF_WAY_S = 5 * 60
"""Between the password and the second factor."""
GRACE_S = 10
"""How long the token before a renewed one still opens its session: requests were on their way."""
SIGN_IN_BY_NAME = Limit(10, within_s=30 * 60, shut_s=30 * 60)
SIGN_IN_BY_ADDRESS = Limit(30, within_s=30 * 60, shut_s=30 * 60)
"""More than for a name: a whole office may come from one address."""
PROOFS = Limit(10, within_s=30 * 60, shut_s=30 * 60)
TIME_OUTS_S = (SHORTEST_IDLE_S, 600, IDLE_S)
RECOVERY_CODES = 10
TOUCH_EVERY_S = 30
"""Activity is written down at most this often, so an idle session ends up to this much early, never late."""
PASSWORD_SHORTEST, PASSWORD_LONGEST = 12, 128
NAME_LONGEST = 40
LANGUAGES = ("zh", "en")

_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}", re.ASCII)
_ROLE = re.compile(r"[a-z][a-z0-9-]{1,31}", re.ASCII)
_NOBODYS = frozenset({"new", "nobody", "clock", "worker", "system", "retention", "demo"})
"""Said of the machine in the audit log, or part of an address."""
_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
# The long ones that head every leaked list; shorter ones are refused by their length.
_EVERYBODYS = frozenset(
    """
    123456789012 1234567890123 1234567891011 12345678901234 123456789123456 1q2w3e4r5t6y 1qaz2wsx3edc 1qazxsw23edc
    qwertyuiop123 qwertyuiopasdf qwertyuiop[] zaq12wsxcde3 q1w2e3r4t5y6 abcdefghijkl abc123456789 a123456789012
    password1234 password12345 password123456 passwordpassword administrator adminadminadmin changemechangeme
    iloveyou1234 letmeinletmein welcome12345 woaini1314520 woaini520131 5201314520131 paydeskpaydesk
    """.split()  # noqa: SIM905 (a block of words reads better)
)


class Ended(StrEnum):
    """Why a session is over."""

    SIGNED_OUT = "signed out"
    DISPLACED = "displaced"
    IDLE = "idle"
    ABSOLUTE = "absolute"
    DISABLED = "disabled"
    ENDED = "ended"
    RESET = "reset"


ENDINGS: dict[str, Text] = {
    Ended.SIGNED_OUT: gettext_noop("自己退出"),
    Ended.DISPLACED: gettext_noop("在别处登录"),
    Ended.IDLE: gettext_noop("久未操作"),
    Ended.ABSOLUTE: gettext_noop("满 12 小时"),
    Ended.DISABLED: gettext_noop("账号停用"),
    Ended.ENDED: gettext_noop("管理员结束"),
    Ended.RESET: gettext_noop("管理员重置"),
}

STANDINGS: dict[str, tuple[Text, str]] = {
    "active": (gettext_noop("启用中"), "good"),
    "waiting": (gettext_noop("待激活"), "wait"),
    "locked": (gettext_noop("已锁定"), "bad"),
    "disabled": (gettext_noop("已停用"), "neutral"),
}
"""How a person stands with us: in words, and in which tone."""

# The first that is found in what a browser says of itself; most of them also claim to be Chrome and Safari.
_BROWSERS = (
    *(("MicroMessenger/", "WeChat"), ("QQBrowser/", "QQ"), ("360SE", "360"), ("Edg", "Edge"), ("OPR/", "Opera")),
    *(("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")),
)
_SYSTEMS = (
    *(("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad")),
    *(("Mac OS", "macOS"), ("Linux", "Linux")),
)


def standing(*, disabled: bool, activated: bool, locked: bool) -> str:
    """One of STANDINGS."""
    if disabled:
        return "disabled"
    if not activated:
        return "waiting"
    return "locked" if locked else "active"


def browser(user_agent: str) -> str:
    """What a browser says of itself, as people say it: `Chrome · Windows`."""
    words = [next((name for mark, name in table if mark in user_agent), "") for table in (_BROWSERS, _SYSTEMS)]
    return " · ".join(word for word in words if word) or user_agent[:40]


def tidy_username(text: str) -> str | None:
    """The name as it is stored, or None where no such name can exist."""
    name = text.strip().lower()
    return name if _USERNAME.fullmatch(name) else None


def require_username(text: str) -> str:
    name = tidy_username(text)
    if name is None:
        raise Refused("用户名须为 2 到 32 位小写字母、数字或 . _ -，并以字母开头")
    if name in _NOBODYS:
        raise Refused("“%(name)s”是系统保留的，请换一个", name=name)
    return name


def require_display_name(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= NAME_LONGEST:
        raise Refused("姓名须为 1 到 40 个字")
    return name


def require_role_code(code: str) -> None:
    if _ROLE.fullmatch(code) is None:
        raise Refused("角色编码须为 2 到 32 位小写字母、数字或 -，并以字母开头")
    if code in _NOBODYS:
        raise Refused("“%(name)s”是系统保留的，请换一个", name=code)


def require_reach(channels: Iterable[str], *, own: frozenset[str] | None) -> None:
    """Whoever is limited to some channels gives no more than those; giving none would be giving all."""
    given = set(channels)
    if own is not None and not (given and given <= own):
        raise Refused("您只能分配自己负责的渠道，并且至少选一个")


def require_password(password: str, *, username: str) -> None:
    """Long, not everybody's, not the name. Nothing about capitals and digits: length is what counts (NIST 800-63B)."""
    if not PASSWORD_SHORTEST <= len(password) <= PASSWORD_LONGEST:
        raise Refused("密码长度须为 12 到 128 位")
    plain = password.lower()
    named = len(username) > 3 and username in plain  # a short name is in many good passwords by chance
    if plain in _EVERYBODYS or named or len(set(plain)) < 5:
        raise Refused("这个密码太容易被猜到，请换一个", advice="几个不相干的词连起来，又长又好记。")


def require_separated(permissions: Iterable[str]) -> None:
    """Who manages people moves no money."""
    given = set(permissions)
    if given & PEOPLE and given & MONEY:
        raise Refused("管理用户或角色的人不能同时经手资金", advice="请把这两类权限分给两个角色。")


def why_over(
    *, created_at: datetime, last_active_at: datetime, disabled: bool, now: datetime, time_out_s: int = IDLE_S
) -> Ended | None:
    """A session that is not over answers None."""
    if disabled:
        return Ended.DISABLED
    if now - last_active_at >= timedelta(seconds=time_out_s):
        return Ended.IDLE
    if now - created_at >= timedelta(seconds=ABSOLUTE_S):
        return Ended.ABSOLUTE
    return None


def own_path(text: str) -> str | None:
    """A path on this very site with its query, or None: `//evil`, `/\\evil`, `https:…`, control characters."""
    if len(text) > 2000 or _PATH.fullmatch(text) is None:
        return None
    parts = urlsplit(text)
    return None if parts.scheme or parts.netloc else parts._replace(fragment="").geturl()
