"""Verdicts: what a speech over the agent's voice was."""

from __future__ import annotations

from enum import Enum
from typing import Final

__all__ = ["WINDOW_S", "Verdict"]

WINDOW_S: Final = 0.032  # s; one Silero window, 512 samples at 16 kHz


class Verdict(Enum):
    """What a speech over the agent's voice was."""

    TURN = "turn"
    """The person wants the floor."""
    BACKCHANNEL = "backchannel"
    """The person listens ("mm-hm"), or it was no speech at all."""
    UNSURE = "unsure"
    """Cannot be told yet; counts as no answer."""
