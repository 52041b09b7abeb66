from __future__ import annotations

import sys
from pathlib import Path

import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.replay.chart import Curves, draw, read_curves
from antiphon.workers.replay.curve import Point

POINTS = [Point(0.3, 0.4, 0.2, 0.6, 1.0, 0.9, 1.0), Point(0.6, 0.1, 0.0, 0.2, 0.9, 0.7, 1.0)]
NAMED = [Point("balanced", 0.1, 0.0, 0.2, 0.9, 0.7, 1.0)]
CURVES = Curves(
    backchannels={"a": POINTS},
    others={"a": POINTS, "b": POINTS},
    policies={"others": NAMED, "backchannels": NAMED},
    endings={"a": POINTS},
    note="a note",
)


def size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")


def test_pictures_are_drawn_and_their_points_kept(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    made = draw(tmp_path, CURVES)
    assert [path.name for path in made] == ["floor-curve.png", "endpointing-curve.png"]
    assert all(min(size(path)) > 500 for path in made)
    assert read_curves(tmp_path) == CURVES


def test_the_same_points_give_the_same_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    first = [path.read_bytes() for path in draw(tmp_path, CURVES)]
    assert [path.read_bytes() for path in draw(tmp_path, read_curves(tmp_path))] == first


def test_what_was_not_run_is_not_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert [path.name for path in draw(tmp_path, Curves(endings={"a": POINTS}))] == ["endpointing-curve.png"]


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(MediaError, match="the curves cannot be written"):
        draw(tmp_path / "none", CURVES)
    with pytest.raises(MediaError, match=r"the curves cannot be read .*curves\.json"):
        read_curves(tmp_path)
    (tmp_path / "curves.json").write_text('{"others": {}}')
    with pytest.raises(MediaError, match=r"the curves cannot be read .*curves\.json"):
        read_curves(tmp_path)


def test_without_matplotlib_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MediaError, match="matplotlib"):
        draw(tmp_path, CURVES)
