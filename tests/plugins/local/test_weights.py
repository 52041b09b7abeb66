from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.local import weights


def test_the_packaged_weights_are_found() -> None:
    assert (weights.find_whisper(env={}).path / "model.bin").is_file()
    assert weights.find_piper(env={}).path.suffix == ".onnx"


def test_a_folder_of_the_users_comes_first(tmp_path: Path) -> None:
    for name in ("model.bin", "tokenizer.json"):
        (tmp_path / name).touch()
    assert weights.find_whisper(env={weights.WHISPER_VARIABLE: str(tmp_path)}).path == tmp_path
    assert weights.find_whisper(tmp_path, env={}).path == tmp_path


def test_a_wrong_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)) as caught:
        weights.find_whisper(env={weights.WHISPER_VARIABLE: str(tmp_path)})
    assert caught.value.field == weights.WHISPER_VARIABLE
    with pytest.raises(ConfigError, match="onnx"):
        weights.find_piper(tmp_path / "no.onnx", env={})


def test_nothing_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    for find in (weights.find_whisper, weights.find_piper):
        with pytest.raises(ConfigError, match=r"antiphon\[local\]"):
            find(env={})
