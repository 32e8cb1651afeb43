"""What other people wrote and we serve is exactly what we looked at; nothing is fetched from anywhere else."""

import re
from pathlib import Path

from tools import vendor

HOUSE = Path(__file__).resolve().parents[2]
ELSEWHERE = re.compile(
    r"""(?:url\(\s*["']?|@import\s+["']?|(?:src|href|srcset|action|poster|data)\s*=\s*["'])"""
    r"""\s*(?:https?:)?//""",
    re.I,
)


def test_the_vendored_files_are_the_recorded_ones():
    assert vendor.problems() == []


def test_the_record_names_every_package_with_its_version_and_licence():
    record = vendor.RECORD.read_text("utf-8")
    for package in vendor.PACKAGES:
        assert f"| {package.name} | {package.version} | {package.licence} |" in record


def test_every_icon_a_template_names_is_in_the_sprite():
    drawn = set(re.findall(r'<symbol id="([^"]+)"', (vendor.VENDOR / "icons.svg").read_text("utf-8")))
    missing = [
        f"{path.relative_to(HOUSE)}: {name}"
        for path in sorted((HOUSE / "templates").rglob("*.html"))
        for name in re.findall(r"""(?:ui\.icon\(|\bicon=)['"]([\w-]+)['"]""", path.read_text("utf-8"))
        if name not in drawn
    ]
    assert missing == []


def test_no_page_and_no_style_fetches_from_elsewhere():
    files = [
        *(HOUSE / "templates").rglob("*.html"),
        *(HOUSE / "static").rglob("*.css"),
        HOUSE / "static" / "console.js",
    ]
    found = [
        f"{path.relative_to(HOUSE)}:{number}"
        for path in sorted(files)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if ELSEWHERE.search(line)
    ]
    assert found == []


def test_a_changed_file_is_noticed(tmp_path, monkeypatch):
    for file in vendor.VENDOR.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "htmx.min.js").write_bytes((tmp_path / "htmx.min.js").read_bytes() + b";alert(1)")
    (tmp_path / "stranger.js").write_text("1")
    (tmp_path / "hx-sse.min.js").unlink()
    monkeypatch.setattr(vendor, "VENDOR", tmp_path)
    monkeypatch.setattr(vendor, "RECORD", tmp_path / "VENDOR.md")
    assert vendor.problems() == [
        "stranger.js: not in VENDOR.md",
        "hx-sse.min.js: in VENDOR.md, but not here",
        "htmx.min.js: its SHA-384 is not the recorded one",
    ]
