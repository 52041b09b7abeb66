from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.replay.corpus import COLUMNS, audio_root, read_manifest

HEAD = ",".join(COLUMNS)
GOOD = "a.flac,backchannel,en,mm,A,one,CC0,score,,,"


def manifest(folder: Path, *rows: str, head: str = HEAD) -> Path:
    path = folder / "some.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_rows_become_clips(tmp_path: Path) -> None:
    first, second = read_manifest(manifest(tmp_path, GOOD, 'x/b.flac,noise,,,,two,CC0,train,0.5,1.25,"a, b"'))
    assert (first.row, first.path, first.label, first.start_s, first.end_s) == (
        2,
        "a.flac",
        "backchannel",
        0,
        None,
    )
    assert (second.start_s, second.end_s, second.note, second.split) == (0.5, 1.25, "a, b", "train")
    assert (first.name, second.name) == ("backchannel/a", "noise/b@0.5")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a.flac,shout,en,mm,A,one,CC0,score,,,", "a label is not known"),
        ("a.flac,noise,en,mm,A,one,CC0,test,,,", "a split is not known"),
        ("a.flac,noise,en,mm,A,one,CC0,score,x,,", "start_s is no number"),
        ("a.flac,noise,en,mm,A,one,CC0,score,2,1,", "ends before it begins"),
        (",noise,en,mm,A,one,CC0,score,,,", "names no clip"),
        ("a.flac,noise,en,mm,A,,CC0,score,,,", "names no source"),
        ("a.flac,noise,en", "not as many fields"),
        ("a.flac,noise,en,mm,A,one,CC0,score,,,,,", "not as many fields"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    path = manifest(tmp_path, GOOD, row)
    with pytest.raises(MediaError, match=said) as caught:
        read_manifest(path)
    assert f"{path}, row 3" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("b.flac,noise,en,mm,B,one,CC0,train,,,", "source"),
        ("b.flac,noise,en,mm,A,two,CC0,train,,,", "speaker"),
        ("a.flac,noise,en,mm,B,two,CC0,train,,,", "file"),
    ],
)
def test_nothing_is_on_both_sides_of_the_split(tmp_path: Path, row: str, kind: str) -> None:
    path = manifest(tmp_path, GOOD, row)
    with pytest.raises(MediaError, match=f"a {kind} is on both sides"):
        read_manifest(path)


def test_a_manifest_has_its_columns_and_rows(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"lacks columns .*row 1: licence"):
        read_manifest(manifest(tmp_path, GOOD, head=HEAD.replace("licence,", "")))
    with pytest.raises(MediaError, match="no rows"):
        read_manifest(manifest(tmp_path))
    with pytest.raises(MediaError, match="cannot be read"):
        read_manifest(tmp_path / "none.csv")


def test_clips_are_found_beside_or_above_or_where_they_are_said_to_be(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "bench"
    folder.mkdir(parents=True)
    path = manifest(folder, GOOD)
    clips = read_manifest(path)
    with pytest.raises(MediaError, match=r"row 2: a\.flac.*--audio"):
        audio_root(path, clips)
    root = tmp_path / "shared" / "audio"
    root.mkdir(parents=True)
    (root / "a.flac").touch()
    assert audio_root(path, clips) == root
    with pytest.raises(MediaError, match="not there"):
        audio_root(path, clips, tmp_path)
    assert audio_root(path, clips, root) == root
