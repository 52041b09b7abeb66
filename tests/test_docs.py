"""The documents say what the code says."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from antiphon.agents import TurnTaking

DOCS = Path(__file__).parents[1] / "docs"
ROOT = DOCS.parent


@pytest.fixture
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_generated_parts_are_up_to_date(generate: ModuleType) -> None:
    text = (DOCS / "turn-taking.md").read_text()
    assert generate.generated(text) == text, "run `python docs/generate.py`"


def test_every_option_and_state_is_in_them(generate: ModuleType) -> None:
    assert generate.options().count("\n") == 1 + len(fields(TurnTaking))
    assert "| `silence_s` | 0.48 s | 0.1 to 5 s |" in generate.options()
    assert "| held | `hold_s` | 2 s |" in generate.deadlines()
    assert "speaking --> held" in generate.states()


def test_a_part_without_a_place_is_told(generate: ModuleType) -> None:
    with pytest.raises(ValueError, match="no place for states"):
        generate.generated("nothing")


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda p: p.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
