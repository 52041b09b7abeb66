"""The judges, and the estimator of a turn's end, that a call asks when it is given none.

As with the voice detector, this root knows no plugin: a distribution names its judges as entry points of
the group ``antiphon.judge`` and an estimator in ``antiphon.turn_end``, each a callable without arguments
that makes one for the process. One whose packages are not installed raises `ConfigError` and is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from importlib.metadata import entry_points
from typing import Any

from antiphon.agents.endpointing import TurnEndEstimator
from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Judge
from antiphon.agents.logs import get_logger

__all__ = ["GROUP", "TURN_END", "default_judges", "default_turn_end"]

log = get_logger(__name__)

GROUP = "antiphon.judge"
TURN_END = "antiphon.turn_end"


@functools.cache
def default_judges() -> tuple[Judge, ...]:
    """Those installed, by name; made once a process and shared by its calls."""
    return tuple(_made(GROUP))


@functools.cache
def default_turn_end() -> TurnEndEstimator | None:
    """The one installed, the first by name; made once a process and shared by its calls."""
    return next(_made(TURN_END), None)


def _made(group: str) -> Iterator[Any]:
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        try:
            made = point.load()()
        except (ConfigError, ImportError) as error:
            log.info("a part of turn taking is left out", part=point.name, error=str(error))
        else:
            yield made
