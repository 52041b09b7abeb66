"""A call as one picture: two waveforms on one clock, with everything that was decided marked.

Above the person, below the agent. Spans where the agent's voice was held are shaded; what was yielded,
committed and cut is a line across both with its name; the agent's state is a band; the words stand
under the axis. Drawn with matplotlib (extra ``local``).
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MediaError

__all__ = ["draw_call"]

_PERSON, _AGENT, _INK = "#2563a8", "#b4541a", "#222222"
_STATES = {
    "initializing": "#d9d9d9",
    "listening": "#cfe3d4",
    "thinking": "#f2e3b3",
    "speaking": "#f0cdb8",
    "idle": "#e8e8e8",
}
# What is marked, its name, colour and line.
_MARKS: dict[type[Any], tuple[str, str, str]] = {
    tl.Onset: ("onset", "#2563a8", ":"),
    tl.Hold: ("hold", "#7a3fa0", "-"),
    tl.Resume: ("resume", "#2e8b57", "-"),
    tl.Yield: ("yield", "#c0272d", "-"),
    tl.Truncation: ("truncation", "#c0272d", ":"),
    tl.Commit: ("commit", "#222222", "--"),
    tl.Discard: ("discard", "#8a8a8a", ":"),
    tl.FirstAudio: ("first audio", "#b4541a", ":"),
    tl.ToolCall: ("tool", "#00707a", "-."),
    tl.Failure: ("failure", "#c0272d", "-"),
}
_WIDTH_IN_PER_S = 0.55
_LONGEST_NAME = 28  # letters; a tool may be called anything
_ROWS = 4  # heights at which labels stand, so that neighbours do not collide


def draw_call(
    path: str | Path,
    *,
    caller: NDArray[np.int16],
    agent: NDArray[np.int16],
    rate_hz: int,
    start: float,
    events: Sequence[tl.Event],
    lines: Sequence[tuple[float, str, str]] = (),
) -> None:
    """Draws a PNG.

    Args:
        path: Where to.
        caller: The person's sound, mono int16, shape (n,).
        agent: The agent's sound, likewise.
        rate_hz: Of both.
        start: The moment of their first sample on the events' clock, s.
        events: The timeline.
        lines: Transcript as (time, ``user`` or ``agent``, words).

    Raises:
        MediaError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # with no pyplot: any thread may draw, and nothing is global
    except ImportError as error:
        hint = 'Install it with: pip install "antiphon[local]"'
        raise MediaError("the picture needs matplotlib", value=str(error), hint=hint) from None

    length = max(max(len(caller), len(agent)) / rate_hz, 0.1)
    width = float(np.clip(length * _WIDTH_IN_PER_S, 11, 60))
    figure = Figure(figsize=(width, 6.4), layout="constrained", facecolor="white")
    labels, person, voice, words = figure.subplots(4, 1, sharex=True, height_ratios=[1.15, 2, 2, 1.5])
    events = sorted(events, key=lambda event: event.at)
    _wave(person, caller, rate_hz, _PERSON, "caller")
    _wave(voice, agent, rate_hz, _AGENT, "agent")
    _states(voice, events, start, length)
    _holds(voice, events, start, length)
    _marks(labels, (person, voice), events, start, length, width)
    _words(words, lines, start, length, width)
    words.set_xlim(0, length)
    words.set_xlabel("seconds")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # boxes, where no font has it
        figure.savefig(path, dpi=110)


def _wave(axis: Any, samples: NDArray[np.int16], rate_hz: int, colour: str, name: str) -> None:
    step = max(rate_hz // 200, 1)
    count = len(samples) // step
    blocks = samples[: count * step].reshape(count, step).astype(np.float32) / 32768
    if count:
        at = np.arange(count) * step / rate_hz
        axis.fill_between(at, blocks.min(axis=1), blocks.max(axis=1), color=colour, linewidth=0)
    peak = float(np.abs(blocks).max()) if count else 0.0
    axis.set_ylim(*(np.array([-1.25, 1.25]) * max(peak, 0.05)))
    axis.set_yticks([])
    axis.set_ylabel(name, color=colour, fontsize=11)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _states(axis: Any, events: Sequence[tl.Event], start: float, length: float) -> None:
    states = [event for event in events if isinstance(event, tl.AgentState)]
    low, high = axis.get_ylim()
    for index, event in enumerate(states):
        begin = max(event.at - start, 0.0)
        end = states[index + 1].at - start if index + 1 < len(states) else length
        if end <= begin:
            continue
        axis.axvspan(begin, end, ymax=0.09, color=_STATES.get(event.state, "#dddddd"), linewidth=0)
        if end - begin > 0.8:
            axis.text(
                begin + 0.05, low + (high - low) * 0.02, event.state, fontsize=7, color=_INK, va="bottom"
            )


def _holds(axis: Any, events: Sequence[tl.Event], start: float, length: float) -> None:
    held: float | None = None
    for event in events:
        if isinstance(event, tl.Hold):
            held = event.at - start
        elif isinstance(event, tl.Resume | tl.Yield) and held is not None:
            axis.axvspan(held, event.at - start, color="#7a3fa0", alpha=0.16, linewidth=0)
            held = None
    if held is not None:
        axis.axvspan(held, length, color="#7a3fa0", alpha=0.16, linewidth=0)


def _marks(
    labels: Any, axes: Sequence[Any], events: Sequence[tl.Event], start: float, length: float, width: float
) -> None:
    labels.set_ylim(0, _ROWS)
    labels.axis("off")
    taken = [-1e9] * _ROWS
    a_letter = length / width * 0.075
    for event in sorted(events, key=lambda e: e.at):
        mark = _MARKS.get(type(event))
        at = event.at - start
        if mark is None or not 0 <= at <= length:
            continue
        name, colour, style = mark
        if isinstance(event, tl.ToolCall):
            name = f"tool {event.name}"
        if isinstance(event, tl.Resume | tl.Yield | tl.Discard) and event.reason:
            name = f"{name} ({event.reason})"
        name = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
        row = min(range(_ROWS), key=lambda r: (taken[r] > at, taken[r] if taken[r] > at else r))
        taken[row] = at + a_letter * (len(name) + 2)
        height = _ROWS - 1 - row
        labels.plot([at, at], [-0.2, height + 0.35], color=colour, linestyle=style, linewidth=0.9)
        labels.text(
            at + a_letter * 0.4, height + 0.3, name, fontsize=7.5, color=colour, va="center", parse_math=False
        )
        for axis in axes:
            axis.axvline(at, color=colour, linestyle=style, linewidth=0.9, alpha=0.85)


def _words(
    axis: Any, lines: Sequence[tuple[float, str, str]], start: float, length: float, width: float
) -> None:
    axis.set_ylim(0, 4)
    axis.set_yticks([])
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    spoken = [(at - start, who, text.strip()) for at, who, text in lines if text.strip()]
    for who, height, colour in (("user", 3.8, _PERSON), ("agent", 1.9, _AGENT)):
        own = [(max(at, 0.0), text) for at, speaker, text in spoken if speaker == who]
        for index, (at, text) in enumerate(own):
            until = own[index + 1][0] if index + 1 < len(own) else length
            letters = max(int((until - at) / length * width / 0.068), 12)
            shown = textwrap.fill(textwrap.shorten(text, letters * 3, placeholder=" …"), letters)
            axis.text(
                at,
                height,
                shown,
                fontsize=7.5,
                color=colour,
                va="top",
                ha="left",
                clip_on=True,
                parse_math=False,
            )
