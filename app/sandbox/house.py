"""The running program's few parts, and what its doors ask of them."""

from dataclasses import dataclass

from flask import current_app

from app.sandbox.pace import Pace
from app.sandbox.postman import Postman
from app.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class House:
    store: Store
    pace: Pace
    postman: Postman


def house() -> House:
    found = current_app.extensions["sandbox"]
    assert isinstance(found, House)
    return found
