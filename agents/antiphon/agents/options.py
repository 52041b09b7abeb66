"""`TurnTaking`: every number that decides who has the floor, in one frozen object.

Each field carries its unit in its name and its range in its metadata; the table in docs/turn-taking.md is
made from them, so a setting is declared once. A value outside its
range raises `ConfigError` that names the field, the value and the range. Values come from measures.md
and design.md section 3, or from trying them over the recorded clips, or are *chosen*.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Protocol, runtime_checkable

from antiphon.agents.errors import ConfigError

__all__ = ["POLICIES", "Adjustable", "TurnTaking"]


def _number(default: float, low: float, high: float, unit: str, doc: str) -> float:
    # Typed as its default, as dataclasses.field is in typeshed.
    made: float = field(default=default, metadata={"unit": unit, "low": low, "high": high, "doc": doc})
    return made


def _seconds(default: float, low: float, high: float, doc: str) -> float:
    return _number(default, low, high, "s", doc)


def _share(default: float, low: float, high: float, doc: str) -> float:
    return _number(default, low, high, "", doc)


def _switch(default: bool, doc: str) -> bool:
    made: bool = field(default=default, metadata={"unit": "", "doc": doc})
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTaking:
    """How turns are taken in a call. All fields have defaults that suit a phone or browser call.

    Raises:
        ConfigError: A value is no number, is not finite, is outside its range, or contradicts another.
    """

    interruptions: bool = _switch(True, "whether speech over the agent's voice may hold or end its reply")
    push_to_talk: bool = _switch(
        False, "whether a key and not the voice says when the person's turn begins and ends"
    )
    press_min_s: float = _seconds(0.1, 0.0, 0.2, "press of the key below which it was none")
    max_press_s: float = _seconds(60.0, 1.0, 600.0, "press after which the key counts as released")

    onset_enter: float = _share(0.5, 0.05, 0.99, "speech probability at which a window may begin speech")
    onset_exit: float = _share(0.35, 0.01, 0.98, "speech probability below which a window is no voice")
    echo_at: float = _share(0.5, 0.05, 1.0, "likeness to the agent's voice at which a window is its echo")
    # One window: over 15 interruptions and 13 backchannels it finds speech 32 ms sooner in the median than
    # two (96 against 128 ms), and over 11 noises it triggers as rarely. A hold for nothing is taken back.
    onset_s: float = _seconds(0.032, 0.032, 0.5, "voice needed to call it speech")
    onset_rising: float = _share(0.5, 0.05, 0.99, "the same for one that stands out of noise; 0.3 finds more")
    # tests/bench/openings.py, 15 interruptions at three levels: the slowest openings over their noise (p95)
    # come at 138 ms in place of 412 at -20 dB, 278 for 400 at -10, 401 for 416 at 0; 3 of 100 recorded noises
    # begin speech in place of 1, and 19 of 176 made-up ones in place of 15.
    onset_pitched: float = _share(0.1, 0.05, 0.99, "the same for two that stand out and have a moving pitch")
    onset_rise_db: float = _number(15.0, 3.0, 60.0, "dB", "over the noise floor at which a window stands out")
    speech_gap_s: float = _seconds(0.192, 0.032, 1.0, "time without voice after which speech has ended")
    input_gap_s: float = _seconds(0.6, 0.1, 10.0, "time without any audio after which speech has ended")

    yield_after_s: float = _seconds(0.42, 0.1, 5.0, "voice over the agent that makes it a turn")
    resume_quiet_s: float = _seconds(0.25, 0.05, 2.0, "quiet after shorter voice that makes it none")
    hold_s: float = _seconds(2.0, 0.2, 10.0, "longest hold: then it is a turn if the voice goes on")
    patience_s: float = _seconds(0.85, 0.1, 10.0, "hold after which it goes on unless a turn is likelier")

    duck_db: float = _number(0.0, 0.0, 30.0, "dB", "how much lower a hold is at first; 0 for silence at once")
    duck_s: float = _seconds(0.25, 0.05, 2.0, "voice after which a hold that was lowered falls silent")
    rewind_after_s: float = _seconds(1.0, 0.1, 600.0, "hold after which it goes on at the word it cut")
    rehold_s: float = _seconds(0.4, 0.0, 5.0, "time after a resume in which the agent goes on meanwhile")

    turn_at: float = _share(0.5, 0.01, 0.99, "probability at which speech that paused is a turn")
    yield_at: float = _share(0.85, 0.02, 0.999, "probability at which speech that goes on is a turn")
    resume_at: float = _share(0.05, 0.001, 0.98, "probability below which it is none, while it goes on")
    judge_s: float = _seconds(0.4, 0.05, 2.0, "longest wait for the judges once the voice has paused")
    decide_s: float = _seconds(1.5, 0.1, 5.0, "voice that makes it a turn when the judges say nothing")

    silence_s: float = _seconds(0.48, 0.1, 5.0, "silence after which the person's turn is over")
    endpoint_floor_s: float = _seconds(0.25, 0.1, 2.0, "shortest such silence, when the end is likely")
    endpoint_ceiling_s: float = _seconds(1.2, 0.2, 5.0, "longest such silence, when it is unlikely")
    end_unlikely: float = _share(0.36, 0.01, 0.98, "probability of the end at and below which it is longest")
    end_likely: float = _share(0.55, 0.02, 0.99, "probability of the end at and above which it is shortest")
    slowest: float = _number(2.0, 1.0, 5.0, "", "how much longer it becomes for who pauses long")
    min_turn_s: float = _seconds(0.1, 0.0, 2.0, "voice to a silent agent below which it was noise")
    aside_s: float = _seconds(1.5, 0.0, 5.0, "voice to a silent agent up to which it may be a hum or cough")
    max_turn_s: float = _seconds(60.0, 1.0, 600.0, "length at which a turn is committed as it stands")
    pre_roll_s: float = _seconds(0.3, 0.0, 2.0, "audio from before the onset that the model gets")
    tail_s: float = _seconds(0.2, 0.0, 2.0, "audio from after the voice that the model gets")

    thinking_s: float = _seconds(15.0, 1.0, 300.0, "longest wait for a requested reply's first audio")
    stall_s: float = _seconds(3.0, 0.5, 60.0, "time a reply may stand still before it is no longer speaking")
    cancel_s: float = _seconds(0.5, 0.05, 10.0, "longest wait for the model to confirm a cancelled reply")
    fade_s: float = _seconds(0.005, 0.0, 0.05, "fade at every cut of the agent's voice")

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if "low" in spec.metadata:
                _check_number(
                    spec.name, value, spec.metadata["low"], spec.metadata["high"], spec.metadata["unit"]
                )
            elif not isinstance(value, bool):
                raise ConfigError(f"TurnTaking.{spec.name}", value, "True or False")
        if self.onset_exit >= self.onset_enter:
            allowed = f"less than onset_enter ({self.onset_enter})"
            raise ConfigError("TurnTaking.onset_exit", self.onset_exit, allowed)
        # Both count from the last voice, and mean nothing before the speech is known to be over.
        for name in ("resume_quiet_s", "silence_s"):
            if getattr(self, name) < self.speech_gap_s:
                allowed = f"speech_gap_s ({self.speech_gap_s} s) or more"
                raise ConfigError(f"TurnTaking.{name}", getattr(self, name), allowed)
        if not self.end_unlikely < self.end_likely:
            raise ConfigError(
                "TurnTaking.end_unlikely", self.end_unlikely, f"less than end_likely ({self.end_likely})"
            )
        if not self.resume_at < self.turn_at < self.yield_at:
            allowed = f"between resume_at ({self.resume_at}) and yield_at ({self.yield_at})"
            raise ConfigError("TurnTaking.turn_at", self.turn_at, allowed)
        if self.hold_s <= self.yield_after_s:
            allowed = f"more than yield_after_s ({self.yield_after_s} s)"
            raise ConfigError("TurnTaking.hold_s", self.hold_s, allowed)

    @classmethod
    def policy(cls, name: str, **changes: Any) -> TurnTaking:
        """How easily the agent gives up the floor, as a whole.

        Args:
            name: A name of `POLICIES`: ``balanced``, ``attentive`` (yields early) or ``determined`` (hard to
                stop).
            changes: Fields with other values than the policy's.

        Raises:
            ConfigError: There is no such policy, or a value is wrong.
        """
        if name not in POLICIES:
            raise ConfigError("TurnTaking.policy", name, f"one of {', '.join(POLICIES)}")
        return cls.from_mapping({**POLICIES[name], **changes})

    @classmethod
    def from_mapping(cls, values: Mapping[str, object]) -> TurnTaking:
        """Builds the options from names and values, e.g. of a file, flags or environment variables.

        Text is read as a number or a switch (``true``, ``false``, ``1``, ``0``, ``yes``, ``no``,
        ``on``, ``off``).

        Raises:
            ConfigError: A name is unknown, or a value is wrong.
        """
        known = {spec.name: spec for spec in fields(cls)}
        read: dict[str, object] = {}
        for name, value in values.items():
            if name not in known:
                allowed = f"one of the fields {', '.join(sorted(known))}"
                raise ConfigError(f"TurnTaking.{name}", value, allowed)
            read[name] = _read(value, "low" in known[name].metadata) if isinstance(value, str) else value
        return cls(**read)  # type: ignore[arg-type]  # __post_init__ checks every type


@runtime_checkable
class Adjustable(Protocol):
    """A part of a call that takes other numbers while the call is on."""

    def change(self, options: TurnTaking) -> None:
        """Goes on with these numbers; what it knows of the person stays."""


POLICIES: Final[Mapping[str, Mapping[str, float]]] = {
    "balanced": {},
    "attentive": {
        "turn_at": 0.35, "yield_at": 0.7, "resume_at": 0.03, "yield_after_s": 0.3, "decide_s": 0.8,
    },
    "determined": {
        "turn_at": 0.7, "yield_at": 0.95, "resume_at": 0.15, "yield_after_s": 0.8, "decide_s": 2.0,
    },
}  # fmt: skip
"""What each policy sets otherwise than the defaults; chosen, their effect is in docs/turn-taking.md."""

_SWITCHES: Final[dict[str, bool]] = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip


def _read(text: str, number: bool) -> object:
    """The value that a text stands for, or the text itself for ``__post_init__`` to refuse."""
    if not number:
        return _SWITCHES.get(text.strip().lower(), text)
    try:
        return float(text)
    except ValueError:
        return text


def _check_number(name: str, value: object, low: float, high: float, unit: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and math.isfinite(value) and low <= value <= high):  # type: ignore[arg-type,operator]
        raise ConfigError(f"TurnTaking.{name}", value, f"{low:g} to {high:g} {unit}".rstrip())
