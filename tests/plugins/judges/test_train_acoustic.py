from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from antiphon.plugins.judges import train_acoustic
from antiphon.plugins.judges.acoustic import AcousticJudge
from antiphon.plugins.judges.training import voices

DATA = Path(__file__).parents[2] / "data"
HEAD = "path,label,speaker,source,licence,split,start_s,end_s,language\n"
ROWS = (
    "en_ami_mm_1.flac,backchannel,A,ami,CC BY,score,,,en\n"
    "en_ast_hang_on_a_second.flac,interruption,B,asterisk,CC BY-SA,score,,,en\n"
    "keystrokes_0.flac,noise,,livekit,Apache-2.0,train,,,\n"
)


async def fake_speak(texts: Sequence[tuple[str, str]], **_: object) -> list[voices.Utterance]:
    """A tone for each kind, in place of a voice."""
    made = []
    for kind, pitch in (("turn", 180), ("backchannel", 120), ("vocal", 400)):
        t = np.arange(16_000) / 16_000
        sound = (0.3 * np.sin(2 * np.pi * pitch * t) * np.sin(np.pi * 4 * t) ** 2).astype(np.float32)
        made += [voices.Utterance("x", kind, f"{kind} {n}", sound) for n in range(2)]
    return made


@pytest.fixture
def listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(voices, "speak", fake_speak)
    (tmp_path / "corpus.csv").write_text(HEAD + ROWS)
    return tmp_path / "corpus.csv"


def command(listing: Path, out: Path, *more: str) -> list[str]:
    basics = ["--audio", str(DATA), "--manifest", str(listing), "--out", str(out), "--workers", "0"]
    return [*basics, "--made", "6", "--hidden", "4", "--networks", "1", "--steps", "40", *more]


def test_it_trains_says_how_good_it_is_and_repeats_itself(
    listing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_acoustic.main(command(listing, tmp_path / "one.npz")) == 0
    assert "| first pause | 1 / 1 / 0 |" in capsys.readouterr().out
    assert train_acoustic.main(command(listing, tmp_path / "two.npz")) == 0
    one, two = (np.load(tmp_path / name) for name in ("one.npz", "two.npz"))
    with one, two:
        assert all(np.array_equal(one[name], two[name]) for name in one.files)
    assert AcousticJudge(tmp_path / "one.npz").name == "acoustic"


def test_a_speaker_in_both_splits_stops_it(
    listing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listing.write_text(HEAD + ROWS + "jfk.flac,complete,A,whisper,,train,,,en\n")
    assert train_acoustic.main(command(listing, tmp_path / "one.npz")) == 2
    assert "no speaker in both splits" in capsys.readouterr().err
    assert not (tmp_path / "one.npz").exists()


def test_a_missing_list_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_acoustic.main(command(tmp_path / "none.csv", tmp_path / "one.npz")) == 2
    assert "none.csv" in capsys.readouterr().err
