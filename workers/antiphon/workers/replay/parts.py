"""Judges and estimators by name, for the command line.

A name is one of those that the project brings, an entry point of the group ``antiphon.judge``, or
``module:attribute`` of anybody's. What is made is shared by all replays of the process.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Final, cast

from antiphon.agents.endpointing.estimator import TurnEndEstimator
from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Judge
from antiphon.agents.media.judges import GROUP

__all__ = ["estimator_named", "judges_named"]

JUDGES: Final[Mapping[str, str]] = {
    "acoustic": "antiphon.plugins.judges.acoustic:AcousticJudge",
    "lexical": "antiphon.plugins.judges.lexical:LexicalJudge",
    "semantic": "antiphon.plugins.judges.semantic:SemanticJudge",
    "semantic-realtime": "antiphon.plugins.judges.semantic_realtime:RealtimeSemanticJudge",
}
ESTIMATORS: Final[Mapping[str, str]] = {
    "livekit": "antiphon.plugins.turn_end:LiveKitTurnEnd",
}


def judges_named(names: str) -> tuple[Judge, ...]:
    """Judges by a comma-separated list of names, loaded; none for ``none`` or an empty list.

    Raises:
        ConfigError: There is no such judge, or it cannot be loaded.
    """
    wanted = [name.strip() for name in names.split(",") if name.strip() and name.strip() != "none"]
    known = {point.name: point.value for point in entry_points(group=GROUP)} | dict(JUDGES)
    return tuple(cast(Judge, _made("--judges", name, known)) for name in dict.fromkeys(wanted))


def estimator_named(name: str) -> TurnEndEstimator | None:
    """An estimator by its name, loaded; None for ``none`` or an empty name.

    Raises:
        ConfigError: There is no such estimator, or it cannot be loaded.
    """
    if name in ("", "none"):
        return None
    return cast(TurnEndEstimator, _made("--turn-end", name, ESTIMATORS))


def _made(option: str, name: str, known: Mapping[str, str]) -> object:
    module, colon, attribute = known.get(name, name).partition(":")
    if not colon:
        raise ConfigError(option, name, f"{', '.join(known)}, none, or module:attribute")
    try:
        made: object = getattr(importlib.import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(option, name, f"something that can be loaded: {error}") from None
    warm_up: Callable[[], None] | None = getattr(made, "warm_up", None)
    if warm_up is not None:  # now: a run is not to wait for it in its midst
        warm_up()
    return made
