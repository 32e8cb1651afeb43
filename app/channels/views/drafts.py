"""What the pages of a draft have in common: the draft, what is wrong with it, and where."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.channels import manners
from app.channels.adapters.templated import Broken, Flaw, flaws, line_of, parse, pretty
from app.channels.adapters.templated.strict import read_json
from app.channels.forms.parts import PARTS, part_of
from app.kernel.errors import Refused, Text


@dataclass(frozen=True, slots=True)
class Place:
    """A flaw as the page shows it: on which line, what stands there, what is wrong, and on which page of the editor."""

    line: int
    place: str
    text: Text
    shown: str
    part: str


def draft_of(code: str) -> manners.Version:
    """Refused where there is none any more; NotThere where there never was such a template."""
    found = manners.draft(code)
    if found is None:
        manners.versions(code)
        raise Refused("这份草稿已不在：有人启用或放弃了它", advice="请看模板的历史版本；要再改，先建立新的草稿")
    return found


def flaws_of(text: str) -> list[Place]:
    """Each on its line of the text as it is kept."""
    try:
        found: Sequence[Flaw] = flaws(parse(text))
    except Broken as broken:
        found = broken.flaws
    written, places = pretty(read_json(text.encode()))
    lines = written.splitlines()
    numbered = [(line_of(flaw.place, places), flaw) for flaw in found]
    return [
        Place(
            line,
            flaw.place,
            flaw.text,
            lines[line - 1].strip()[:80],
            part.code if (part := part_of(flaw.place)) else "",
        )
        for line, flaw in numbered
    ]


@dataclass(frozen=True, slots=True)
class Tab:
    """A page of the editor: how much is wrong there, and whether the draft says anything of it."""

    code: str
    title: Text
    wrong: int
    is_there: bool


def tabs_of(found: manners.Version, wrong: Sequence[Place]) -> list[Tab]:
    told, counts = told_of(found), Counter(place.part for place in wrong)
    return [Tab(it.code, it.title, counts[it.code], it.is_there(told)) for it in PARTS.values()]


def told_of(found: manners.Version) -> dict[str, Any]:
    """What the draft says, as JSON."""
    told = read_json(found.description.encode())
    assert isinstance(told, dict), "a draft is kept only where it is an object"
    return told
