"""Who gets in where: tried out for every route and every built-in role, and compared with a table that a reviewer can read.

`access-matrix.csv` changes only on purpose: a mismatch leaves what was found in `test-results/access-matrix.csv`.
"""

import csv
import io
from pathlib import Path

from flask import Flask

from app.auth.permissions import PUBLIC, Role
from tests.house.test_routes import Visitor, _declared, _doors, _visit_as

ONE_ENGINE = True

GOLDEN = Path(__file__).with_name("access-matrix.csv")
FOUND = Path(__file__).parents[2] / "test-results" / "access-matrix.csv"
NOBODY = "nobody"


def test_the_matrix_is_the_one_that_was_reviewed(app: Flask) -> None:
    app.test_client_class = Visitor
    visitors = {NOBODY: app.test_client()} | {str(role): _visit_as(app, role)[0] for role in Role}
    lines = []
    for rule, method, path in _doors(app):
        view, declared = app.view_functions[rule.endpoint], _declared(app, rule)
        if rule.endpoint == "live.stream":
            outcomes = ["sign in", *["open"] * len(Role)]  # a stream would not end; its tests are in tests/live
        else:
            outcomes = [
                _word(visitor.open(path, method=method).status_code, name, declared)
                for name, visitor in visitors.items()
            ]
        lines.append([rule.rule, method, str(declared), "yes" if getattr(view, "proof", False) else "", *outcomes])
    head = ["address", "method", "needs", "asks who you are", *visitors]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *sorted(lines)])
    if not GOLDEN.exists() or GOLDEN.read_text() != text.getvalue():
        FOUND.parent.mkdir(exist_ok=True)
        FOUND.write_text(text.getvalue())
    assert text.getvalue().splitlines() == (GOLDEN.read_text().splitlines() if GOLDEN.exists() else [])


def _word(status: int, name: str, declared: object) -> str:
    """What an answer means for somebody at this door. A deed without a page's token is stopped after the door: 400."""
    assert status < 500 or status == 503, f"{declared} for {name}: {status}"
    if status == 403:
        return "refused"
    if status == 303 and name == NOBODY and declared != PUBLIC:
        return "sign in"
    return "open"
