"""One call: the session, its floor, its media plane and its timeline.

The names load when first used: the command must answer ``--help`` without a second of imports.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from antiphon.agents.errors import AntiphonError, ConfigError, ModelError, RoomError
    from antiphon.agents.media.apm import AudioProcessing
    from antiphon.agents.options import TurnTaking
    from antiphon.agents.session import VoiceSession
    from antiphon.agents.timeline import Timeline
    from antiphon.agents.usage.budget import Budget

__all__ = [
    "AntiphonError",
    "AudioProcessing",
    "Budget",
    "ConfigError",
    "ModelError",
    "RoomError",
    "Timeline",
    "TurnTaking",
    "VoiceSession",
]

_HOME = {
    "AntiphonError": "errors",
    "AudioProcessing": "media.apm",
    "Budget": "usage.budget",
    "ConfigError": "errors",
    "ModelError": "errors",
    "RoomError": "errors",
    "Timeline": "timeline",
    "TurnTaking": "options",
    "VoiceSession": "session",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
