"""The scenarios: each drives a call and returns figures of one trial, named and in ms unless said.

A trial in which the caller's own microphone was late by more than 20 ms is thrown away by who runs it.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field

from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import WireRecord
from antiphon.workers.bench.harness import Bench, ear
from antiphon.workers.bench.score import Ear
from antiphon.workers.caller import Caller, Played

__all__ = ["SCENARIOS", "Trial", "cycle", "floor"]

SCENARIOS = ("response", "resume", "barge-in", "blocked")
_BLOCK_S = 2.0


@dataclass(slots=True)
class Trial:
    """Figures of one trial, and remarks."""

    scenario: str
    figures: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    late: bool = False
    """The harness itself was late: not counted."""


async def cycle(bench: Bench, caller: Caller, wanted: set[str], dice: random.Random) -> list[Trial]:
    """One round through the wanted scenarios, interleaved in one call."""
    trials: list[Trial] = []
    response, voice = await _response(bench, caller)
    if "response" in wanted:
        trials.append(response)
    if voice is None:
        return trials
    if "resume" in wanted:
        trials.append(await _resume(bench, caller, voice, dice))
    trial, voice = await _barge_in(bench, caller, "barge-in", dice)
    if "barge-in" in wanted:
        trials.append(trial)
    if "blocked" in wanted and voice is not None:
        trials.append(await _blocked_audio(caller, voice))
        blocked, voice = await _barge_in(bench, caller, "blocked", dice, block=True)
        trials.append(blocked)
    if voice is not None:  # leave no reply behind for the next round
        await caller.play(bench.clips["interruption"])
        await caller.until(lambda: caller.states[-1][1] == "speaking", 4.0)
    await _reply_over(caller)
    return trials


async def _reply_over(caller: Caller) -> None:
    await caller.until(lambda: caller.states[-1][1] != "speaking", 16.0)
    await asyncio.sleep(0.5)


async def _response(bench: Bench, caller: Caller) -> tuple[Trial, float | None]:
    """A question to a silent agent: last sample above -45 dBFS to first voice at the ear."""
    trial = Trial("response")
    late = caller.late_frames
    wire_before = len(bench.model.wire)
    played = await caller.play(bench.clips["question"])
    voice = await _voice(caller, played.voice_ended_at, 8.0)
    trial.late = caller.late_frames > late
    if voice is None:
        trial.remarks.append("no answer")
        return trial, None
    wire = bench.model.wire[wire_before:]
    trial.figures["response"] = (voice - played.voice_ended_at) * 1000
    commit = _first(wire, "input_audio_buffer.commit")
    audio = _first(wire, "response.output_audio.delta")
    if commit is not None:
        trial.figures["end to commit"] = (commit.at - played.voice_ended_at) * 1000
    if audio is not None:
        trial.figures["model's first audio to ear"] = (voice - audio.at) * 1000
    return trial, voice


async def _resume(bench: Bench, caller: Caller, voice: float, dice: random.Random) -> Trial:
    """A listener's short sound over the reply: held, then on from the same sample."""
    trial = Trial("resume")
    late = caller.late_frames
    played = await caller.play(bench.clips["hum"], voice + 1.5 + dice.random())
    await asyncio.sleep(2.0)
    trial.late = caller.late_frames > late
    heard = ear(caller, played.onset_at - 1.0, time.monotonic())
    gap = heard.gap(played.onset_at, played.onset_at + 1.2)
    if gap is None:
        trial.remarks.append("kept talking")
    elif gap.ended_at is None:
        trial.remarks.append("ended the reply")
    else:
        trial.figures["gap"] = (gap.seconds or 0.0) * 1000
        trial.figures["onset to hold"] = (gap.began_at - played.onset_at) * 1000
        if gap.lost_ms is not None:
            trial.figures["lost (+) or repeated (-)"] = gap.lost_ms
        else:
            trial.remarks.append("position unreadable")
    return trial


async def _barge_in(
    bench: Bench, caller: Caller, name: str, dice: random.Random, *, block: bool = False
) -> tuple[Trial, float | None]:
    """An interruption over the reply; returns the first voice of the reply that follows it, too."""
    trial = Trial(name)
    late = caller.late_frames
    wire_before = len(bench.model.wire)
    events_before = len(caller.events)
    begin = time.monotonic() + 0.3 + 0.5 * dice.random()
    if block:
        await _block(caller)
        begin = time.monotonic() + 0.3 + 0.3 * dice.random()
    played = await caller.play(bench.clips["interruption"], begin)
    await asyncio.sleep(_BLOCK_S if block else 0.4)
    trial.late = caller.late_frames > late
    heard = ear(caller, played.onset_at - 1.0, time.monotonic())
    silent = heard.gone(played.onset_at)
    voice = await _voice(caller, played.voice_ended_at + 0.3, 8.0)
    if silent is None or silent < played.onset_at:
        trial.remarks.append("did not stop")
        return trial, voice
    key = "onset to silence, loop blocked" if block else "onset to silence"
    trial.figures[key] = (silent - played.onset_at) * 1000
    wire = bench.model.wire[wire_before:]
    _truncation(trial, wire, caller, events_before, heard, silent, block)
    return trial, voice


def _truncation(
    trial: Trial,
    wire: list[WireRecord],
    caller: Caller,
    events_before: int,
    heard: Ear,
    silent: float,
    block: bool,
) -> None:
    cut = _first(wire, "conversation.item.truncate")
    if cut is None:
        trial.remarks.append("no truncation")
        return
    position = heard.position_at_end(silent)
    if position is not None and not block:
        trial.figures["truncation error"] = float(cut.event["audio_end_ms"]) - position * 1000
    yielded = [e for e in caller.events[events_before:] if isinstance(e, tl.Yield)]
    if yielded and not block:
        trial.figures["truncation sent after yield"] = (cut.at - yielded[0].at) * 1000


async def _blocked_audio(caller: Caller, voice: float) -> Trial:
    """The application's loop is blocked while the agent speaks: the longest gap at the ear."""
    trial = Trial("blocked")
    late = caller.late_frames
    await asyncio.sleep(max(voice + 1.5 - time.monotonic(), 0.0))
    began = await _block(caller)
    await asyncio.sleep(_BLOCK_S + 0.4)
    trial.late = caller.late_frames > late
    heard = ear(caller, began - 0.5, began + _BLOCK_S + 0.3)
    trial.figures["longest gap, loop blocked"] = heard.longest_silence(began, began + _BLOCK_S) * 1000
    return trial


async def _block(caller: Caller) -> float:
    await caller.room.local_participant.publish_data(str(_BLOCK_S), reliable=True, topic="block")
    began = time.monotonic()
    await asyncio.sleep(0.05)
    return began


async def floor(bench: Bench, repeats: int) -> list[Trial]:
    """The transport's floor: a sound and its echo, onset to onset."""
    trials: list[Trial] = []
    async with bench.echo() as caller:
        await caller.play(bench.clips["interruption"])  # the first sound opens the path
        await asyncio.sleep(1.0)
        for _ in range(repeats):
            trial = Trial("floor")
            late = caller.late_frames
            played: Played = await caller.play(bench.clips["interruption"])
            await asyncio.sleep(0.6)
            heard = ear(caller, played.onset_at - 0.2, time.monotonic())
            back = heard.first_voice(played.onset_at)
            trial.late = caller.late_frames > late
            if back is None:
                trial.remarks.append("no echo")
            else:
                trial.figures["transport floor"] = (back - played.onset_at) * 1000
            trials.append(trial)
    return trials


async def _voice(caller: Caller, after: float, timeout: float) -> float | None:
    """When the agent's voice is first heard after a moment."""
    deadline = time.monotonic() + timeout
    looked = after
    while time.monotonic() < deadline:
        now = time.monotonic()
        found = ear(caller, looked, now).first_voice(looked)
        if found is not None:
            return found
        looked = max(after, now - 0.2)
        await asyncio.sleep(0.05)
    return None


def _first(wire: list[WireRecord], kind: str) -> WireRecord | None:
    return next((record for record in wire if record.type == kind), None)
