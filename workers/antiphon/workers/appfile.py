"""Finds the `AgentServer` in an application's file.

``APP`` is a path, ``bot.py``, or a path and a name, ``bot.py:server``. The file runs once, as a module
named after it, with its folder first on ``sys.path``, as if imported from there. Job processes import it
by that name again; a file named like something installed gets a name that only this process knows, and
serves jobs in threads.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from livekit.agents import AgentServer

from antiphon.agents.errors import AppError

__all__ = ["load_app"]


def load_app(app: str) -> AgentServer:
    """The application's server.

    Raises:
        AppError: There is no such file, it fails when it is run, or has no or several servers.
    """
    path_text, _, name = app.partition(":") if not Path(app).exists() else (app, "", "")
    path = Path(path_text).resolve()
    if not path.is_file():
        raise AppError("there is no such application", value=path_text, hint="Give the path of a .py file.")
    if path.suffix != ".py":
        raise AppError("the application is no Python file", value=path_text, hint="Give a .py file.")
    module = _run(path)
    found = {key: value for key, value in vars(module).items() if isinstance(value, AgentServer)}
    if name:
        if name not in found:
            known = ", ".join(sorted(found)) or "none"
            raise AppError(
                f"{path.name} has no AgentServer of that name", value=name, hint=f"It has: {known}."
            )
        return found[name]
    distinct = {id(value): value for value in found.values()}
    if not distinct:
        raise AppError(
            f"{path.name} has no AgentServer",
            value=str(path),
            hint="Add one at the top level: server = AgentServer(), with @server.rtc_session().",
        )
    if len(distinct) > 1:
        for usual in ("server", "app"):
            if usual in found:
                return found[usual]
        names = ", ".join(sorted(found))
        raise AppError(f"{path.name} has several AgentServers", value=names, hint=f"Say which: {app}:NAME.")
    return next(iter(distinct.values()))


def _taken(name: str, path: Path) -> bool:
    """Whether the name means something other than this file, which the path may lead to already."""
    try:
        if name in sys.modules:
            return True
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return True
    return spec is not None and (spec.origin is None or Path(spec.origin).resolve() != path)


def _run(path: Path) -> ModuleType:
    name = (
        path.stem if path.stem.isidentifier() and not _taken(path.stem, path) else f"antiphon_app_{id(path)}"
    )
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the file does at import is its author's, and is shown as such
        del sys.modules[name]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
        line = f"{path.name}:{frames[-1].lineno}" if frames else path.name
        what = f"{type(error).__name__}: {error}"
        raise AppError("the application failed when it was loaded", value=f"{line}, {what}") from error
    return module
