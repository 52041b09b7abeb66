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
from antiphon.workers.replay.score import ENDPOINTING

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
    expect: Callable[[int], None] = lambda _: None,
) -> Curves:
    """Runs the cases under every setting of every curve.

    Args:
        cases: Of a corpus.
        setup: What decides; its options are what the curves vary.
        options: Makes a policy's numbers.
        note: What is run; the number of cases is added.
        memory: Of earlier runs over these cases.
        told: Each run of a case, before it.
        expect: How many runs there will be.
    """
    over = [c for c in cases if c.clip.label not in ENDPOINTING and c.scene.echo is None]
    silent = [c for c in cases if c.clip.label in ENDPOINTING]
    setup = curve.remembering(setup)
    memory = memory or curve.Remembered()
    floors, endings = _floors(setup) if over else {}, _endings(setup) if silent else {}
    policies = curve.by_policy(setup, options) if over and setup.judges else {}
    runs = len(over) * (sum(map(len, floors.values())) + len(policies))
    expect(runs + len(silent) * sum(map(len, endings.values())))
    floor = {name: curve.sweep(over, setups, told, memory) for name, setups in floors.items()}
    policy = curve.sweep(over, policies, told, memory)
    ends = {name: curve.sweep(silent, setups, told, memory) for name, setups in endings.items()}
    return Curves(
        backchannels={name: curve.floor_curve(swept, BACKCHANNELS) for name, swept in floor.items()},
        others={name: curve.floor_curve(swept) for name, swept in floor.items()},
        policies={
            "backchannels": curve.floor_curve(policy, BACKCHANNELS),
            "others": curve.floor_curve(policy),
        }
        if policy
        else {},
        endings={name: curve.endpoint_curve(swept) for name, swept in ends.items()},
        note=f"{note}{'; ' if note else ''}{len(over)} cases over the agent, {len(silent)} to a silent one",
    )


def _floors(setup: Setup) -> dict[str, dict[float, Setup]]:
    found = {"duration alone, s of voice": curve.by_duration(setup)}
    if setup.judges:
        names = " and ".join(judge.name for judge in setup.judges)
        found[f"ours ({names}), log-odds added to the thresholds"] = curve.by_odds(setup)
    return found


def _endings(setup: Setup) -> dict[str, dict[float, Setup]]:
    found = {"a fixed silence, s": curve.by_silence(setup)}
    if setup.turn_end is not None:
        detector = f"{setup.turn_end.name}'s detector"
        found[f"{detector} by livekit-agents' rule, min_delay, s"] = curve.by_packaged(setup)
        found[f"ours over {detector}, longest wait, s"] = curve.by_ceiling(setup)
    return found
