"""The channels we speak. Adding one: write the file, add the class to this line."""

from app.channels.adapters.dolphin import Dolphin
from app.channels.adapters.egret import Egret
from app.channels.adapters.spruce import Spruce
from app.channels.contract import Adapter

ADAPTERS: dict[str, type[Adapter]] = {adapter.code: adapter for adapter in (Dolphin, Egret, Spruce)}
