"""All of the documentation's curves over one corpus, as points: what `agent replay --plot` runs.

The floor: by duration alone, by the judges, and the policies as points of their own. Endpointing: by a
fixed silence, by livekit-agents' rule over the packaged model, and by ours over the same model.
Cases with a simulated echo are left out: their sound depends on what the agent does, so the detector would
have to hear it all again for each point.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from antiphon.agents.options import TurnTaking
from antiphon.workers.replay import curve
from antiphon.workers.replay.chart import Curves
from antiphon.workers.replay.engine import Setup
from antiphon.workers.replay.mix import Case
from antiphon.workers.replay.score import ENDPOINTING, Outcome

__all__ = ["find_curves"]

BACKCHANNELS = frozenset({"backchannel"})


def find_curves(
    cases: Sequence[Case],
    setup: Setup,
    options: Callable[[str], TurnTaking],
    *,
    note: str = "",
    memory: curve.Remembered | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Curves:
    """Runs the cases under every setting of every curve.

    Args:
        cases: Of a corpus.
        setup: What decides; its options are what the curves vary.
        options: Makes a policy's numbers.
        note: What is run; the number of cases is added.
        memory: Of earlier runs over these cases.
        told: Progress.
    """
    over = [c for c in cases if c.clip.label not in ENDPOINTING and c.scene.echo is None]
    silent = [c for c in cases if c.clip.label in ENDPOINTING]
    setup = curve.remembering(setup)
    memory = memory or curve.Remembered()
    floors = {"duration alone": curve.sweep(over, curve.by_duration(setup), told, memory)} if over else {}
    policies: dict[str, list[Outcome]] = {}
    if setup.judges and over:
        name = "ours: " + " and ".join(judge.name for judge in setup.judges)
        floors[name] = curve.sweep(over, curve.by_odds(setup), told, memory)
        policies = curve.sweep(over, curve.by_policy(setup, options), told, memory)
    ends = (
        {"a fixed silence, s": curve.sweep(silent, curve.by_silence(setup), told, memory)} if silent else {}
    )
    if setup.turn_end is not None and silent:
        detector = setup.turn_end.name
        ends[f"{detector}'s detector by livekit-agents' rule, min_delay, s"] = curve.sweep(
            silent, curve.by_packaged(setup), told, memory
        )
        ends[f"ours over {detector}'s detector, longest wait, s"] = curve.sweep(
            silent, curve.by_ceiling(setup), told, memory
        )
    return Curves(
        backchannels={name: curve.floor_curve(swept, BACKCHANNELS) for name, swept in floors.items()},
        others={name: curve.floor_curve(swept) for name, swept in floors.items()},
        policies={
            "backchannels": curve.floor_curve(policies, BACKCHANNELS),
            "others": curve.floor_curve(policies),
        }
        if policies
        else {},
        endings={name: curve.endpoint_curve(swept) for name, swept in ends.items()},
        note=f"{note}{'; ' if note else ''}{len(over)} cases over the agent, {len(silent)} to a silent one",
    )
