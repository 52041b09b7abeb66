from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.judges import multilingual
from antiphon.plugins.judges.multilingual import find_multilingual


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages that hold a file of six bytes."""
    named = (("whisper_one_of_two", "data/model.bin.part1"), ("whisper_two_of_two", "data/model.bin.part2"))
    for (package, part), content in zip(named, (b"abc", b"def"), strict=True):
        file = tmp_path / "site" / package / part
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        (tmp_path / "site" / package / "__init__.py").touch()
    for name in ("tokenizer.json", "vocabulary.json", "config.json"):
        file.with_name(name).write_text(name)
    monkeypatch.setattr(multilingual, "_PARTS", named)
    monkeypatch.setattr(multilingual, "SHA256", hashlib.sha256(b"abcdef").hexdigest())
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    return tmp_path / "site"


def test_the_parts_are_put_together_once(packages: Path, tmp_path: Path) -> None:
    folder = find_multilingual(tmp_path / "cache" / "whisper")
    assert (folder / "model.bin").read_bytes() == b"abcdef"
    assert (folder / "config.json").read_text() == "config.json"
    assert [path.name for path in folder.parent.iterdir()] == ["whisper"], "nothing else is left there"
    (packages / "whisper_one_of_two/data/model.bin.part1").write_bytes(b"other")
    assert find_multilingual(tmp_path / "cache" / "whisper") == folder


def test_parts_that_are_not_those_that_were_tested_are_refused(packages: Path, tmp_path: Path) -> None:
    (packages / "whisper_two_of_two/data/model.bin.part2").write_bytes(b"deg")
    with pytest.raises(ConfigError, match="the sum"):
        find_multilingual(tmp_path / "cache" / "whisper")
    assert not (tmp_path / "cache" / "whisper" / "model.bin").exists()


def test_what_is_missing_says_what_to_install(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multilingual, "_PARTS", (("whisper_nowhere", "x"), ("whisper_two_of_two", "y")))
    with pytest.raises(ConfigError, match=r"antiphon\[multilingual\]"):
        find_multilingual(tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_named(packages: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="a folder that can be written"):
        find_multilingual(tmp_path / "file" / "whisper")
