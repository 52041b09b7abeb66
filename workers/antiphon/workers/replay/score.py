"""What a case came to, and whether that is right. Pure; defined as in docs/figures.md, but for the network.

A sound over the agent's voice has one of these outcomes: the reply was *kept* without a gap, *ducked*
(lower for a while, never silent), *resumed* after a gap, or *yielded*. Silence counts from the playout, so
the transport's floor is to be added before a figure is held against one taken at an ear. What happened
before the clip's onset (an echo that held the agent, say) is an outcome of its own, *early*, and right for
no label.

"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from antiphon.agents import timeline as tl
from antiphon.workers.replay.engine import Replayed
from antiphon.workers.replay.mix import AS_RECORDED, Case

__all__ = ["ENDPOINTING", "WANTS_FLOOR", "Outcome", "Silence", "judge", "silences"]

Kind = Literal["kept", "ducked", "resumed", "yielded", "early", "committed", "cut off", "not committed"]

GONE_S: Final = 0.3  # s of silence from which on a voice is gone (docs/figures.md)
EARLY_S: Final = (
    0.1  # s before the onset from which on a silence cannot be the clip's; two windows and a frame
)
CUT_S: Final = 0.2  # s before the end of a clip at which a commit cuts it: a window, and the clip's soft end

WANTS_FLOOR: Final = frozenset({"interruption", "command"})
ENDPOINTING: Final = frozenset({"complete", "incomplete"})


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which the playout was held or had yielded, s from the scene's beginning."""

    began_s: float
    ended_s: float | None
    """None if the voice did not come back."""
    yielded_s: float | None
    """When the floor was yielded in it; None if it was not."""


def silences(events: Iterable[tl.Event]) -> list[Silence]:
    """The stretches, in order."""
    made: list[Silence] = []
    held: float | None = None
    for event in events:
        if isinstance(event, tl.Hold) and held is None and not event.ducked:
            held = event.at
        elif isinstance(event, tl.Resume) and held is not None:
            if event.at > held:
                made.append(Silence(held, event.at, None))
            held = None
        elif isinstance(event, tl.Yield):
            made.append(Silence(event.at if held is None else held, None, event.at))
            held = None
    if held is not None:
        made.append(Silence(held, None, None))
    return made


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to."""

    case: str
    clip: str
    label: str
    language: str
    recipe: str
    echo: bool
    """Whether the agent's simulated echo was in the microphone."""
    kind: Kind
    holds: int
    """Stretches of silence."""
    silent_s: float | None
    """From the clip's onset to where the agent's voice was gone, of what was yielded, s."""
    voice_silent_s: float | None
    """Likewise from the onset of the clip's voice; below 0 if something else was held for."""
    gap_s: float
    """The longest silence that ended in a resume, s; 0 if there was none."""
    committed_s: float | None
    """From the clip's end to the commit, s; of what was said to a silent agent."""
    taken_s: float | None = None
    """From the onset of the clip's voice to the end of the reply, s; None if it went on."""

    @property
    def right(self) -> bool:
        """Whether it is what the label asks for."""
        if self.label in ENDPOINTING:
            return self.kind == "committed"
        if self.label in WANTS_FLOOR:
            return self.kind == "yielded"
        if self.label == "echo":
            return self.kind == "kept"  # nobody was there
        return self.kind in ("kept", "ducked", "resumed")


def judge(case: Case, replayed: Replayed) -> Outcome:
    """Scores one case."""
    endpointing = case.clip.label in ENDPOINTING
    kind, at_s = _endpoint(case, replayed) if endpointing else _floor(case, replayed)
    found = silences(replayed.events)
    gaps = [s.ended_s - s.began_s for s in found if s.ended_s is not None]
    return Outcome(
        case=case.name,
        clip=case.clip.name,
        label=case.clip.label,
        language=case.clip.language,
        recipe=case.recipe,
        echo=case.scene.echo is not None,
        kind=kind,
        holds=len(found),
        silent_s=None if endpointing or at_s is None else at_s - case.onset_s,
        voice_silent_s=None if endpointing or at_s is None else at_s - case.voice_s,
        gap_s=max(gaps, default=0.0),
        committed_s=at_s - case.offset_s if endpointing and at_s is not None else None,
        taken_s=_taken(case, found) if kind == "yielded" and at_s is not None else None,
    )


def _floor(case: Case, replayed: Replayed) -> tuple[Kind, float | None]:
    """The outcome, and when the agent's voice was gone."""
    found = silences(replayed.events)
    yielded = next((s for s in found if s.yielded_s is not None), None)
    if any(s.began_s < case.onset_s - EARLY_S for s in found) and case.clip.label != "echo":
        return "early", None
    if yielded is not None:
        gone = next(s for s in found if s.ended_s is None or s.ended_s - s.began_s >= GONE_S)
        known = case.recipe != AS_RECORDED  # else where the person begins is not
        return "yielded", gone.began_s if known else None
    if found:
        return "resumed", None
    lowered = any(isinstance(event, tl.Hold) for event in replayed.events)
    return ("ducked" if lowered else "kept"), None


def _taken(case: Case, found: Iterable[Silence]) -> float | None:
    return next((s.yielded_s - case.voice_s for s in found if s.yielded_s is not None), None)


def _endpoint(case: Case, replayed: Replayed) -> tuple[Kind, float | None]:
    """The outcome, and when the turn was committed."""
    commits = [event for event in replayed.events if isinstance(event, tl.Commit)]
    if case.resumes_s is not None:
        cut = any(event.at < case.resumes_s for event in commits)
        return ("cut off" if cut else "committed"), None
    if any(event.speech_ended_at < case.offset_s - CUT_S for event in commits):
        return "cut off", None
    if not commits:
        return "not committed", None
    return "committed", commits[0].at
