from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from antiphon.plugins.judges.training import kokoro
from antiphon.plugins.judges.training.corpus import load, read


class FakeKokoro:
    """A tone for each phrase."""

    spoken: list[str]

    def __init__(self, model: bytes, vocabulary: dict[str, int]) -> None:
        assert model == b"part one, part two"
        FakeKokoro.spoken = []

    def speak(
        self, phonemes: str, voice: NDArray[np.float32], *, english: bool, speed: float
    ) -> NDArray[np.float32]:
        FakeKokoro.spoken.append(phonemes)
        assert voice.shape == (3, 256)
        assert 0.8 < speed < 1.4
        return (0.2 * np.sin(np.arange(4_000) / 10)).astype(np.float32)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(kokoro, "Kokoro", FakeKokoro)
    (tmp_path / "1.bin").write_bytes(b"part one, ")
    (tmp_path / "2.bin").write_bytes(b"part two")
    (tmp_path / "vocab.json").write_text(json.dumps({"vocab": {"a": 1}}))
    (tmp_path / "voices").mkdir()
    for name in ("af_one", "zm_two", "xx_unknown"):
        np.zeros((3, 1, 256), dtype="<f4").tofile(tmp_path / "voices" / f"{name}.bin")
    return [
        *("--model", str(tmp_path / "1.bin"), str(tmp_path / "2.bin")),
        *("--vocabulary", str(tmp_path / "vocab.json")),
        *("--voices", str(tmp_path / "voices"), "--out", str(tmp_path / "out")),
    ]


def test_each_voice_says_as_many_backchannels_as_turns(command: list[str], tmp_path: Path) -> None:
    assert kokoro.main([*command, "--share", "2"]) == 0
    clips = read(tmp_path / "out" / "list.csv", tmp_path / "out")
    assert len(clips) == 8
    assert {clip.speaker for clip in clips} == {"kokoro/af_one", "kokoro/zm_two"}
    for speaker in ("kokoro/af_one", "kokoro/zm_two"):
        kinds = [clip.kind for clip in clips if clip.speaker == speaker]
        assert sorted(map(str, kinds)) == ["backchannel", "backchannel", "turn", "turn"]
    assert load(clips[0]).size == pytest.approx(4_000, abs=200)
    with (tmp_path / "out" / "list.csv").open(encoding="utf-8") as file:
        words = [row["words"] for row in csv.DictReader(file)]
    assert words == FakeKokoro.spoken


def test_a_larger_share_adds_to_the_smaller_one(command: list[str], tmp_path: Path) -> None:
    kokoro.main([*command, "--share", "2"])
    first = set((tmp_path / "out").glob("*.wav"))
    kokoro.main([*command, "--share", "3"])
    assert len(FakeKokoro.spoken) == 4  # what was there is not spoken again
    assert first < set((tmp_path / "out").glob("*.wav"))


def test_signs_become_the_models_numbers() -> None:
    vocabulary = {"w": 1, "A": 2, "t": 3, " ": 4, "ɹ": 5, "ə": 6}
    assert kokoro.tokens("weɪt_ɚ?", vocabulary, english=True) == [1, 2, 3, 4, 6, 5]
    assert kokoro.tokens("weɪt", vocabulary, english=False) == [1, 3]


def test_every_language_has_both_kinds() -> None:
    for backchannels, turns in kokoro.PHRASES.values():
        assert len(backchannels.split()) >= 5
        assert len(turns.split()) >= 5
        assert not set(backchannels.split()) & set(turns.split())
