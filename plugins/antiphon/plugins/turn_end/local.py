"""LiveKit's end-of-turn model, run in this process.

The model (``turn-detector-v1-mini``) is part of ``livekit-local-inference``, which livekit-agents brings,
under LiveKit's model licence: free to use together with LiveKit Agents, as here, and with nothing else,
and what it answers must not train another model. It hears the last 1.2 s, the quiet at their end
included. It tells as well after 0.1 s of quiet as after 0.2 s, so it may be asked before the voice is
known to have stopped; after 0.3 s it tells less. A question takes about 130 ms of a core. One model
serves the process.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.endpointing.estimator import RATE_HZ
from antiphon.agents.errors import ConfigError

if TYPE_CHECKING:
    from livekit.local_inference import EOT

__all__ = ["LiveKitTurnEnd", "load"]

_HEARD: Final = 19_200  # samples, 1.2 s; what the model takes at most (its EOT_MAX_SAMPLES)
_LEAST: Final = RATE_HZ // 10  # samples; with less there is nothing to tell

_lock = threading.Lock()
_model: EOT | None = None


def _kind() -> type[EOT]:
    try:
        from livekit.local_inference import EOT
    except ImportError as error:
        raise ConfigError(
            "livekit-local-inference", "missing", "installed; reinstall livekit-agents"
        ) from error
    return EOT


def load() -> EOT:
    """The process's model, made at the first call and shared from then on.

    Raises:
        ConfigError: The package is not installed.
    """
    global _model
    with _lock:
        if _model is None:
            _model = _kind()()
        return _model


class LiveKitTurnEnd:
    """The estimator. Loads its model at the first question, or in `warm_up`.

    Raises:
        ConfigError: The package is not installed.
    """

    name = "livekit"

    def __init__(self) -> None:
        _kind()

    def warm_up(self) -> None:
        """Loads the model and runs it once: half a second that no call need wait for."""
        self.probability(np.zeros(_HEARD, dtype=np.int16), 0.1)

    def probability(self, audio: NDArray[np.int16], quiet_s: float) -> float | None:
        """The probability that the person has finished; None with less than 0.1 s of sound."""
        if len(audio) < _LEAST:
            return None
        return float(load().predict(np.ascontiguousarray(audio[-_HEARD:])))
