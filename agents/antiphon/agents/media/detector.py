"""The voice detector a call uses when it is given none.

This root knows no plugin; a distribution names its detector as an entry point of the group
``antiphon.voice_detector``, whose value is a callable without arguments that makes one for each call.
Ours names Silero.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import entry_points

from antiphon.agents.errors import MisuseError
from antiphon.agents.media.ingress import VoiceDetector

__all__ = ["GROUP", "default_detector", "warm_up"]

GROUP = "antiphon.voice_detector"


@functools.cache
def _default() -> Callable[[], VoiceDetector]:
    found = sorted(entry_points(group=GROUP), key=lambda point: (point.name != "silero", point.name))
    if not found:
        raise MisuseError(
            "no voice detector is installed",
            value=GROUP,
            hint="Reinstall antiphon, or give VoiceSession a voice_detector.",
        )
    made: Callable[[], VoiceDetector] = found[0].load()
    return made


def warm_up() -> None:
    """Loads the installed detector's model, so that the first call need not wait for it (150 ms)."""
    if entry_points(group=GROUP):
        _default()()


def default_detector() -> VoiceDetector:
    """A new detector of the installed kind; Silero comes first."""
    return _default()()
