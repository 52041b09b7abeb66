"""What is replayed: a person's sound, an agent's replies, and how the one leaks into the other.

A scene is plain data, in 24 kHz mono int16 and seconds from its beginning. It says nothing of what should
happen: labels are the corpus's (`corpus.py`), cuts and levels the mixer's (`mix.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from antiphon.agents.media.call import RATE_HZ
from antiphon.agents.media.router import Samples
from antiphon.workers.caller.recording import voice_spans

__all__ = ["RATE_HZ", "Echo", "Reply", "Scene", "from_call"]

BETWEEN_REPLIES_S: Final = 0.9  # s of silence that parts two replies of a recording; chosen: above the
# longest pause inside a sentence of the recorded agents, below the shortest exchange
LEAD_IN_S: Final = 0.04  # s taken along before and after a recorded reply, so that no breath is cut


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of the agent's, as it comes from the model: all at once, faster than it is heard."""

    at_s: float
    """When its audio arrives, s."""
    audio: Samples
    """Mono, 24 kHz."""


@dataclass(frozen=True, slots=True)
class Echo:
    """How the agent's voice gets from the person's loudspeaker into the person's microphone."""

    gain_db: float
    """Level of it in the microphone against what was played, dB; below 0."""
    delay_s: float = 0.12
    """From the ear to the microphone, codecs and jitter buffers included, s; chosen: a browser's."""
    room_s: float = 0.06
    """Time in which the room's answer falls by 60 dB, s; chosen: a small furnished room, near field."""

    def response(self) -> Samples:
        """The way as an impulse response without its delay, float32, unit energy times the gain.

        A seeded decaying noise behind a direct sound: the same each time.
        """
        count = max(round(self.room_s * RATE_HZ), 1)
        taps = np.random.default_rng(7).standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
        taps *= 0.35
        taps[0] = 1.0
        taps /= np.sqrt(np.sum(taps**2))
        made: Samples = (taps * 10 ** (self.gain_db / 20)).astype(np.float32)
        return made


@dataclass(frozen=True, slots=True)
class Scene:
    """A call to be replayed."""

    name: str
    caller: Samples = field(repr=False)
    """The person's microphone without the echo that is simulated, mono, 24 kHz; its length is the scene's."""
    replies: tuple[Reply, ...] = ()
    echo: Echo | None = None

    @property
    def length_s(self) -> float:
        """s."""
        return len(self.caller) / RATE_HZ


def from_call(name: str, caller: Samples, agent: Samples) -> Scene:
    """A scene of a recording in which the two can be told apart, as `agent call` writes it.

    Each stretch of the agent's voice becomes one reply that arrives when it was heard to begin; silences
    shorter than `BETWEEN_REPLIES_S` belong to it. What a recorded agent left unsaid because it was
    interrupted is not known: its reply ends where it was cut.

    Args:
        name: Of the scene.
        caller: The person, mono, 24 kHz.
        agent: The agent as heard, likewise.
    """
    replies = []
    for began, ended in voice_spans(agent, RATE_HZ, threshold_dbfs=-50.0, gap_s=BETWEEN_REPLIES_S):
        first = max(round((began - LEAD_IN_S) * RATE_HZ), 0)
        last = round((ended + LEAD_IN_S) * RATE_HZ)
        replies.append(Reply(first / RATE_HZ, agent[first:last]))
    length = max(len(caller), len(agent))
    whole = np.concatenate([caller, np.zeros(length - len(caller), np.int16)])
    return Scene(name, whole, tuple(replies))


def sum_of(parts: Sequence[tuple[int, Samples]], length: int) -> Samples:
    """Sounds laid over each other, each at its first sample; cut at full scale and at ``length``."""
    out = np.zeros(length, dtype=np.int32)
    for first, samples in parts:
        kept = out[first : first + len(samples)]
        kept += samples[: len(kept)]
    return np.clip(out, -32768, 32767).astype(np.int16)
