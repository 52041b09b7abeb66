"""Silero voice activity detection over numpy windows, one ONNX session a process.

`SileroVad` gives the speech probability of each 32 ms window; it decides nothing (the onset detector
of `antiphon.agents.interruption` does). The model file is the one that ships in
livekit-plugins-silero (Silero VAD v6, MIT).
"""

from antiphon.plugins.silero.vad import WINDOW_SAMPLES, SileroVad, load

__all__ = ["WINDOW_SAMPLES", "SileroVad", "load"]
