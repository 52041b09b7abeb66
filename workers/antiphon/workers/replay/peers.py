"""What others reach, for the curves: points that somebody measured elsewhere or that we did at an ear.

None of them is over this corpus, so a point says where a system stands and not by how much it differs. Each
names its source; what a source does not say is not filled in, but for `AT_EAR`, whose interruptions were
a single clip, tried ten times, that ended every reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["AT_EAR", "EOT_BENCH", "LIVEKIT_ADAPTIVE", "TAU_VOICE", "EndPeer", "FloorPeer"]


@dataclass(frozen=True, slots=True)
class FloorPeer:
    """How a system takes sounds over its voice; shares, 0 to 1."""

    name: str
    yields: float
    """Of interruptions, those that ended the reply."""
    backchannels: float | None
    """Of backchannels, those that did; None where they were not told apart."""
    others: float | None
    """Of backchannels, coughs and noises together."""


@dataclass(frozen=True, slots=True)
class EndPeer:
    """How a system finds the end of a turn."""

    name: str
    cut_at_300_ms: float
    """False cutoffs, 0 to 1, where it answers after 300 ms."""
    ms_at_5_percent: float
    """Its latency, ms, where it cuts 5 % off."""


TAU_VOICE: Final = (
    FloorPeer("gpt-realtime-1.5", 1.00, 0.98, None),
    FloorPeer("gpt-realtime-2", 1.00, 0.98, None),
    FloorPeer("Gemini 3.1 Live", 0.52, 0.10, None),
    FloorPeer("Grok voice 2.0", 0.97, 0.53, None),
    FloorPeer("Qwen3.5-omni", 0.90, 0.16, None),
    FloorPeer("Cascade via LiveKit", 0.99, 0.33, None),
    FloorPeer("Pine Voice", 0.45, 0.03, None),
)
"""tau2-bench's voice track, arXiv 2603.13686: R_Y within 2 s, and 1 - S_BC."""

AT_EAR: Final = (
    FloorPeer("livekit-agents, server", 1.0, 1.0, 14 / 16),
    FloorPeer("livekit-agents, local", 1.0, 1.0, 8 / 16),
    FloorPeer("pipecat, server", 1.0, 1.0, 11 / 12),
    FloorPeer("pipecat, local", 1.0, 1.0, 4 / 12),
)
"""livekit-agents 1.8.9 and pipecat 1.14.0 over livekit-server, with the model's voice detection or their own
Silero, measured at a caller's ear: 12 to 16 clips of the folders that this corpus was made of."""

LIVEKIT_ADAPTIVE: Final = FloorPeer("LiveKit adaptive interruption", 1.0, None, 0.49)
"""LiveKit's own figures of its Cloud's model: recall 100 % at 500 ms of overlap, 51 % of false barge-ins
rejected."""

EOT_BENCH: Final = (
    EndPeer("LiveKit v1", 0.099, 543.0),
    EndPeer("Deepgram Flux", 0.129, 1151.0),
    EndPeer("LiveKit v1-mini", 0.278, 1070.0),
    EndPeer("Smart Turn v3.2", 0.352, 1051.0),
    EndPeer("VAD only", 0.556, 1600.0),
)
"""LiveKit's eot-bench."""
