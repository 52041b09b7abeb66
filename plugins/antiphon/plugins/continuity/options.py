"""`Continuity`: every number of a call that outlives its model sessions, in one frozen object.

Each field carries its unit in its name and its range in its metadata; the table in docs/continuity.md is
made from them. A value outside its range raises `ConfigError`. Values are *chosen* unless a source is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields

from antiphon.agents.errors import ConfigError

__all__ = ["Continuity"]


def _number(default: float, low: float, high: float, unit: str, doc: str) -> float:
    # Typed as its default, as dataclasses.field is in typeshed.
    made: float = field(default=default, metadata={"unit": unit, "low": low, "high": high, "doc": doc})
    return made


def _seconds(default: float, low: float, high: float, doc: str) -> float:
    return _number(default, low, high, "s", doc)


def _optional(low: float, high: float, unit: str, doc: str) -> float | None:
    made: float | None = field(default=None, metadata={"unit": unit, "low": low, "high": high, "doc": doc})
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuity:
    """When a session is handed over, and what is done when one fails.

    Raises:
        ConfigError: A value is no number, is not finite, or is outside its range.
    """

    session_cap_s: float | None = _optional(
        5, 86_400, "s", "longest duration of a session; else what the provider says of it, if it says so"
    )
    handoff_lead_s: float = _seconds(60.0, 1, 3600, "how long before the cap the next session is opened")
    force_s: float = _seconds(5.0, 0.5, 60, "how long before the cap it takes over, quiet moment or not")
    compact_at_items: float | None = _optional(
        20, 1_000_000, "", "items in the conversation at which it is handed over, shortened"
    )
    compact_at_tokens: float | None = _optional(
        1000, 10_000_000, "", "tokens of input of a reply at which it is handed over, shortened"
    )
    compact_to: float = _number(0.5, 0.1, 0.9, "", "share of the items that is kept then, the newest")
    stall_s: float = _seconds(8.0, 0.5, 120, "time a reply may bring nothing before its session is left")
    open_s: float = _seconds(8.0, 0.2, 60, "longest wait for a session to open and take the conversation")
    give_up_s: float = _seconds(45.0, 1, 3600, "time without any session after which the call ends")
    retry_s: float = _seconds(0.25, 0.01, 10, "back-off before the second try; it doubles")
    retry_most_s: float = _seconds(8.0, 0.1, 300, "longest back-off")
    retries: float = _number(3, 0, 10, "", "times a reply that failed is asked for again in one session")
    trip_after: float = _number(3, 1, 100, "", "failures to open in a row that rest an endpoint")
    rest_s: float = _seconds(2.0, 0.5, 600, "how long it rests; doubles up to 12 times as long")
    refused_s: float = _seconds(300.0, 1, 86_400, "how long a model that refused the key is left out")
    return_s: float = _seconds(120.0, 1, 86_400, "time on a later model before an earlier one is tried again")
    lapse_s: float = _seconds(3.0, 0.5, 30, "silence after which uncommitted speech keeps nothing waiting")
    transcript_s: float = _seconds(3.0, 0, 30, "longest wait of a handoff for a turn's transcript")
    replay_most_s: float = _seconds(90.0, 1, 600, "speech kept for a session that takes over")
    replay_lead_s: float = _seconds(0.3, 0, 5, "what is replayed from before the voice begins")
    voice_dbfs: float = _number(-50.0, -90, -10, "dB", "level at which audio counts as voice, not silence")
    continue_replies: bool = field(
        default=True, metadata={"unit": "", "doc": "whether a reply that was cut by a failure is taken up"}
    )

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if "low" not in spec.metadata:
                if not isinstance(value, bool):
                    raise ConfigError(f"Continuity.{spec.name}", value, "True or False")
                continue
            low, high, unit = (spec.metadata[key] for key in ("low", "high", "unit"))
            if value is None and spec.default is None:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not low <= value <= high:
                raise ConfigError(f"Continuity.{spec.name}", value, f"{low:g} to {high:g} {unit}".rstrip())

    def lead_s(self, cap_s: float) -> float:
        """How long before a cap the next session is opened: at most a quarter of the cap."""
        return min(self.handoff_lead_s, cap_s / 4)

    def forced_s(self, cap_s: float) -> float:
        """How long before a cap it takes over in any case: at most a tenth of the cap."""
        return min(self.force_s, cap_s / 10)
