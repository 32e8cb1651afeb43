"""Rules of ours that no linter knows (SECURITY 44), read from the syntax tree. Each is proved on code that breaks it."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
Rule = Callable[[ast.AST], bool]

SPEAKS_HTTP = {"requests", "httpx", "aiohttp", "urllib3", "urllib.request", "http.client", "pycurl", "websocket"}
OUTSIDE = {
    "app/runtime/http.py",  # the module
    "app/runtime/up.py",  # asks its own child whether it is ready
}
SECRET_PROOF = re.compile(r"(^|_)(signature|digest|mac|hmac|md5)($|_)|(^|_)sign$|(signature|digest)$")


def brings_http(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            found = [it.name for it in names]
        case ast.ImportFrom(module=str(module), names=names):
            found = [module, *(f"{module}.{it.name}" for it in names)]
        case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(module)), *_]):
            found = [module]
        case _:
            found = []
    return any(name == it or name.startswith(f"{it}.") for name in found for it in SPEAKS_HTTP)


def compares_a_proof(node: ast.AST) -> bool:
    """`==` tells by its time how much of a signature was right; `kernel.signing.same` does not."""
    if not isinstance(node, ast.Compare) or not any(isinstance(it, ast.Eq | ast.NotEq) for it in node.ops):
        return False
    sides = (node.left, *node.comparators)
    if any(_is_a_column(side) for side in sides):
        return False  # the database looks it up by an index
    return any(SECRET_PROOF.search(name) for side in sides for name in _named(side))


def _is_a_column(side: ast.expr) -> bool:
    """`RecoveryCode.code_mac`: of a table, not of a row."""
    return isinstance(side, ast.Attribute) and isinstance(side.value, ast.Name) and side.value.id[:1].isupper()


def _named(side: ast.expr) -> Iterator[str]:
    """The name of a value: `x.digest`, `digest(x)`, `reply["sign"]`, `digest(x).upper()`; not what it is an argument of."""
    match side:
        case ast.Name(id=name):
            yield name.lower()
        case ast.Attribute(value=value, attr=name):
            yield name.lower()
            if not isinstance(value, ast.Name):
                yield from _named(value)
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            yield name.lower()
        case ast.Call(func=func):
            yield from _named(func)
        case ast.Subscript(value=value, slice=ast.Constant(value=str(name))):
            yield name.lower()
        case ast.Subscript(value=value):
            yield from _named(value)


def makes_a_float(node: ast.AST) -> bool:
    """Money is `Money`; nothing in the house needs the rest."""
    match node:
        case ast.Call(func=ast.Name(id="float")):
            return True
        case ast.Call(func=ast.Name(id="map"), args=[ast.Name(id="float"), *_]):
            return True
    return False


def retries(node: ast.AST) -> bool:
    """RQ's Retry pays twice (RELIABILITY). Redis's own, about a lost connection, comes in as RedisRetry."""
    match node:
        case ast.Call(func=ast.Name(id="Retry") | ast.Attribute(attr="Retry")):
            return True
        case ast.ImportFrom(module=str(module), names=names) if module.split(".")[0] == "rq":
            return any(it.name == "Retry" for it in names)
        case ast.Call(func=ast.Attribute(attr="enqueue" | "enqueue_call" | "enqueue_in"), keywords=named):
            return any(it.arg == "retry" for it in named)
    return False


RULES: dict[Rule, set[str]] = {
    brings_http: OUTSIDE,
    compares_a_proof: set(),
    makes_a_float: set(),
    retries: set(),
}


def broken(rule: Rule, code: str) -> list[int]:
    """The lines that break it."""
    return [getattr(node, "lineno", 0) for node in ast.walk(ast.parse(code)) if rule(node)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_own_rules(rule: Rule) -> None:
    files = [*(TOP / "app").rglob("*.py"), TOP / "worker.py", TOP / "wsgi.py"]
    names = {str(path.relative_to(TOP)): path for path in files if "sandbox" not in path.parts}  # a company of its own
    assert len(names) > 80
    found = {name: lines for name, path in names.items() if (lines := broken(rule, path.read_text()))}
    assert {name: lines for name, lines in found.items() if name not in RULES[rule]} == {}
    assert set(found) >= RULES[rule], "an exception that nobody needs any more"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (brings_http, "import requests"),
        (brings_http, "import requests.adapters as a"),
        (brings_http, "def f():\n    from urllib3.util import Timeout"),
        (brings_http, "from urllib import request"),
        (brings_http, "import urllib.request"),
        (brings_http, "from http import client"),
        (brings_http, 'import_module("httpx")'),
        (compares_a_proof, "if given == signature: pass"),
        (compares_a_proof, "if signature != given: pass"),
        (compares_a_proof, "ok = withdrawal.approval != queries.digest(withdrawal)"),
        (compares_a_proof, 'if reply["sign"] == expected: pass'),
        (compares_a_proof, 'if reply.get("sign") == expected: pass'),
        (compares_a_proof, "if hmac_sha256(data, key) == it: pass"),
        (compares_a_proof, "if expected == hashlib.md5(data).hexdigest().upper(): pass"),
        (compares_a_proof, "if row.code_mac == it: pass"),
        (compares_a_proof, "if headers[name] == hmac.new(a, b, c).digest()[:16]: pass"),
        (makes_a_float, "minor = float(amount) * 100"),
        (makes_a_float, "minor = list(map(float, amounts))"),
        (retries, "queue.enqueue(work, retry=Retry(max=3))"),
        (retries, "queue.enqueue(work, retry=rq.Retry(3))"),
        (retries, "from rq.job import Retry"),
        (retries, "queue.enqueue(work, retry=policy)"),
    ],
)
def test_each_rule_sees_what_breaks_it(rule: Rule, code: str) -> None:
    assert broken(rule, code) != []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (brings_http, "import http\nfrom app.runtime import http as ours\nfrom urllib.parse import quote"),
        (compares_a_proof, "if signing.same(given, signature): pass"),
        (compares_a_proof, "if outcome == 'bad_signature': pass"),
        (compares_a_proof, "select(Code).where(Code.code_mac == mac)"),
        (compares_a_proof, "if declared == SIGNED_IN or verb == sign_in: pass"),
        (compares_a_proof, "if len(token) == 64 and design == plan: pass"),
        (makes_a_float, "def later(after_s: float) -> float: return after_s"),
        (retries, "redis = Redis(retry=RedisRetry(backoff, 3))"),
    ],
)
def test_no_rule_sees_ghosts(rule: Rule, code: str) -> None:
    assert broken(rule, code) == []
