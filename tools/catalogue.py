"""The catalogue: every sentence of the house, which is Chinese, and its English.

    python -m tools.catalogue update     read code and templates, bring messages.po up to date, compile
    python -m tools.catalogue check      say what is missing, wrong or left over; fails when anything is
    python -m tools.catalogue compile    write messages.mo, which the house reads

After `update`, write the English into the empty `msgstr ""` lines of messages.po and run `update` again. Both files are
committed: a fresh checkout speaks English without a step.
"""

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

TOP = Path(__file__).resolve().parent.parent
PO = TOP / "app" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
MO = PO.with_suffix(".mo")

MARKS = {"_", "gettext", "lazy_gettext", "gettext_noop", "Text"}
"""What is called with a sentence to translate it or to mark it; called with anything else, it looks one up."""
RAISED = {"Refused", "Malformed", "Unreadable", "BadSignature", "KickedOut"}
"""What is called to tell a sentence from deep inside: it must be one that the catalogue can hold."""
BESIDE = {"advice"}
"""Sentences that go by name."""

APART = (
    *("app/sandbox/", "app/scaffold/", "app/demo.py", "app/demo_sheets.py", "app/runtime/up.py"),
    *("app/kernel/written.py", "app/kernel/regions.py", "app/kernel/money_words.py", "app/kernel/spans.py"),
)
"""A company of its own, what a made-up channel says, the people and banks of the demo, the name on the terminal, what other
people write in their sheets and type in a field: not said on any page of ours."""

CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uff00-\uffef]")
HAN = re.compile(r"[\u4e00-\u9fff]")
PLACE = re.compile(r"%\(\w+\)[a-z]|%%|%|\{\w+\}")
"""What is filled in: `%(count)s` by the server, `{time}` by console.js."""


class English(Catalog):
    """A catalogue whose head holds no dates and no names, so that a diff shows sentences only."""

    def __init__(self, messages: dict[str, Message]) -> None:
        super().__init__(locale="en", fuzzy=False, header_comment="# The English of Paydesk; the key is the Chinese.")
        for said in messages.values():
            self.add(said.id, said.string, locations=[(path, 0) for path, _line in said.locations])

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return [
            ("Language", "en"),
            ("Plural-Forms", "nplurals=2; plural=(n != 1);"),
            ("MIME-Version", "1.0"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def sentences(
    source: IO[bytes], _keywords: object, _tags: object, options: dict[str, Any]
) -> Iterator[tuple[int, str, str, list[str]]]:
    """For Babel: (line, function, sentence, comments) of each sentence in a file of Python."""
    for line, text in sentences_of(ast.parse(source.read())):
        yield line, "gettext", text, []


def sentences_of(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Each sentence with its line. A name stands for the strings that are assigned to it anywhere in the file."""
    named = _named(tree)
    for call in _calls(tree):
        for node in _spoken(call):
            for text in _strings(node, named):
                yield node.lineno, text


def unreadable(tree: ast.Module) -> Iterator[int]:
    """Lines where something is told that no catalogue can hold: an f-string, or a text made up elsewhere."""
    named = _named(tree)
    for call in _calls(tree):
        if _name(call) in RAISED:
            for node in _spoken(call):
                if not _strings(node, named):
                    yield node.lineno


def unspoken(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Chinese in code that is marked nowhere. Docstrings are for us."""
    said = {text for _line, text in sentences_of(tree)}
    docs = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in docs and text not in said and HAN.search(text):
                yield node.lineno, text


def _calls(tree: ast.Module) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node) in MARKS | RAISED]


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _spoken(call: ast.Call) -> list[ast.expr]:
    """The arguments that are sentences."""
    return [*call.args[:1], *(beside.value for beside in call.keywords if beside.arg in BESIDE)]


def _strings(node: ast.expr, named: dict[str, list[str]]) -> list[str]:
    match node:
        case ast.Constant(value=str(text)) if text:
            return [text]
        case ast.IfExp(body=first, orelse=second):
            return [*_strings(first, named), *_strings(second, named)]
        case ast.Name(id=name):
            return named.get(name, [])
    return []


def _named(tree: ast.Module) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                found.setdefault(name, []).append(text)
    return found


def read_house() -> dict[str, Message]:
    """Every sentence of code and templates with the files it is in, in the order of files."""
    with (TOP / "babel.cfg").open() as config:
        methods, options = parse_mapping_cfg(config, filename="babel.cfg")  # type: ignore[no-untyped-call]
    found = extract_from_dir(TOP, methods, options, keywords=dict.fromkeys(MARKS | {"ngettext"}))
    house: dict[str, Message] = {}
    for path, _line, text, _comments, _context in sorted(found, key=lambda it: (it[0], it[1])):
        assert isinstance(text, str), f"{path}: plural forms are not spoken here: {text}"
        if not re.sub(r"\W", "", PLACE.sub("", text)) and not CHINESE.search(text):
            continue  # an arrangement of values: `%(account)s · %(number)s`
        said = house.setdefault(text, Message(text))
        if (path, 0) not in said.locations:
            said.locations.append((path, 0))
    return house


def read_book() -> Catalog:
    """What messages.po says now."""
    if not PO.exists():
        return Catalog(locale="en")
    with PO.open("rb") as file:
        return read_po(file, locale="en")


def update() -> list[str]:
    """Write messages.po anew: the house's sentences with the English that is known. Returns what it dropped."""
    house, known = read_house(), _known(read_book())
    PO.write_bytes(written(house, known))
    compile_book()
    return [text for text in known if text not in house]


def written(house: dict[str, Message], known: dict[str, Message]) -> bytes:
    """The sentences of the house, each with its English where there is one."""
    for text, said in house.items():
        said.string = known[text].string if text in known and not known[text].fuzzy else ""
    file = io.BytesIO()
    write_po(file, English(house), width=120, include_lineno=False)
    return file.getvalue()


def compiled() -> bytes:
    file = io.BytesIO()
    write_mo(file, English({text: said for text, said in _known(read_book()).items() if not said.fuzzy}))
    return file.getvalue()


def compile_book() -> None:
    MO.write_bytes(compiled())


def _known(book: Catalog) -> dict[str, Message]:
    return {str(said.id): said for said in book if said.id}


def check() -> list[str]:
    """What is wrong, one line each."""
    house, book = read_house(), read_book()
    known = _known(book)
    found = [f"no entry (run update): {text!r}" for text in house if text not in known]
    found += [f"left over (run update): {text!r}" for text in (*known, *map(str, book.obsolete)) if text not in house]
    for text, said in known.items():
        english = str(said.string)
        if said.fuzzy:
            found.append(f"fuzzy: {text!r}")
        if not english.strip():
            found.append(f"no English: {text!r}")
        elif set(PLACE.findall(text)) != set(PLACE.findall(english)):
            found.append(f"other placeholders: {text!r} → {english!r}")
        elif CHINESE.search(english):
            found.append(f"Chinese left: {text!r} → {english!r}")
        if not CHINESE.search(text):
            found.append(f"the key is not Chinese: {text!r}")
    for path in sorted((TOP / "app").rglob("*.py")):
        where = path.relative_to(TOP).as_posix()
        if not where.startswith(APART):
            tree = ast.parse(path.read_bytes())
            found += [f"{where}:{line}: not a plain sentence" for line in unreadable(tree)]
            found += [f"{where}:{line}: marked nowhere: {text!r}" for line, text in unspoken(tree)]
    if not found and PO.read_bytes() != written(house, known):
        found.append("messages.po is not as update writes it")
    if not MO.exists() or MO.read_bytes() != compiled():
        found.append("messages.mo is not messages.po compiled (run compile)")
    return found


def main(words: list[str]) -> int:
    match words:
        case ["update"]:
            for text in update():
                print(f"dropped: {text!r}")
            return 0
        case ["check"]:
            found = check()
            print("\n".join(found) or f"{len(read_house())} sentences, all of them in English")
            return 1 if found else 0
        case ["compile"]:
            compile_book()
            return 0
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
