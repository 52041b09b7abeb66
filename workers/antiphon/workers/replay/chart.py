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
    names = {
        left: _Labels(left, (405, 390), (-3, 103), (33, 104)),
        right: _Labels(right, (405, 390), (-3, 103), (33, 104)),
    }
    for axis, lines, key in ((left, curves.backchannels, "backchannels"), (right, curves.others, "others")):
        axis.axvspan(-3, 5, ymin=0, ymax=1, color=_GOOD, alpha=0.07, linewidth=0)
        axis.plot([5], [98], marker="*", markersize=15, color=_GOOD, linestyle="", label="to reach", zorder=5)
        _policies(axis, names[axis], curves.policies.get(key, ()))
        for (name, points), colour in zip(lines.items(), _COLOURS, strict=False):
            _line(axis, names[axis], name, points, colour, x_scale=100)
    _peers(left, names[left], [(p.name, p.backchannels, p.yields) for p in peers.TAU_VOICE], _PEER, "D")
    _peers(left, names[left], [(p.name, p.backchannels, p.yields) for p in peers.AT_EAR], _BENCH, "s")
    _peers(right, names[right], [(p.name, p.others, p.yields) for p in peers.AT_EAR], _BENCH, "s")
    one = peers.LIVEKIT_ADAPTIVE
    _peers(right, names[right], [(one.name, one.others, one.yields)], _PEER, "D")
    for axis, text in (
        (left, "tau-voice's figures (other clips)"),
        (right, "its maker's figure (other clips)"),
    ):
        axis.plot([], [], marker="s", color=_BENCH, markerfacecolor="none", linestyle="",
                  label="others, measured at an ear (other clips)")  # fmt: skip
        axis.plot([], [], marker="D", color=_PEER, markerfacecolor="none", linestyle="", label=text)
        _dress(axis, legend="lower right")
    left.set_xlabel("backchannels that took the floor, %")
    right.set_xlabel("backchannels, coughs, laughs, noises that took the floor, %")
    left.set_ylabel("interruptions and commands that took the floor, %")
    left.set_title("The floor: interruptions against backchannels", loc="left", fontsize=11)
    right.set_title("… and against everything else", loc="left", fontsize=11)
    _foot(figure, curves.note)


def _endings(figure: Any, curves: Curves) -> None:
    axis = figure.subplots()
    names = _Labels(axis, (560, 350), (0, 1700), (-3, 103))
    axis.axhspan(-3, 8, color=_GOOD, alpha=0.07, linewidth=0)
    axis.plot([350], [8], marker="*", markersize=15, color=_GOOD, linestyle="", label="to reach", zorder=5)
    for (name, points), colour in zip(curves.endings.items(), ("#1f6fb2", _BENCH, _OURS), strict=False):
        _line(axis, names, name, points, colour, x_scale=1)
    for peer in peers.EOT_BENCH:
        x, y = (300.0, peer.ms_at_5_percent), (peer.cut_at_300_ms * 100, 5.0)
        axis.plot(
            x, y, color=_PEER, linewidth=0.7, linestyle=":", marker="D", markersize=4, markerfacecolor="w"
        )
        names.put(peer.name, x[0], y[0], _PEER, left=True)
    axis.plot([], [], color=_PEER, linestyle=":", marker="D", markersize=4, markerfacecolor="w",
              label="eot-bench's figures (other clips)")  # fmt: skip
    axis.set_xlabel(
        "from the end of a complete turn to its commit, ms (median; bars from 25th to 95th percentile)"
    )
    axis.set_ylabel("incomplete turns cut off in their pause, %")
    axis.set_title("Endpointing", loc="left", fontsize=11)
    _dress(axis, legend="upper right")
    _foot(figure, curves.note)


class _Labels:
    """Writes names beside their points, where no other name is yet; one that finds no place is left out.

    Args:
        axis: Of matplotlib.
        size: Its width and height, pt, about.
        x: Its range.
        y: Likewise.
    """

    def __init__(
        self, axis: Any, size: tuple[int, int], x: tuple[float, float], y: tuple[float, float]
    ) -> None:
        self._axis = axis
        self._x, self._y = x, y
        self._scale = size[0] / (x[1] - x[0]), size[1] / (y[1] - y[0])
        self._size = size
        self._taken: list[tuple[float, float, float, float]] = []
        axis.set_xlim(*x)
        axis.set_ylim(*y)

    def mark(self, x: float, y: float, radius: float = 4.0) -> None:
        """A point that no name is to lie on."""
        px, py = self._at(x, y)
        self._taken.append((px - radius, py - radius, px + radius, py + radius))

    def put(
        self, name: str, x: float, y: float, colour: str, *, size: float = 7.5, bold: bool = False,
        left: bool = False, below: bool = False,
    ) -> None:  # fmt: skip
        """Writes a name beside a point: ``left`` on its left side first, ``below`` under it, off the line."""
        px, py = self._at(x, y)
        wide, high = len(name) * size * 0.56, size * 1.1
        sides = (-7 - wide, 7) if left else (7, -7 - wide)
        near = [(dx, dy) for dy in (-high / 2, -high - 2, 4) for dx in sides]
        if below:
            near = [(dx, dy) for dy in (-high - 3, 3) for dx in (3, -3 - wide)] + near
        far = [
            (dx, -high - 2 - step * (high + 1)) for step in range(1, 7) for dx in (4, -4 - wide, -wide / 2)
        ]
        for dx, dy in near + far:
            box = px + dx, py + dy, px + dx + wide, py + dy + high
            inside = box[0] >= 0 and box[1] >= 0 and box[2] <= self._size[0] and box[3] <= self._size[1]
            line = {"arrowstyle": "-", "color": colour, "linewidth": 0.5} if dy < -high - 2 else None
            if inside and not any(_overlap(box, other) for other in self._taken):
                self._taken.append(box)
                self._axis.annotate(
                    name, (x, y), xytext=(dx, dy), textcoords="offset points", fontsize=size, color=colour,
                    fontweight="bold" if bold else "normal", zorder=6, va="bottom",
                    arrowprops=line,
                )  # fmt: skip
                return

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (x - self._x[0]) * self._scale[0], (y - self._y[0]) * self._scale[1]


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _line(
    axis: Any, names: _Labels, name: str, points: Sequence[Point], colour: str, *, x_scale: float
) -> None:
    x = np.array([p.x for p in points]) * x_scale
    y = np.array([p.y for p in points]) * 100
    up = np.clip(np.array([[p.y - p.y_low for p in points], [p.y_high - p.y for p in points]]) * 100, 0, None)
    side = np.clip(np.array([[p.x - p.x_low for p in points], [p.x_high - p.x for p in points]]), 0, None)
    axis.errorbar(
        x, y, yerr=up, xerr=side * x_scale, color=colour, ecolor=f"{colour}30", marker="o", markersize=4.5,
        linewidth=1.7, elinewidth=1, label=name, zorder=3,
    )  # fmt: skip
    for px, py in zip(x, y, strict=True):
        names.mark(px, py, 2.0)
    for point, px, py in zip(points, x, y, strict=True):
        names.put(f"{point.setting:g}", px, py, colour, size=7.0, below=True)


def _policies(axis: Any, names: _Labels, points: Sequence[Point]) -> None:
    for point in points:
        axis.plot([point.x * 100], [point.y * 100], marker="o", markersize=9, markerfacecolor="none",
                  markeredgecolor="black", markeredgewidth=1.4, linestyle="", zorder=6)  # fmt: skip
        names.mark(point.x * 100, point.y * 100, 5.0)
    for point in points:
        names.put(str(point.setting), point.x * 100, point.y * 100, "black", size=8.5, bold=True)


def _peers(
    axis: Any, names: _Labels, points: Sequence[tuple[str, float | None, float]], colour: str, marker: str
) -> None:
    """Those at the same place share a mark and a line of text."""
    places: dict[tuple[float, float], list[str]] = {}
    for name, x, y in points:
        if x is not None:
            places.setdefault((x * 100, y * 100), []).append(name)
    for x, y in places:
        axis.plot([x], [y], marker=marker, markersize=6.5, color=colour, markerfacecolor="white",
                  linestyle="", zorder=4)  # fmt: skip
        names.mark(x, y)
    for (x, y), there in places.items():
        short = list(dict.fromkeys(name.split(",")[0] for name in there))
        text = f"{' and '.join(short)}, all of them" if len(there) > 2 else ", ".join(there)
        names.put(text, x, y, colour)


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
