"""The manifest itself: that it can be read, and that nothing scored on is trained on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from antiphon.workers.replay.corpus import LABELS, read_manifest

MANIFEST = Path(__file__).with_name("corpus.csv")


def test_it_is_read_whole() -> None:
    clips = read_manifest(MANIFEST)  # raises if a speaker or a source is on both sides
    assert len(clips) == len(MANIFEST.read_text(encoding="utf-8").splitlines()) - 1


def test_every_label_is_scored_on_several_clips() -> None:
    counted = Counter(clip.label for clip in read_manifest(MANIFEST) if clip.split == "score")
    assert set(counted) == set(LABELS)
    assert counted["interruption"] >= 40
    assert min(counted["command"], counted["backchannel"], counted["noise"]) >= 10


def test_names_are_their_own() -> None:
    names = Counter((clip.name, clip.label) for clip in read_manifest(MANIFEST))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_row_says_where_it_is_from_and_under_what_licence() -> None:
    for clip in read_manifest(MANIFEST):
        assert clip.source, clip.row
        assert clip.licence, clip.row
