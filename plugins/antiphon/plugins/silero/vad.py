"""A speech probability for each 512-sample window at 16 kHz.

One ONNX session serves the whole process: it is stateless, and each stream carries its own recurrent
state and context. A window costs about 80 us of one core; nothing here blocks longer, so it may run on
a media loop. Inference releases the GIL.

Model: Silero VAD (github.com/snakers4/silero-vad): input (1, 64 + 512) float32, 64 samples of the
window before as context; state (2, 1, 128) float32.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError

__all__ = ["RATE_HZ", "WINDOW_SAMPLES", "SileroVad", "load"]

RATE_HZ = 16_000  # Hz; the model also takes 8 kHz, which is less accurate
WINDOW_SAMPLES = 512  # 32 ms; the only size that the v5 and v6 models take at 16 kHz
_CONTEXT_SAMPLES = 64
_SCALE = np.float32(1 / 32768)

_lock = threading.Lock()
_session: Any = None


def _model_path() -> Path:
    """The model file of livekit-plugins-silero, found without importing the package: that registers a
    plugin, which livekit-agents allows on the main thread only."""
    spec = importlib.util.find_spec("livekit.plugins.silero")
    if spec is None or spec.origin is None:
        raise ConfigError("livekit-plugins-silero", "missing", "installed; reinstall antiphon")
    return Path(spec.origin).parent / "resources" / "silero_vad.onnx"


def load() -> Any:
    """The process's ONNX session, made at the first call (about 50 ms) and shared from then on."""
    global _session
    with _lock:
        if _session is None:
            model = _model_path()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1  # more threads cost more than they bring at this size
            options.inter_op_num_threads = 1
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            options.log_severity_level = 3
            _session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        return _session


class SileroVad:
    """The detector's state for one audio stream. Not to be shared between streams."""

    window_samples = WINDOW_SAMPLES
    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self._session = load()
        self._rate = np.array(RATE_HZ, dtype=np.int64)
        self._input = np.zeros((1, _CONTEXT_SAMPLES + WINDOW_SAMPLES), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)

    def reset(self) -> None:
        """Forgets what was heard: for a new track, or after a gap."""
        self._input.fill(0)
        self._state.fill(0)

    def window(self, samples: NDArray[np.int16]) -> float:
        """The probability of speech, 0 to 1, in one window.

        Args:
            samples: Shape (512,), int16, mono, 16 kHz. Windows follow each other without a gap.

        Raises:
            ValueError: The window has another size.
        """
        if samples.shape != (WINDOW_SAMPLES,):
            raise ValueError(f"a window has {WINDOW_SAMPLES} samples, not {samples.shape}")
        self._input[0, :_CONTEXT_SAMPLES] = self._input[0, -_CONTEXT_SAMPLES:]
        np.multiply(samples, _SCALE, out=self._input[0, _CONTEXT_SAMPLES:])
        probability, self._state = self._session.run(
            None, {"input": self._input, "state": self._state, "sr": self._rate}
        )
        return float(probability[0, 0])
