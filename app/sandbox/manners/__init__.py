"""The three companies. Each is one file: how it reads a request and how it words and signs what it says."""

from app.sandbox.manners.dolphin import Dolphin
from app.sandbox.manners.egret import Egret
from app.sandbox.manners.manner import Manner
from app.sandbox.manners.spruce import Spruce

MANNERS: dict[str, Manner] = {manner.code: manner for manner in (Dolphin(), Egret(), Spruce())}
