"""Draws the operating curves: pictures for the documentation, from points and nothing else.

`Curves` is all that is drawn, and goes into a file beside the pictures, so that they can be drawn anew
without the hours of audio behind them: ``python -m antiphon.workers.replay.chart FOLDER``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from antiphon.agents.errors import MediaError
from antiphon.workers.replay import peers
from antiphon.workers.replay.curve import Point

__all__ = ["Curves", "draw", "read_curves"]

FILE: Final = "curves.json"
FLOOR: Final = "floor-curve.png"
ENDPOINTING: Final = "endpointing-curve.png"

Lines = Mapping[str, Sequence[Point]]


@dataclass(frozen=True, slots=True)
class Curves:
    """Points by the name of what was varied."""

    backchannels: Lines = field(default_factory=dict)
    """The floor: interruptions against backchannels."""
    others: Lines = field(default_factory=dict)
    """The floor: interruptions against all other sounds."""
    policies: Mapping[str, Sequence[Point]] = field(default_factory=dict)
    """Points of the policies, settings their names: ``backchannels`` and ``others``."""
    endings: Lines = field(default_factory=dict)
    """Endpointing."""
    note: str = ""
    """What was run, for the foot of the pictures."""


def read_curves(folder: Path) -> Curves:
    """What `draw` wrote.

    Raises:
        MediaError: It is not there, or is no such file.
    """
    path = folder / FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        lines = {
            name: {line: [Point(**point) for point in points] for line, points in data[name].items()}
            for name in ("backchannels", "others", "policies", "endings")
        }
        return Curves(**lines, note=data["note"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise MediaError("the curves cannot be read", value=f"{path}: {error}") from None


def draw(folder: Path, curves: Curves) -> list[Path]:
    """Draws `FLOOR` and `ENDPOINTING`, where there is something to draw, and writes `FILE`.

    Returns:
        The pictures.

    Raises:
        MediaError: matplotlib is not installed, or a file cannot be written.
    """
    try:
        from matplotlib.figure import Figure  # with no pyplot: nothing is global
    except ImportError as error:
        hint = 'Install it with: pip install "antiphon[local]"'
        raise MediaError("the curves need matplotlib", value=str(error), hint=hint) from None
    made: list[Path] = []
    try:
        (folder / FILE).write_text(json.dumps(asdict(curves), indent=1) + "\n", encoding="utf-8")
        if curves.others:
            figure = Figure(figsize=(12.4, 6.2), layout="constrained", facecolor="white")
            _floor(figure, curves)
            figure.savefig(folder / FLOOR, dpi=110)
            made.append(folder / FLOOR)
        if curves.endings:
            figure = Figure(figsize=(8.6, 5.8), layout="constrained", facecolor="white")
            _endings(figure, curves)
            figure.savefig(folder / ENDPOINTING, dpi=110)
            made.append(folder / ENDPOINTING)
    except OSError as error:
        raise MediaError("the curves cannot be written", value=f"{folder}: {error}") from None
    return made


_OURS: Final = "#7a3fa0"
_COLOURS: Final = ("#1f6fb2", _OURS, "#c0562b", "#555555")  # the last line is ours where there are two
_PEER: Final = "#8a8a8a"
_BENCH: Final = "#c0562b"
_GOOD: Final = "#2a9d5c"
_SMALL: Final = 8.0  # pt


def _floor(figure: Any, curves: Curves) -> None:
    left, right = figure.subplots(1, 2, sharey=True)
    for axis, lines, key in ((left, curves.backchannels, "backchannels"), (right, curves.others, "others")):
        axis.axvspan(-3, 5, ymin=0, ymax=1, color=_GOOD, alpha=0.07, linewidth=0)
        for (name, points), colour in zip(lines.items(), _COLOURS, strict=False):
            _line(axis, name, points, colour, x_scale=100)
        _policies(axis, curves.policies.get(key, ()))
        axis.plot([5], [98], marker="*", markersize=15, color=_GOOD, linestyle="", label="to reach", zorder=5)
        axis.set_xlim(-3, 103)
        axis.set_ylim(-3, 105)
    for peer in peers.TAU_VOICE:
        if peer.backchannels is not None:
            _peer(left, peer.name, peer.backchannels, peer.yields, _PEER, "D")
    _peer(left, "livekit-agents and pipecat, all four set-ups", 1.0, 1.0, _BENCH, "s", below=3)
    for number, peer in enumerate(peers.AT_EAR):
        if peer.others is not None:
            _peer(right, peer.name, peer.others, peer.yields, _BENCH, "s", below=1 + number % 2)
    adaptive = peers.LIVEKIT_ADAPTIVE
    assert adaptive.others is not None
    _peer(right, adaptive.name, adaptive.others, adaptive.yields, _PEER, "D", below=3)
    for axis, text in ((left, "tau-voice's figures (other clips)"), (right, "its maker's figure")):
        axis.plot([], [], marker="D", color=_PEER, markerfacecolor="none", linestyle="", label=text)
        axis.plot(
            [], [], marker="s", color=_BENCH, markerfacecolor="none", linestyle="", label="measured at an ear"
        )
        _dress(axis, legend="lower right")
    left.set_xlabel("backchannels that took the floor, %")
    right.set_xlabel("backchannels, coughs, laughs, noises that took the floor, %")
    left.set_ylabel("interruptions and commands that took the floor, %")
    left.set_title("The floor: interruptions against backchannels", loc="left", fontsize=11)
    right.set_title("… and against everything else", loc="left", fontsize=11)
    _foot(figure, curves.note)


def _endings(figure: Any, curves: Curves) -> None:
    axis = figure.subplots()
    axis.axhspan(-3, 8, color=_GOOD, alpha=0.07, linewidth=0)
    for (name, points), colour in zip(curves.endings.items(), ("#1f6fb2", _BENCH, _OURS), strict=False):
        _line(axis, name, points, colour, x_scale=1)
    for peer in peers.EOT_BENCH:
        x, y = (300.0, peer.ms_at_5_percent), (peer.cut_at_300_ms * 100, 5.0)
        axis.plot(
            x, y, color=_PEER, linewidth=0.7, linestyle=":", marker="D", markersize=4, markerfacecolor="w"
        )
        axis.annotate(peer.name, (x[0], y[0]), xytext=(-6, 3), textcoords="offset points", ha="right",
                      fontsize=_SMALL - 1, color=_PEER)  # fmt: skip
    axis.plot([], [], color=_PEER, linestyle=":", marker="D", markersize=4, markerfacecolor="w",
              label="eot-bench's figures (other clips)")  # fmt: skip
    axis.plot([350], [8], marker="*", markersize=15, color=_GOOD, linestyle="", label="to reach", zorder=5)
    axis.set_xlabel("from the end of a complete turn to its commit, ms (median; bars: quartiles)")
    axis.set_ylabel("incomplete turns cut off in their pause, %")
    axis.set_title("Endpointing", loc="left", fontsize=11)
    axis.set_xlim(0, 1700)
    axis.set_ylim(-3, 103)
    _dress(axis, legend="upper right")
    _foot(figure, curves.note)


def _line(axis: Any, name: str, points: Sequence[Point], colour: str, *, x_scale: float) -> None:
    x = np.array([p.x for p in points]) * x_scale
    y = np.array([p.y for p in points]) * 100
    up = np.clip(np.array([[p.y - p.y_low for p in points], [p.y_high - p.y for p in points]]) * 100, 0, None)
    side = np.clip(np.array([[p.x - p.x_low for p in points], [p.x_high - p.x for p in points]]), 0, None)
    axis.errorbar(
        x, y, yerr=up, xerr=side * x_scale, color=colour, ecolor=f"{colour}30", marker="o", markersize=4.5,
        linewidth=1.7, elinewidth=1, label=name, zorder=3,
    )  # fmt: skip
    last: tuple[float, float] | None = None
    for point, px, py in zip(points, x, y, strict=True):
        if last is None or abs(px - last[0]) + abs(py - last[1]) > (4 if x_scale == 100 else 40):
            axis.annotate(f"{point.setting:g}", (px, py), fontsize=_SMALL - 1, color=colour, xytext=(4, -9),
                          textcoords="offset points", zorder=4)  # fmt: skip
            last = px, py


def _policies(axis: Any, points: Sequence[Point]) -> None:
    for point, offset in zip(points, ((12, -14), (12, -2), (12, -26)), strict=False):
        x, y = point.x * 100, point.y * 100
        axis.plot([x], [y], marker="o", markersize=9, markerfacecolor="none", markeredgecolor="black",
                  markeredgewidth=1.4, linestyle="", zorder=6)  # fmt: skip
        axis.annotate(str(point.setting), (x, y), xytext=offset, textcoords="offset points", zorder=6,
                      fontsize=_SMALL + 0.5, fontweight="bold")  # fmt: skip


def _peer(axis: Any, name: str, x: float, y: float, colour: str, marker: str, *, below: int = 0) -> None:
    x, y = x * 100, y * 100
    axis.plot(
        [x], [y], marker=marker, markersize=6.5, color=colour, markerfacecolor="white", linestyle="", zorder=2
    )
    right = x > 60
    at = (-7 if right else 7, -3) if not below else (-2 if right else 2, -3 - 11 * below)
    axis.annotate(name, (x, y), xytext=at, textcoords="offset points", ha="right" if right else "left",
                  fontsize=_SMALL - 0.5, color=colour)  # fmt: skip


def _dress(axis: Any, *, legend: str) -> None:
    axis.grid(color="#e4e4e4", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.legend(loc=legend, frameon=True, framealpha=0.9, edgecolor="none", fontsize=_SMALL + 0.5)
    axis.spines[["top", "right"]].set_visible(False)


def _foot(figure: Any, note: str) -> None:
    if note:
        figure.supxlabel(note, fontsize=_SMALL, color="#666666")


if __name__ == "__main__":
    for picture in draw(Path(sys.argv[1]), read_curves(Path(sys.argv[1]))):
        print(picture)
