from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.errors import ConfigError, MediaError
from antiphon.plugins.judges.training.corpus import load, read, shared_speakers

DATA = Path(__file__).parents[3] / "data"
HEAD = "path,label,speaker,source,licence,split,start_s,end_s,language\n"


def listed(folder: Path, rows: str) -> Path:
    file = folder / "corpus.csv"
    file.write_text(HEAD + rows)
    return file


def test_a_row_becomes_a_clip_and_its_stretch_of_sound(tmp_path: Path) -> None:
    rows = (
        "jfk.flac,complete,JFK,whisper,public domain,score,1.0,2.5,en\n"
        "keystrokes_0.flac,noise,,livekit,Apache-2.0,train,,,\n"
    )
    speech, noise = read(listed(tmp_path, rows), DATA)
    assert (speech.kind, speech.group, speech.split) == ("turn", "JFK", "score")
    assert (noise.kind, noise.group, noise.end_s) == ("noise", "livekit", None)
    sound = load(speech)
    assert sound.shape == (24_000,)
    assert sound.dtype == np.float32
    assert 0.01 < np.abs(sound).max() <= 1
    assert load(noise).size > 8_000


def test_a_speaker_in_both_splits_is_found(tmp_path: Path) -> None:
    rows = "a.flac,backchannel,A,s,,train,,,\nb.flac,turn,A,t,,score,,,\nc.flac,turn,B,t,,score,,,\n"
    assert shared_speakers(read(listed(tmp_path, rows), DATA)) == {"A"}


def test_a_wrong_row_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"corpus\.csv, row 3"):
        read(listed(tmp_path, "a.flac,x,,,,train,,,\nb.flac,x,,,,train,soon,,\n"), DATA)
    (tmp_path / "other.csv").write_text("file,label\na.flac,noise\n")
    with pytest.raises(ConfigError, match=r"other\.csv, row 2"):
        read(tmp_path / "other.csv", DATA)
    with pytest.raises(ConfigError, match="readable"):
        read(tmp_path / "missing.csv", DATA)


def test_a_clip_that_is_no_sound_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.flac").write_text("words")
    for name in ("text.flac", "missing.flac"):
        (clip,) = read(listed(tmp_path, f"{name},noise,,,,train,,,\n"), tmp_path)
        with pytest.raises(MediaError, match=name.replace(".", r"\.")):
            load(clip)
