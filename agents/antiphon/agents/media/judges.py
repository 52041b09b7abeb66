"""The judges a call asks when it is given none.

As with the voice detector, this root knows no plugin: a distribution names its judges as entry points of
the group ``antiphon.judge``, each a callable without arguments that makes one for the process. One whose
packages are not installed raises `ConfigError` and is left out.
"""

from __future__ import annotations

import functools
from importlib.metadata import entry_points

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Judge
from antiphon.agents.logs import get_logger

__all__ = ["GROUP", "default_judges"]

log = get_logger(__name__)

GROUP = "antiphon.judge"


@functools.cache
def default_judges() -> tuple[Judge, ...]:
    """Those installed, by name; made once a process and shared by its calls."""
    made: list[Judge] = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            made.append(point.load()())
        except (ConfigError, ImportError) as error:
            log.info("a judge is left out", judge=point.name, error=str(error))
    return tuple(made)
