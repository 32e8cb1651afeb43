"""The card prefixes (BIN) of other people: fetch them once, write down what they are, prove they are still that.

    python -m tools.bins             fetch from npm and PyPI, write app/kernel/bins/*.csv and its NOTICE.md
    python -m tools.bins --check     no network: every table is the one NOTICE.md describes

The tables are committed. What is fetched must have the hash written down here; nothing of it is run, only read.
"""

import ast
import base64
import csv
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BINS = Path(__file__).resolve().parent.parent / "app" / "kernel" / "bins"
RECORD = BINS / "NOTICE.md"
ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \| (?P<package>\S+) (?P<version>\S+) \| (?P<licence>[^|]+) \| [^|]+ \| (?P<rows>\d+) "
    r"\| `(?P<fetched>[^`]+)` \| `(?P<made>[^`]+)` \|$",
    re.M,
)

Prefix = tuple[str, str, str, str]
"""prefix, length of the whole number ("" when the source does not tell), bank as the source says it, kind"""

KINDS = {"DC": "debit", "CC": "credit", "SCC": "semi_credit", "PC": "prepaid"}

# cardbin tells no kind, but the names of bank and card often do. The first word found decides; no word, no kind.
WORDS = (
    ("准贷", "semi_credit"),
    ("贷记", "credit"),
    ("信用", "credit"),  # also of 招商银行信用卡中心
    ("公务卡", "credit"),  # general knowledge: public servants' cards are credit cards (银联标准公务卡)
    ("预付", "prepaid"),
    ("礼物卡", "prepaid"),
    ("借记", "debit"),
    ("储蓄", "debit"),
    ("灵通卡", "debit"),  # from here on brands, general knowledge: 工行, 招行, 邮储, 农行, 中信 …
    ("E时代卡", "debit"),
    ("一卡通", "debit"),
    ("绿卡", "debit"),
    ("通宝", "debit"),
    ("理财", "debit"),
    ("资助卡", "debit"),
    ("福农卡", "debit"),
    ("社会保障", "debit"),
    ("社保", "debit"),
    ("医保", "debit"),
)
# … but not these: 美国运通绿卡 and 轻松理财消贷易卡 lend.
UNSURE = ("运通", "消贷", "借贷合一")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        wrong = problems()
        print("\n".join(wrong) or "the tables of card prefixes are as recorded")
        return 1 if wrong else 0
    fetch()
    return 0


def problems() -> list[str]:
    """What differs between app/kernel/bins/ and its record; an empty list is good news."""
    recorded = {row["file"]: row for row in ROW.finditer(RECORD.read_text("utf-8"))}
    present = {file.name for file in BINS.glob("*.csv")}
    wrong = [f"{name}: not in NOTICE.md" for name in sorted(present - recorded.keys())]
    wrong += [f"{name}: in NOTICE.md, but not here" for name in sorted(recorded.keys() - present)]
    for name in sorted(present & recorded.keys()):
        content = (BINS / name).read_bytes()
        if sha384(content) != recorded[name]["made"]:
            wrong.append(f"{name}: its SHA-384 is not the recorded one")
    for source in SOURCES:
        row = recorded.get(source.file)
        if row and (row["package"], row["version"], row["fetched"]) != (source.name, source.version, source.sha384):
            wrong.append(f"{source.file}: NOTICE.md tells of another package than tools/bins.py")
    return wrong


def fetch() -> None:
    BINS.mkdir(parents=True, exist_ok=True)
    rows = []
    for source in SOURCES:
        with tempfile.TemporaryDirectory() as folder:
            package = source.download(source, Path(folder))
            content = package.read_bytes()
            if sha384(content) != source.sha384:
                raise SystemExit(f"{package.name} is not what it was when it was looked at: {sha384(content)}")
            prefixes = source.read(source.member(package, source.inside))
        made = table(prefixes)
        (BINS / source.file).write_bytes(made)
        rows.append(
            f"| `{source.file}` | {source.name} {source.version} | {source.licence} | `{source.inside}` "
            f"| {len(prefixes)} | `{source.sha384}` | `{sha384(made)}` |"
        )
        print(f"{source.file}: {len(prefixes)} prefixes, {len(made)} bytes")
    RECORD.write_text(HEAD + "\n".join(rows) + "\n" + LICENCES, "utf-8")


def table(prefixes: list[Prefix]) -> bytes:
    """The same prefixes give the same bytes: sorted, one line each."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["prefix", "length", "bank", "kind"])
    writer.writerows(sorted(prefixes))
    return file.getvalue().encode()


def bankcardinfo(text: str) -> list[Prefix]:
    """index.js holds banks with patterns: `reg: /^(621096|621098)\\d{13}$/g, cardType: "DC"`.

    The first pattern wins, as in its own code: it tells some prefixes of two banks.
    """
    text = text[text.index("var bankcardList") : text.index("function _getBankInfoByCardNo")]
    found: dict[tuple[str, str], Prefix] = {}
    patterns = 0
    for bank in re.split(r"bankName:", text)[1:]:
        (name,) = re.findall(r'^\s*"([^"]+)"', bank)
        for starts, rest, kind in re.findall(r'reg: /\^\(([\d|]+)\)\\d\{(\d+)\}\$/g,\s*cardType: "(\w+)"', bank):
            patterns += 1
            for prefix in starts.split("|"):
                length = str(len(prefix) + int(rest))
                found.setdefault((prefix, length), (prefix, length, name, KINDS[kind]))
    if not patterns or patterns != text.count("reg:"):
        raise SystemExit(f"bankcardinfo: {text.count('reg:')} patterns, of which {patterns} were understood")
    return list(found.values())


def cardbin(text: str) -> list[Prefix]:
    """bankbin.py is one dictionary: `"621016" : "星展银行|星展银行借记卡"`."""
    tree = ast.parse(text)
    (told,) = [node.value for node in ast.walk(tree) if isinstance(node, ast.Assign)]
    return [(prefix, "", said.split("|")[0], kind_of(said)) for prefix, said in ast.literal_eval(told).items()]


def kind_of(said: str) -> str:
    for word, kind in WORDS:
        if word in said:
            return "" if kind == "debit" and any(it in said for it in UNSURE) else kind
    return ""


def sha384(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


@dataclass(frozen=True)
class Source:
    name: str
    version: str
    licence: str
    sha384: str  # of the package as the registry gives it
    inside: str  # the file in the package that we read
    file: str  # ours
    download: "Callable[[Source, Path], Path]"
    member: Callable[[Path, str], str]
    read: Callable[[str], list[Prefix]]


def _npm(source: Source, folder: Path) -> Path:
    subprocess.run(
        ["npm", "pack", "--silent", f"{source.name}@{source.version}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return next(folder.glob("*.tgz"))


def _pip(source: Source, folder: Path) -> Path:
    what = f"{source.name}=={source.version}"
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", f"--dest={folder}", what],
        check=True,
    )
    return next(folder.glob("*.whl"))


def _in_tar(package: Path, inside: str) -> str:
    with tarfile.open(package) as archive:
        file = archive.extractfile(inside)
        assert file, f"{inside} is no file"
        return file.read().decode()


def _in_zip(package: Path, inside: str) -> str:
    with zipfile.ZipFile(package) as archive:
        return archive.read(inside).decode()


SOURCES = (
    Source(
        "bankcardinfo",
        "2.0.6",
        "ISC",
        "sha384-WptVVuYTBCxWDkMNDxSNqIFU6L9j7ECOBaeh5h9r0U63VRsKXvPmHbb+I+o9u5ww",
        "package/index.js",
        "bankcardinfo.csv",
        _npm,
        _in_tar,
        bankcardinfo,
    ),
    Source(
        "cardbin",
        "1.0.0",
        "MIT",
        "sha384-wEaJmgFNWo1VJ/8pAWOev7XpfGQ4AA8bjcHGftni6Rvhj0Nxu6hhlrbKNk5agaAf",
        "cardbin/bankbin.py",
        "cardbin.csv",
        _pip,
        _in_zip,
        cardbin,
    ),
)

HEAD = """# Card prefixes (BIN)

Written by `tools/bins.py`, which also compares (`--check`). Nothing here is edited by hand.

**A hint only, never a reason to refuse.** bankcardinfo says of itself that its data is the list of 2013; cardbin was
put together in 2017 and published in 2019. Banks have been renamed and merged since, and prefixes given out anew.

Columns: `prefix`; `length` of the whole card number (empty: the source does not tell); `bank` in the words of the
source; `kind` debit | credit | semi_credit | prepaid | empty. bankcardinfo tells some prefixes of two banks: the first
stands, as in its own code; a longer prefix is nearer than a shorter one, which its code does not know (秦皇岛银行 under
河北银行: two prefixes). cardbin tells no kind: it is taken from the names of bank and card (`WORDS` in the tool).

| file | package | licence | source in the package | rows | SHA-384 of the package | SHA-384 of the file |
|---|---|---|---|---|---|---|
"""

LICENCES = """
## bankcardinfo: ISC

From npm, https://github.com/navyxie/bankcardinfo. Its `package.json` says `"license": "ISC"` and `"author": navyxie`;
the package holds no text of the licence and no year. The text of the ISC licence:

> Copyright (c) navyxie
>
> Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby
> granted, provided that the above copyright notice and this permission notice appear in all copies.
>
> THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS SOFTWARE INCLUDING ALL
> IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT,
> INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN
> AN ACTION OF CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR
> PERFORMANCE OF THIS SOFTWARE.

## cardbin: MIT

From PyPI, https://github.com/bopo/cardbin. The package holds this text as `cardbin-1.0.0.dist-info/LICENSE`:

> MIT License
>
> Copyright (c) 2017, cardbin
>
> Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
> documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
> rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
> persons to whom the Software is furnished to do so, subject to the following conditions:
>
> The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
> Software.
>
> THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
> WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
> COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
> OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
