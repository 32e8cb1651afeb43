"""The browser files of other people: fetch them once, write down what they are, prove they are still that.

    python tools/vendor.py            fetch with `npm pack`, write static/vendor/ and its VENDOR.md
    python tools/vendor.py --check    no network: every file is the one VENDOR.md describes

The files are committed. Nothing is built: what we serve is what the package holds, byte for byte; only the icon
sprite is put together here, from single drawings of the package.
"""

import base64
import hashlib
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "static" / "vendor"
RECORD = VENDOR / "VENDOR.md"
ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \| (?P<package>\S+) \| (?P<version>\S+) \| [^|]+ \| [^|]+ "
    r"\| `(?P<sha384>[^`]+)` \|$",
    re.M,
)


DRAWINGS = """
    activity alert-circle alert-triangle arrow-back-up arrow-down arrow-left arrow-right arrow-up arrows-exchange
    ban bell bolt books building-bank building-store calculator calendar cash cash-banknote chart-bar check
    checklist chevron-down chevron-left chevron-right chevron-up circle-check circle-dashed circle-x clipboard-list
    clock coin-yuan coins copy cpu credit-card database device-desktop dots-vertical download edit external-link eye
    eye-off file-spreadsheet file-text filter fingerprint flag hand-stop heartbeat help-circle history hourglass
    id-badge inbox info-circle key keyboard language layout-dashboard link list-check list-tree lock lock-open logout
    menu-2 message minus moon player-pause player-play plug-connected plug-connected-x plus printer receipt refresh
    report-money route scale search selector send server settings shield-lock stack-2 sun template transfer trash
    unlink upload user user-check users users-group wallet webhook x
"""


@dataclass(frozen=True)
class Package:
    name: str
    version: str
    licence: str
    files: dict[str, str]  # path inside the package -> our file
    icons: tuple[str, ...] = ()  # drawings of icons/outline/ that go into icons.svg


PACKAGES = (
    Package("@tabler/core", "1.4.0", "MIT", {"dist/css/tabler.min.css": "tabler.min.css"}),
    Package(
        "htmx.org",
        "4.0.1",
        "0BSD",
        {
            "dist/htmx.min.js": "htmx.min.js",
            "dist/ext/hx-sse.min.js": "hx-sse.min.js",
            "LICENSE": "LICENSE.htmx.txt",
        },
    ),
    Package("@tabler/icons", "3.51.0", "MIT", {"LICENSE": "LICENSE.tabler-icons.txt"}, icons=tuple(DRAWINGS.split())),
)


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        wrong = problems()
        print("\n".join(wrong) or "vendored files are as recorded")
        return 1 if wrong else 0
    fetch()
    return 0


def problems() -> list[str]:
    """What differs between static/vendor/ and its record; an empty list is good news."""
    recorded = {row["file"]: row["sha384"] for row in ROW.finditer(RECORD.read_text("utf-8"))}
    present = {file.name for file in VENDOR.iterdir()} - {RECORD.name}
    wrong = [f"{name}: not in VENDOR.md" for name in sorted(present - recorded.keys())]
    wrong += [f"{name}: in VENDOR.md, but not here" for name in sorted(recorded.keys() - present)]
    wrong += [
        f"{name}: its SHA-384 is not the recorded one"
        for name in sorted(present & recorded.keys())
        if sha384((VENDOR / name).read_bytes()) != recorded[name]
    ]
    return wrong


def fetch() -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    rows = []
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as folder:
            unpacked = _unpack(package, Path(folder))
            contents = {
                ours: ((unpacked / theirs).read_bytes(), f"`{theirs}`") for theirs, ours in package.files.items()
            }
            if package.icons:
                contents["icons.svg"] = (
                    _sprite(unpacked, package.icons),
                    f"{len(package.icons)} drawings of `icons/outline/`",
                )
        for ours, (content, source) in contents.items():
            _refuse_a_silent_change(package, ours, content)
            (VENDOR / ours).write_bytes(content)
            rows.append(
                f"| `{ours}` | {package.name} | {package.version} | {package.licence} | {source} "
                f"| `{sha384(content)}` |"
            )
    RECORD.write_text(HEAD + "\n".join(sorted(rows)) + "\n", "utf-8")
    print(f"{len(rows)} files in {VENDOR}")


def sha384(content: bytes) -> str:
    """As browsers write it in `integrity`."""
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def _unpack(package: Package, folder: Path) -> Path:
    subprocess.run(
        ["npm", "pack", "--silent", f"{package.name}@{package.version}"],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


def _sprite(package: Path, names: tuple[str, ...]) -> bytes:
    symbols = []
    for name in names:
        drawing = (package / "icons" / "outline" / f"{name}.svg").read_text("utf-8")
        shapes = re.findall(r"<(?!/?svg)[^>]+/>", drawing)
        lines = " ".join(re.sub(r"\s*/>", "/>", shape) for shape in shapes if 'stroke="none"' not in shape)
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{lines}</symbol>'
        )
    return ('<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n").encode()


def _refuse_a_silent_change(package: Package, ours: str, content: bytes) -> None:
    """The same version must be the same bytes for ever; another content under a known version is somebody's attack."""
    if ours == "icons.svg" or not RECORD.exists():
        return
    for row in ROW.finditer(RECORD.read_text("utf-8")):
        if row["file"] == ours and row["version"] == package.version and row["sha384"] != sha384(content):
            raise SystemExit(f"{ours}: {package.name} {package.version} is not what it was when it was recorded")


HEAD = """# Vendored browser files

Written by `tools/vendor.py`; `tests/house/test_vendor.py` compares. Nothing here is edited by hand, nothing is loaded
from elsewhere. Tabler's licence stands at the head of its file; the others lie beside theirs.

| file | package | version | licence | source in the package | SHA-384 |
|---|---|---|---|---|---|
"""

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
