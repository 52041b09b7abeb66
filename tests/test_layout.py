"""The project's own rules: where files are, that each module has its test, who imports whom."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOTS = {"agents": (), "plugins": ("agents",), "workers": ("agents", "plugins")}


def modules() -> list[tuple[str, Path]]:
    return [
        (root, path)
        for root in ROOTS
        for path in sorted((ROOT / root / "antiphon" / root).rglob("*.py"))
        if path.name not in ("__init__.py", "__main__.py")
        and "migrations" not in path.parts  # run by the tests of what migrates
    ]


def test_the_roots_are_a_namespace() -> None:
    for root in ROOTS:
        assert not (ROOT / root / "antiphon" / "__init__.py").exists()
        assert (ROOT / root / "antiphon" / root / "py.typed").exists() or root == "plugins"
    assert not (ROOT / "plugins/antiphon/plugins/__init__.py").exists()  # others may add plugins


def test_every_module_has_a_test_file_at_the_same_path() -> None:
    missing = []
    for root, path in modules():
        inside = path.relative_to(ROOT / root / "antiphon" / root)
        wanted = ROOT / "tests" / root / inside.parent / f"test_{inside.stem.lstrip('_')}.py"
        if not wanted.exists():
            missing.append(str(wanted.relative_to(ROOT)))
    assert missing == []


@pytest.mark.parametrize(("root", "path"), modules(), ids=lambda value: getattr(value, "stem", value))
def test_a_lower_root_imports_no_higher_one(root: str, path: Path) -> None:
    allowed = {root, *ROOTS[root]}
    for node in ast.walk(ast.parse(path.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith("antiphon."):
                assert name.split(".")[1] in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize(
    "name", ["antiphon.agents", "antiphon.agents.interruption", "antiphon.workers.caller"]
)
def test_public_names_are_there_and_few(name: str) -> None:
    module = importlib.import_module(name)
    for public in module.__all__:
        assert hasattr(module, public)
    assert len(module.__all__) <= 25


def test_the_readmes_agent_is_python_and_short() -> None:
    text = (ROOT / "README.md").read_text()
    code = text.split("```python\n")[1].split("```")[0]
    ast.parse(code)
    assert len(code.splitlines()) <= 25
