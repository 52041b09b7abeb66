"""The scenarios: each drives a call and returns figures of one trial, named and in ms unless said.

A figure that a trial should have given and could not, because the agent did not do the thing, is one of
its failures: it counts as not reached. A trial in which the caller's own microphone was late by more than
20 ms at any time up to its last figure is thrown away by who runs it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field

from livekit import rtc

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MisuseError
from antiphon.plugins.local.testing import WireRecord
from antiphon.workers.bench.harness import ANTIPHON, Bench, ear
from antiphon.workers.bench.score import Ear, rise_s
from antiphon.workers.caller import Caller
from antiphon.workers.caller.caller import MIC_RATE_HZ

__all__ = ["SCENARIOS", "Trial", "block_loop", "cycle", "floor", "settled"]

SCENARIOS = ("response", "resume", "barge-in", "blocked")
_TRUNCATE = "conversation.item.truncate"
_BLOCK_S = 2.0
_SETTLE_S = 0.05  # s; chosen: scoring holds the harness up, which is to be counted before the next trial
_TRUNCATE_S = 8.0  # s; livekit-agents truncates only with the next commit, after 4 s and more

_RESPONSE = ("response", "end to commit", "model's first audio to ear")
_LOST = "lost (+) or repeated (-)"
_SILENCE = "onset to silence"
_ERROR = "truncation error"
_SENT = "truncation sent after onset"
_SENT_YIELD = "truncation sent after yield"
_STALL = "longest gap, loop blocked"
_SILENCE_BLOCKED = "onset to silence, loop blocked"


@dataclass(slots=True)
class Trial:
    """Figures of one trial, and remarks."""

    scenario: str
    figures: dict[str, float] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Figures that it should have given and did not: not reached."""
    late: bool = False
    """The harness itself was late: not counted."""
    arm: str = ""
    """The system under test; empty for what is none's, as the transport."""

    def fail(self, why: str, *figures: str) -> None:
        """Notes that the thing did not happen."""
        self.remarks.append(why)
        self.failed += figures


async def cycle(bench: Bench, caller: Caller, arm: str, wanted: set[str], dice: random.Random) -> list[Trial]:
    """One round through the wanted scenarios, in one call of an arm."""
    trials = await _round(bench, caller, arm, wanted, dice)
    for trial in trials:
        trial.arm = arm
    await _reply_over(caller)  # leave none behind for the next round
    return trials


async def _round(
    bench: Bench, caller: Caller, arm: str, wanted: set[str], dice: random.Random
) -> list[Trial]:
    trials: list[Trial] = []
    response, voice = await _response(bench, caller)
    if "response" in wanted:
        trials.append(response)
    if "resume" in wanted:
        trial, lives = await _resume(bench, caller, voice, dice)
        trials.append(trial)
        if not lives:
            await _reply_over(caller)
            _, voice = await _response(bench, caller)
    if wanted & {"barge-in", "blocked"}:
        trial, voice = await _barge_in(bench, caller, arm, voice, dice)
        trials.append(trial)  # for what is blocked, too: it is held against this
    if "blocked" in wanted:
        trials.append(await _blocked_audio(caller, voice))
        trial, _ = await _barge_in(bench, caller, arm, voice, dice, block=True)
        trials.append(trial)
    return trials


async def _reply_over(caller: Caller) -> None:
    await caller.until(lambda: caller.states[-1][1] != "speaking", 16.0)
    await asyncio.sleep(0.5)


async def settled(caller: Caller) -> int:
    """The count of late frames before a trial."""
    await asyncio.sleep(_SETTLE_S)
    return caller.late_frames


async def _response(bench: Bench, caller: Caller) -> tuple[Trial, float | None]:
    """A question to a silent agent: last sample above -45 dBFS to first voice at the ear."""
    trial = Trial("response")
    late = await settled(caller)
    wire_before = len(bench.model.wire)
    played = await caller.play(bench.clips["question"])
    voice = await _voice(caller, played.voice_ended_at, 8.0)
    trial.late = caller.late_frames > late
    if voice is None:
        trial.fail("no answer", *_RESPONSE)
        return trial, None
    wire = bench.model.wire[wire_before:]
    commit = _first(wire, "input_audio_buffer.commit")
    audio = _first(wire, "response.output_audio.delta")
    if commit is None or audio is None or not played.voice_ended_at < commit.at < audio.at < voice:
        trial.fail("no answer to the whole question", *_RESPONSE)
        return trial, voice
    trial.figures["response"] = (voice - played.voice_ended_at) * 1000
    trial.figures["end to commit"] = (commit.at - played.voice_ended_at) * 1000
    trial.figures["model's first audio to ear"] = (voice - audio.at) * 1000
    return trial, voice


async def _resume(
    bench: Bench, caller: Caller, voice: float | None, dice: random.Random
) -> tuple[Trial, bool]:
    """A listener's short sound over the reply: held, then on from the same sample; whether it goes on."""
    trial = Trial("resume")
    if voice is None:
        trial.fail("no reply to hum over", _LOST)
        return trial, False
    late = await settled(caller)
    played = await caller.play(bench.clips["hum"], voice + 1.5 + dice.random())
    await asyncio.sleep(2.0)
    heard = ear(caller, played.onset_at - 1.0, time.monotonic())
    trial.late = caller.late_frames > late
    gap = heard.gap(played.onset_at, played.onset_at + 1.2)
    if gap is None:
        trial.remarks.append("kept talking")
        lost = heard.skipped_ms(played.onset_at, played.onset_at + 1.2)
    elif gap.seconds is None:
        trial.fail("ended the reply", _LOST)
        return trial, False
    else:
        trial.figures["gap"] = gap.seconds * 1000
        trial.figures["onset to hold"] = (gap.began_at - played.onset_at) * 1000
        lost = gap.lost_ms
    if lost is None:
        trial.fail("position unreadable", _LOST)
    elif lost < -1000:  # far behind where it was: it began another
        trial.fail("ended the reply", _LOST)
        return trial, False
    else:
        trial.figures[_LOST] = lost
    return trial, True


async def _barge_in(
    bench: Bench,
    caller: Caller,
    arm: str,
    voice: float | None,
    dice: random.Random,
    *,
    block: bool = False,
) -> tuple[Trial, float | None]:
    """An interruption over the reply; returns the first voice of the reply that follows it, too."""
    trial = Trial("blocked" if block else "barge-in")
    wanted = [_SILENCE_BLOCKED] if block else [_SILENCE, _ERROR, _SENT]
    if arm == ANTIPHON and not block:
        wanted.append(_SENT_YIELD)
    if voice is None:
        trial.fail("no reply to interrupt", *wanted)
        return trial, None
    late = await settled(caller)
    cuts_before = len(bench.model.events(_TRUNCATE))
    events_before = len(caller.events)
    begin = time.monotonic() + 0.3 + 0.5 * dice.random()
    if block:
        blocked = asyncio.create_task(block_loop(caller))
        begin = time.monotonic() + 0.35 + 0.3 * dice.random()
    played = await caller.play(bench.clips["interruption"], begin)
    await asyncio.sleep(_BLOCK_S if block else 0.4)
    heard = ear(caller, played.onset_at - 1.0, time.monotonic())
    first = heard.first_voice(played.onset_at - 0.05)
    silent = heard.gone(played.onset_at)
    following = await _voice(caller, played.voice_ended_at + 0.3, 8.0)
    span = await blocked if block else None
    if block and (span is None or not span[0] < played.onset_at < span[1]):
        trial.fail("the loop was not blocked", *wanted)
    elif first is None or first > played.onset_at:
        trial.fail("no reply to interrupt", *wanted)
    elif silent is None:
        trial.fail("did not stop", *wanted)
    else:
        trial.figures[wanted[0]] = (silent - played.onset_at) * 1000
        if not block:
            cut = await _next(bench, _TRUNCATE, cuts_before)
            yields = [e.at for e in caller.events[events_before:] if isinstance(e, tl.Yield)]
            _truncation(trial, cut, yields, heard, played.onset_at, silent, wanted[1:])
    trial.late = caller.late_frames > late
    return trial, following


def _truncation(
    trial: Trial,
    cut: WireRecord | None,
    yields: list[float],
    heard: Ear,
    onset: float,
    silent: float,
    wanted: list[str],
) -> None:
    if cut is None:
        trial.fail("no truncation", *wanted)
        return
    trial.figures[_SENT] = (cut.at - onset) * 1000
    position = heard.position_at_end(silent)
    if position is None:
        trial.fail("position unreadable", _ERROR)
    else:
        trial.figures[_ERROR] = float(cut.event["audio_end_ms"]) - position * 1000
    if yields:
        trial.figures[_SENT_YIELD] = (cut.at - yields[0]) * 1000
    elif _SENT_YIELD in wanted:
        trial.fail("no yield in the timeline", _SENT_YIELD)


async def _blocked_audio(caller: Caller, voice: float | None) -> Trial:
    """The application's loop is blocked while the agent speaks: the longest gap at the ear."""
    trial = Trial("blocked")
    if voice is None:
        trial.fail("no reply to listen to", _STALL)
        return trial
    late = await settled(caller)
    await asyncio.sleep(max(voice + 1.5 - time.monotonic(), 0.0))
    span = await block_loop(caller)
    if span is None:
        trial.fail("the loop was not blocked", _STALL)
        return trial
    began, end = span[0], span[1] + 0.3  # what came late in the end is heard a little later
    await asyncio.sleep(max(end + 0.2 - time.monotonic(), 0.0))
    stall = ear(caller, began - 0.6, end + 0.2).longest_stall(began, end)
    trial.late = caller.late_frames > late
    if stall is None:
        trial.fail("position unreadable", _STALL)
    else:
        trial.figures[_STALL] = stall * 1000
    return trial


async def block_loop(caller: Caller) -> tuple[float, float] | None:
    """Blocks the application's loop; from when to when it was, or None if it does not say so."""
    told: asyncio.Future[tuple[float, float]] = asyncio.get_running_loop().create_future()

    def on_data(packet: rtc.DataPacket) -> None:
        if packet.topic == "blocked" and not told.done():
            began, ended = json.loads(packet.data)
            told.set_result((began, ended))

    caller.room.on("data_received", on_data)
    try:
        await caller.room.local_participant.publish_data(str(_BLOCK_S), reliable=True, topic="block")
        return await asyncio.wait_for(told, _BLOCK_S + 3.0)
    except TimeoutError:
        return None
    finally:
        caller.room.off("data_received", on_data)


async def floor(bench: Bench, repeats: int) -> list[Trial]:
    """The transport's floor: a sound and its echo, onset to onset.

    The echo's onset is found at -35 dBFS; what the clip itself takes to rise there is taken off.
    """
    trials: list[Trial] = []
    clip = bench.clips["interruption"]
    rise = rise_s(clip, MIC_RATE_HZ)
    async with bench.echo() as caller:
        await caller.play(clip)  # the first sound opens the path
        await asyncio.sleep(1.0)
        for _ in range(repeats):
            trial = Trial("floor")
            late = await settled(caller)
            played = await caller.play(clip)
            await asyncio.sleep(0.6)
            heard = ear(caller, played.onset_at - 0.2, time.monotonic())
            trial.late = caller.late_frames > late
            back = heard.first_voice(played.onset_at)
            if back is None:
                trial.fail("no echo", "transport floor")
            else:
                trial.figures["transport floor"] = (back - rise - played.onset_at) * 1000
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


async def _next(bench: Bench, kind: str, before: int) -> WireRecord | None:
    """The event of a kind on the wire that follows so many, if it comes."""
    try:
        return await bench.model.wait_for(kind, count=before + 1, timeout=_TRUNCATE_S)
    except MisuseError:
        return None


def _first(wire: list[WireRecord], kind: str) -> WireRecord | None:
    return next((record for record in wire if record.type == kind), None)
