"""One HTML file that shows replays: sound to listen to, both waveforms, and what was decided when.

Nothing is fetched: pictures are drawn by the page itself from numbers in it, sound is Ogg Opus as base64
(WAV where no encoder is there), and a policy in its head forbids it the network. It works from a file.
"""

from __future__ import annotations

import base64
import html
import importlib.resources
import io
import json
import tempfile
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import av
import numpy as np

from antiphon.agents import timeline as tl
from antiphon.agents.media.router import Samples
from antiphon.workers.replay.engine import Replayed
from antiphon.workers.replay.scene import RATE_HZ
from antiphon.workers.replay.score import silences
from antiphon.workers.replay.sound import to_opus

__all__ = ["Shown", "write_page"]

_POINTS_A_S: Final = 200  # of a waveform


@dataclass(frozen=True, slots=True)
class Shown:
    """A replay on the page."""

    replayed: Replayed
    title: str
    outcome: str = ""
    """In a word or two; empty for a recording without a label."""
    right: bool | None = None
    """Whether that is what the label asks for."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Names and values for its head."""
    clip: tuple[float, float] | None = None
    """Where what is labelled begins and ends, s."""


def write_page(path: Path, shown: Sequence[Shown], *, title: str, setup: Mapping[str, str]) -> None:
    """Writes the page.

    Args:
        path: Where to.
        shown: In the order in which they are listed.
        title: Of the page.
        setup: What decided, as names and values.
    """
    template = importlib.resources.files("antiphon.workers.replay").joinpath("page.html")
    data = {
        "title": title,
        "setup": dict(setup),
        "replays": [_replay(one) for one in shown],
    }
    # "</" would end the script that carries the data.
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    page = template.read_text(encoding="utf-8")
    page = page.replace("__TITLE__", html.escape(title)).replace("__DATA__", text)
    path.write_text(page, encoding="utf-8")


def _replay(one: Shown) -> dict[str, object]:
    replayed = one.replayed
    return {
        "title": one.title,
        "outcome": one.outcome,
        "right": one.right,
        "facts": dict(one.facts),
        "clip": one.clip and [round(at, 3) for at in one.clip],
        "length": round(replayed.scene.length_s, 3),
        "caller": _wave(replayed.microphone),
        "agent": _wave(replayed.heard),
        "pointsPerSecond": _POINTS_A_S,
        "speech": [
            [round(at, 3), round(p, 3)]
            for at, p in zip(replayed.window_at_s.tolist(), replayed.speech.tolist(), strict=True)
        ],
        "evidence": [
            [round(at, 3), round(e.snr_db, 1), round(e.pitch_hz, 1), round(e.echo, 3), e.syllables]
            for at, e in replayed.evidence
        ],
        "replies": [round(reply.at_s, 3) for reply in replayed.scene.replies],
        "silences": [
            [round(s.began_s, 3), None if s.ended_s is None else round(s.ended_s, 3), s.yielded_s is not None]
            for s in silences(replayed.events)
        ],
        "voice": _voice(replayed.events, replayed.scene.length_s),
        "events": replayed.records(),
        "audio": _audio(replayed.microphone, replayed.heard),
    }


def _wave(samples: Samples) -> list[int]:
    """Peaks for drawing, lowest and highest in turns, -100 to 100."""
    step = RATE_HZ // _POINTS_A_S
    blocks = samples[: len(samples) // step * step].reshape(-1, step).astype(np.int32)
    if not len(blocks):
        return []
    ends = np.stack([blocks.min(axis=1), blocks.max(axis=1)], axis=1)
    scaled: list[int] = np.rint(ends.ravel() * (100 / 32768)).astype(int).tolist()
    return scaled


def _voice(events: Sequence[tl.Event], length_s: float) -> list[list[float]]:
    """Where the person was taken to speak: begin, end, and when that was found."""
    made: list[list[float]] = []
    for event in events:
        if isinstance(event, tl.Onset):
            made.append([round(event.began_at, 3), round(length_s, 3), round(event.at, 3)])
        elif isinstance(event, tl.SpeechEnded) and made:
            made[-1][1] = round(event.ended_at, 3)
    return made


def _audio(caller: Samples, agent: Samples) -> str:
    """Both as one stereo sound, as a data URL."""
    both = np.zeros((max(len(caller), len(agent)), 2), dtype=np.int16)
    both[: len(caller), 0] = caller
    both[: len(agent), 1] = agent
    with tempfile.TemporaryDirectory(prefix="antiphon-replay-") as folder:
        file = Path(folder) / "sound.ogg"
        try:
            to_opus(both, RATE_HZ, file)
            kind, sound = "audio/ogg", file.read_bytes()
        except (av.error.FFmpegError, ValueError):  # an FFmpeg built without Opus
            kind, sound = "audio/wav", _wav(both)
    return f"data:{kind};base64,{base64.b64encode(sound).decode()}"


def _wav(both: Samples) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(both.astype("<i2").tobytes())
    return buffer.getvalue()
