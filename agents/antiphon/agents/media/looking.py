"""What is found out about each window of the person's audio before the controller has it.

Whether it is the agent's echo, how it stands out, whether its pitch is a voice's, and what it adds to the
evidence. What costs something is looked at only where it can count. Decides nothing. Media thread.
"""

from __future__ import annotations

import math

from antiphon.agents.interruption import events as ev
from antiphon.agents.media.echo import EchoEstimator
from antiphon.agents.media.inquiries import Inquiries
from antiphon.agents.media.noting import EvidenceNotes
from antiphon.agents.media.router import Samples
from antiphon.agents.media.windows import level_dbfs
from antiphon.agents.options import TurnTaking

__all__ = ["Looking"]

_IS_VOICE = 0.5  # probability from which a window sounds like a voice
_MAY_BE_VOICE = 0.1  # probability below which a window is no voice whatever its level


class Looking:
    """One call's.

    Args:
        options: From which windows speech may begin.
        echo: Tells how much a window is like the agent's voice.
        inquiries: Keeps the window, and looks at its pitch.
        evidence: Takes the window.
    """

    def __init__(
        self, options: TurnTaking, echo: EchoEstimator, inquiries: Inquiries, evidence: EvidenceNotes
    ) -> None:
        self._echo = echo
        self._inquiries = inquiries
        self._evidence = evidence
        self.voice_at = -math.inf
        """When a window last sounded like a voice, s. Read from any thread."""
        self.change(options)

    def change(self, options: TurnTaking) -> None:
        """Looks by these numbers from now on."""
        # Softer windows may begin speech, too, where that is wanted: then they are looked at as well.
        self._enter = options.onset_enter
        self._soft = min(options.onset_rising, options.onset_pitched) < self._enter
        self._voice_from = _MAY_BE_VOICE if self._soft else options.onset_exit

    def window(self, at: float, window: Samples, speech: float) -> ev.VadFrame:
        """A window as the controller wants it.

        Args:
            at: Arrival of its last sample, s.
            window: Mono int16, 16 kHz, shape (512,). Kept: must not change.
            speech: The detector's probability, 0 to 1.
        """
        if speech >= _IS_VOICE:
            self.voice_at = at
        frame = self._echo.window(at, window)
        look = self._soft and _MAY_BE_VOICE <= speech < self._enter
        voicing = self._inquiries.window(at, window, frame, look=look)
        echo = self._echo.evidence().likeness if speech >= self._voice_from else 0.0
        level = level_dbfs(window) if self._soft else None
        self._evidence.window(at, window, speech, echo, level)
        return ev.VadFrame(at, speech, echo, level, voicing)

    def lose(self) -> None:
        """The audio has a gap."""
        self._inquiries.forget()
        self._evidence.lose()
