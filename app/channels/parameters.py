"""What a channel asks of an account's parameters: how they are tidied, what is wrong with them, how two versions differ.

Pure functions of an adapter's declaration and of values; secrets go in, and never out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.channels.contract import Adapter, Setting, Shape
from app.kernel import signing
from app.kernel.errors import Malformed, Refused, Text, gettext_noop

ITS_NUMBER = "merchant_no"
"""The parameter that is the account itself: it stands in the account's row, and no version changes it."""
BASE_URL = "base_url"
LONGEST = 8000
DAY_S = 24 * 60 * 60
OVERLAP_S = 7 * DAY_S
OVERLAPS_S: Mapping[int, Text] = {
    0: gettext_noop("立即失效（密钥泄露，或旧地址已停）"),
    DAY_S: gettext_noop("1 天"),
    3 * DAY_S: gettext_noop("3 天"),
    OVERLAP_S: gettext_noop("7 天"),
    30 * DAY_S: gettext_noop("30 天"),
}
"""How long the keys of a version may go on counting after it is replaced."""

_FLAWED = gettext_noop("参数“%(label)s”有问题：%(why)s")
_MISSING = gettext_noop("必填，没有填")
_KEYS: Mapping[Shape, Callable[[str], None]] = {
    Shape.PRIVATE_KEY: signing.require_private,
    Shape.PUBLIC_KEY: signing.require_public,
    Shape.CERTIFICATE: signing.require_certificate,
}


class Flawed(Refused):
    """These parameters cannot be kept, or not be used. `flaws`: what is wrong, by the name of the parameter."""

    def __init__(self, flaws: Mapping[str, Text], settings: Sequence[Setting]) -> None:
        self.flaws = flaws
        labels = {setting.name: setting.label for setting in settings}
        name, why = next(iter(flaws.items()))
        super().__init__(_FLAWED, label=Text(labels.get(name) or gettext_noop("渠道参数")), why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One parameter as a page shows it. `is_print`: the text is a fingerprint."""

    label: str
    text: str
    is_print: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One parameter in two versions; of secrets it is only told whether they differ."""

    label: str
    before: Line
    after: Line

    @property
    def is_same(self) -> bool:
        return self.before.text == self.after.text


def tidy(text: str) -> str:
    """As it is kept: without blanks around it, its lines broken in one way, however it was pasted."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def first(settings: Sequence[Setting], merchant_no: str) -> dict[str, str]:
    """What an account's first draft begins with."""
    given = {setting.name: setting.default for setting in settings if setting.default}
    return given | ({ITS_NUMBER: merchant_no} if ITS_NUMBER in {setting.name for setting in settings} else {})


def merged(
    settings: Sequence[Setting], before: Mapping[str, str], typed: Mapping[str, str], *, cleared: Sequence[str] = ()
) -> dict[str, str]:
    """The parameters after somebody filled in the form: a secret that was left empty stays as it was, unless it is cleared."""
    given = {}
    for setting in settings:
        text = tidy(typed.get(setting.name, ""))
        keeps = setting.name == ITS_NUMBER or (setting.secret and not text and setting.name not in cleared)
        given[setting.name] = before.get(setting.name, "") if keeps else text
    return {name: text for name, text in given.items() if text}


def malformed(settings: Sequence[Setting], given: Mapping[str, str]) -> dict[str, Text]:
    """What is there and cannot be what it should be, by name."""
    found = {}
    for setting in settings:
        text = given.get(setting.name, "")
        if text and (why := _objection(setting, text)) is not None:
            found[setting.name] = why
    return found


def missing(settings: Sequence[Setting], given: Mapping[str, str]) -> dict[str, Text]:
    """What must be there and is not, by name."""
    needed = [setting.name for setting in settings if not (setting.optional or setting.default)]
    return {name: _MISSING for name in needed if not given.get(name)}


def flaws(adapter: type[Adapter], given: Mapping[str, str]) -> Mapping[str, Text]:
    """Everything that keeps these parameters from being used, by name."""
    settings = adapter.settings
    if found := missing(settings, given) | malformed(settings, given):
        return found
    whole = {setting.name: given.get(setting.name) or setting.default for setting in settings}
    if told := adapter.flaws(whole):
        return told
    try:
        adapter(whole)
    except (AssertionError, ValueError, TypeError):  # it quotes what it could not read: not told on
        return {"": gettext_noop("渠道协议看不懂这些参数，请逐项核对")}
    return {}


def shown(settings: Sequence[Setting], given: Mapping[str, str], fingerprint: Callable[[str], str]) -> dict[str, str]:
    """For people: plain parameters as they are, secrets as fingerprints; nothing where nothing is given."""
    texts = {setting.name: given.get(setting.name, "") for setting in settings}
    secret = {setting.name for setting in settings if setting.secret}
    return {name: fingerprint(text) if text and name in secret else text for name, text in texts.items()}


def lines(settings: Sequence[Setting], told: Mapping[str, str], fingerprint: Callable[[str], str]) -> dict[str, Line]:
    """What `shown` kept, as a page says it, by name: keys that may be known are too long to be read, and compared by print."""
    found = {}
    for setting in settings:
        text = told.get(setting.name, "")
        is_long = not setting.secret and setting.shape in _KEYS and text != ""
        word = next((label for value, label in setting.choices if value == text), text)
        found[setting.name] = Line(
            label=setting.label,
            text=fingerprint(tidy(text)) if is_long else word,
            is_print=setting.secret or setting.shape in _KEYS,
        )
    return found


def differences(before: Mapping[str, Line], after: Mapping[str, Line]) -> list[Difference]:
    """Both versions side by side, each parameter once."""
    nothing = Line(label="", text="", is_print=False)
    return [Difference(label=line.label, before=before.get(name, nothing), after=line) for name, line in after.items()]


def _objection(setting: Setting, text: str) -> Text | None:
    if len(text) > LONGEST:
        return Text("最多 %(count)d 个字", count=LONGEST)
    if "\n" in text and not (setting.multiline or setting.shape in _KEYS):
        return gettext_noop("只能有一行")
    if setting.shape is Shape.NUMBER and not (text.isascii() and text.isdigit()):
        return gettext_noop("只能是数字")
    if setting.shape is Shape.CHOICE and text not in dict(setting.choices):
        return gettext_noop("请从选项中选择")
    if setting.shape in _KEYS:
        try:
            _KEYS[setting.shape](text)
        except Malformed as problem:
            return problem.text
    return None
