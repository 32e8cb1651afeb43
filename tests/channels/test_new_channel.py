"""`paydesk channel new` in a copy of the checkout: what it writes passes everything but the list of what it made up."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import main
from app.scaffold import REGISTRY, TOP, Unfit, new_channel

NOTHING: frozenset[str] = frozenset()
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"
LISTED = "FAILED tests/channels/test_heron.py::TestHeron::test_nothing_is_left_to_do"
CARDS = frozenset({"binds", "lists", "unbinds", "settles", "figures", "statements"})


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("app", "tests/channels"):
        shutil.copytree(TOP / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "worker.py", "wsgi.py", "tests/__init__.py"):
        shutil.copy(TOP / name, tmp_path / name)
    return tmp_path


def run(checkout: Path, *command: str) -> str:
    """What Python prints there, and how it ended."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST")}
    told = subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        capture_output=True,
        text=True,
        env=environment | {"PYTHONPATH": str(checkout)},
    )
    return f"{told.stdout}{told.stderr}\nended with {told.returncode}"


@pytest.mark.parametrize(
    "abilities",
    [NOTHING, CARDS, {"balance"}, {"settles"}, {"lists"}, {"unbinds", "balance"}, {"binds", "figures"}, {"statements"}],
    ids=lambda it: "-".join(sorted(it)) or "nothing",
)
def test_what_it_writes_is_as_our_formatter_and_linter_would_have_it(checkout: Path, abilities: set[str]) -> None:
    new_channel("heron", title="苍鹭支付", abilities=frozenset(abilities), top=checkout)
    new_channel(
        "a_rather_long_code_2", title="一个名字特别长又特别长又特别长的支付渠道", abilities=NOTHING, top=checkout
    )
    assert "ended with 0" in run(
        checkout, "-m", "ruff", "check", "--no-cache", "app/channels/adapters", "tests/channels"
    )
    assert "ended with 0" in run(
        checkout, "-m", "ruff", "format", "--no-cache", "--check", "app/channels/adapters", "tests"
    )


@pytest.mark.slow
@pytest.mark.parametrize("abilities", [CARDS, frozenset({"balance"})], ids=len)
def test_it_works_with_a_made_up_third_party_and_says_what_is_made_up(
    checkout: Path, abilities: frozenset[str]
) -> None:
    new_channel("heron", title="苍鹭支付", abilities=abilities, top=checkout)
    assert "ended with 0" in run(checkout, "-m", "mypy", "app/channels/adapters")
    assert "0 broken" in run(checkout, "-c", LINT_IMPORTS)
    told = run(checkout, "-m", "pytest", "-p", "no:cacheprovider", "tests/channels/test_heron.py")
    assert [line.partition(" - ")[0] for line in told.splitlines() if line.startswith(("FAILED", "ERROR"))] == [LISTED]
    assert "things are made up, and wait for you" in told
    assert "app/channels/adapters/heron.py:3: all of this is made up" in told
    assert "tests/channels/samples/heron/README.md:3: these files are made up" in told


def test_registered_adapters_stay_in_order(checkout: Path) -> None:
    for code in ("zebra", "aardvark", "pay100", "pay20", "egret_two"):
        new_channel(code, title="某某支付", abilities=NOTHING, top=checkout)
    registry = (checkout / REGISTRY).read_text()
    assert (
        "        Zebra,\n        Aardvark,\n        Pay100,\n        Pay20,\n        EgretTwo,\n    )\n}\n" in registry
    )
    assert "ended with 0" in run(checkout, "-m", "ruff", "check", "--no-cache", str(REGISTRY))


@pytest.mark.parametrize("code", ["Heron", "h", "9heron", "he-ron", "import", "heron_", "order", "苍鹭", "a" * 21])
def test_a_code_must_be_a_name_of_its_own(checkout: Path, code: str) -> None:
    before = (checkout / REGISTRY).read_text()
    with pytest.raises(Unfit, match="code"):
        new_channel(code, title="苍鹭支付", abilities=NOTHING, top=checkout)
    assert (checkout / REGISTRY).read_text() == before


@pytest.mark.parametrize("title", ["", '"', "{{ 7 * 7 }}", "100%", "一" * 21, "两\n行"])
def test_a_title_is_a_name(checkout: Path, title: str) -> None:
    with pytest.raises(Unfit, match="title"):
        new_channel("heron", title=title, abilities=NOTHING, top=checkout)


@pytest.mark.parametrize("code", ["egret", "claims", "heron"])
def test_nothing_is_overwritten(checkout: Path, code: str) -> None:
    """An adapter, a test of something else, and a folder of samples that somebody began."""
    begun = checkout / "tests" / "channels" / "samples" / "heron" / "README.md"
    begun.parent.mkdir()
    begun.write_text("mine")
    before = {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()}
    with pytest.raises(Unfit, match="is there already and was left as it is"):
        new_channel(code, title="苍鹭支付", abilities=NOTHING, top=checkout)
    assert {path: path.read_bytes() for path in checkout.rglob("*") if path.is_file()} == before


def test_a_registry_that_was_rewritten_is_left_alone(checkout: Path) -> None:
    (checkout / REGISTRY).write_text("ADAPTERS = {}\n")
    with pytest.raises(Unfit, match="by hand"):
        new_channel("heron", title="苍鹭支付", abilities=NOTHING, top=checkout)
    assert not (checkout / "app/channels/adapters/heron.py").exists()


def test_it_wants_a_checkout(tmp_path: Path) -> None:
    with pytest.raises(Unfit, match="run it in a checkout"):
        new_channel("heron", title="苍鹭支付", abilities=NOTHING, top=tmp_path)


@pytest.mark.slow
def test_the_command_says_what_it_wrote_and_what_comes_next(checkout: Path) -> None:
    told = run(checkout, "-m", "app.cli", "channel", "new", "heron", "--title", "苍鹭支付", "--lists")
    assert told.endswith("ended with 0")
    for line in ("app/channels/adapters/heron.py", "./test tests/channels/test_heron.py", "docs/adding-a-channel.md"):
        assert line in told
    assert "class Heron(Adapter, BindsCards, ListsCards):" in (checkout / "app/channels/adapters/heron.py").read_text()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["egret", "--title", "白鹭支付"], "Error: app/channels/adapters/egret.py is there already"),
        (["heron", "--title", "苍鹭支付", "--figures", "--balance"], "choose one"),
        (["heron"], "Missing option '--title'"),
    ],
)
def test_the_command_says_what_it_cannot_do(arguments: list[str], sentence: str) -> None:
    told = CliRunner().invoke(main, ["channel", "new", *arguments])
    assert told.exit_code and sentence in told.output
