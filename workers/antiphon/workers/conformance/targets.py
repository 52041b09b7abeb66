"""What ``agent conformance MODEL`` names, and which checks are put to it.

| MODEL | checked |
|---|---|
| ``local`` | the local realtime server, from outside |
| ``ws://…``, ``http://…`` | any server of the protocol, from outside |
| ``openai``, ``webrtc``, ``continuity``, ``tiers``, ``cascade`` | our models |
| ``module:factory`` | any `llm.RealtimeModel`; ``factory`` is called without arguments |

A model is checked as livekit-agents drives it. One that can be pointed at an address is also checked over
a server with scripted faults: ours, and a factory that takes ``base_url``. Ours, and such a factory, talk
to the server of OPENAI_BASE_URL if that is set, else to a local one that is started for it.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from livekit.agents import llm

from antiphon.agents.errors import ConfigError
from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.workers.conformance.checks import (
    FAULT_CHECKS,
    MODEL_CHECKS,
    SERVER_CHECKS,
    AdapterSubject,
    Check,
    ModelSubject,
    Result,
    Server,
    run_checks,
)

__all__ = ["OURS", "Target", "find_target", "run_target"]

Factory = Callable[..., llm.RealtimeModel]
_SHORT_LIMIT_S = 2.0  # s; of the server on which the end of a session is waited for


def _openai(base_url: str, **options: Any) -> llm.RealtimeModel:
    from antiphon.plugins import openai

    key = os.environ.get("OPENAI_API_KEY") or "conformance"
    return openai.realtime(base_url=base_url, api_key=key, **options)


def _webrtc(base_url: str) -> llm.RealtimeModel:
    return _openai(base_url, transport="webrtc")


def _continuity(base_url: str) -> llm.RealtimeModel:
    from antiphon.plugins.continuity import ContinuousModel

    return ContinuousModel(_openai(base_url))


def _tiers(base_url: str) -> llm.RealtimeModel:
    from antiphon.plugins.cascade import LocalLLM
    from antiphon.plugins.local.brain_builtin import BuiltinBrain
    from antiphon.plugins.tiers import TieredModel

    return TieredModel(_openai(base_url), LocalLLM(BuiltinBrain()))


def _cascade() -> llm.RealtimeModel:
    from antiphon.plugins.cascade import local_cascade

    return local_cascade()


OURS: Mapping[str, Factory] = {
    "openai": _openai,
    "webrtc": _webrtc,
    "continuity": _continuity,
    "tiers": _tiers,
    "cascade": _cascade,
}
"""Our models, by the name they have on the command line."""
_MEDIA = frozenset({"webrtc"})  # audio goes at the pace of speech


@dataclass(frozen=True, slots=True)
class Target:
    """What to check."""

    name: str
    server: Server | None = None
    """A server from outside; else `factory` is there."""
    factory: Factory | None = None
    needs_server: bool = False
    """Whether a server has to be there: ``local``, or a factory that takes its address."""
    realtime_audio: bool = False


def find_target(name: str, *, key: str = "", model: str = "", responses: int = 30) -> Target:
    """What a name on the command line means.

    Raises:
        ConfigError: Nothing, with what may be given.
    """
    key = key or os.environ.get("OPENAI_API_KEY") or "conformance"
    if name == "local":
        return Target(name, Server("", key, "local", responses), needs_server=True)
    if name.partition("://")[0] in ("ws", "wss", "http", "https") and "://" in name:
        return Target(name, Server(name, key, model or "local", responses))
    if name in OURS:
        factory = OURS[name]
        return Target(name, None, factory, name != "cascade", name in _MEDIA)
    factory = _imported(name)
    return Target(name, None, factory, _takes_address(factory))


def _imported(name: str) -> Factory:
    allowed = f"an address (ws://, http://), local, {', '.join(OURS)}, or module:factory"
    module_name, _, attribute = name.partition(":")
    if not attribute:
        raise ConfigError("MODEL", name, allowed)
    if "" not in sys.path and os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())  # a command's own path has no folder of the user's
    try:
        found = getattr(import_module(module_name), attribute)
    except ModuleNotFoundError as error:
        raise ConfigError("MODEL", name, f"{allowed}; there is no module {error.name}") from error
    except AttributeError as error:
        raise ConfigError("MODEL", name, f"{allowed}; {error}") from error
    if not callable(found):
        raise ConfigError("MODEL", name, f"{allowed}; {attribute} cannot be called")
    factory: Factory = found
    return factory


def _takes_address(factory: Factory) -> bool:
    try:
        return "base_url" in inspect.signature(factory).parameters
    except (TypeError, ValueError):  # a built-in, say
        return False


async def run_target(
    target: Target,
    *,
    local_url: str = "",
    only: str = "",
    on_begin: Callable[[str], None] | None = None,
) -> list[Result]:
    """Puts the checks that apply to a target.

    Args:
        target: Of `find_target`.
        local_url: The server's base address, if the target needs one.
        only: Run the checks whose name has this in it.
        on_begin: Told each check's name when it begins.

    Raises:
        ModelError: The server cannot be reached, or refused the key.
    """
    if target.server is not None:
        server = target.server
        if local_url:
            server = Server(local_url, server.key, server.model, server.responses)
        async with server.connect():
            pass  # one that is not there, or takes no such key, is no subject
        checks: list[Check[Server]] = _wanted(SERVER_CHECKS, only)
        if not local_url:
            return await run_checks(checks, server, on_begin=on_begin)
        # The end of a session is waited for on a server of the same kind whose sessions are short.
        results: list[Result] = []
        async with _short_lived(server) as short:
            for check in checks:
                asked = short if check.name == "14 expiry" else server
                results += await run_checks([check], asked, on_begin=on_begin)
        return results
    assert target.factory is not None
    factory = target.factory
    with_address = target.needs_server
    subject = ModelSubject(
        (lambda: factory(base_url=local_url)) if with_address else factory, target.realtime_audio
    )
    results = await run_checks(_wanted(MODEL_CHECKS, only), subject, on_begin=on_begin)
    if with_address:
        adapter = AdapterSubject(lambda url: factory(base_url=url), target.realtime_audio)
        results += await run_checks(_wanted(FAULT_CHECKS, only), adapter, on_begin=on_begin)
    return results


def _wanted(checks: Any, only: str) -> list[Any]:
    return [check for check in checks if only in check.name]


@asynccontextmanager
async def _short_lived(server: Server) -> AsyncIterator[Server]:
    async with ScriptedServer([Say("Hello.")], repeat_last=True, session_limit_s=_SHORT_LIMIT_S) as short:
        yield Server(short.base_url, server.key, session_limit_s=_SHORT_LIMIT_S)
