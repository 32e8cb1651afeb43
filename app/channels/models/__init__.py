"""The tables of the room."""

from app.channels.models.channel import (
    CallbackInbox,
    Channel,
    ChannelAccount,
    ChannelCall,
    ChannelSetting,
    ChannelTemplate,
    Claim,
    DailyFigures,
)
from app.channels.models.health import (
    CallTally,
    ChannelPause,
    HealthRule,
    Maintenance,
)
from app.channels.models.platform import (
    PlatformAccount,
    PlatformLink,
    UnsignedHandover,
)

__all__ = [
    "CallTally",
    "CallbackInbox",
    "Channel",
    "ChannelAccount",
    "ChannelCall",
    "ChannelPause",
    "ChannelSetting",
    "ChannelTemplate",
    "Claim",
    "DailyFigures",
    "HealthRule",
    "Maintenance",
    "PlatformAccount",
    "PlatformLink",
    "UnsignedHandover",
]
