"""Places one recorded call: asks, listens, interrupts, and leaves a recording, a timeline and a picture."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError
from antiphon.workers.caller.audiofile import read_audio, write_stereo
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ, Caller, Line, Played
from antiphon.workers.caller.recording import voice_spans
from antiphon.workers.tokens import make_token

__all__ = ["CallResult", "Exchange", "place_call", "save_call"]

Samples = NDArray[np.int16]
_QUIET_S = 1.2  # s without the agent's voice, and it listening, after which its reply is over


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what came of it. Times are s, monotonic."""

    asked: str
    """The clip's name."""
    played: Played
    response_s: float | None
    """From the question's last sample above -45 dBFS to the agent's first voice at the ear."""
    reply: str
    """The agent's words, as far as they were heard."""
    interrupted_s: float | None = None
    """From the interruption's first sample above -45 dBFS to the end of the agent's voice."""


@dataclass(slots=True)
class CallResult:
    """A call that took place."""

    room: str
    exchanges: list[Exchange] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    events: list[tl.Event] = field(default_factory=list)
    recording: Path | None = None
    timeline: Path | None = None
    picture: Path | None = None
    began_at: float = 0.0
    ended_at: float = 0.0
    late_frames: int = 0

    @property
    def answered(self) -> bool:
        """Whether the agent was heard after every question."""
        return bool(self.exchanges) and all(e.response_s is not None for e in self.exchanges)


async def place_call(
    *,
    url: str,
    room: str | None = None,
    api_key: str | None = None,
    api_secret: str | None = None,
    token: str | None = None,
    agent_name: str | None = "",
    identity: str | None = None,
    say: Sequence[str | Path] = (),
    interrupt_with: str | Path | None = None,
    interrupt_at_s: float = 2.5,
    out_dir: str | Path | None = None,
    agent_timeout_s: float = 20.0,
    reply_timeout_s: float = 30.0,
    on_event: Callable[[object], None] | None = None,
) -> CallResult:
    """Joins, asks each question in turn, waits for the replies and leaves.

    Args:
        url: Of the server.
        room: Its name; a new one when not given.
        api_key: With ``api_secret``, to make a token.
        api_secret: See ``api_key``.
        token: To join with, instead.
        agent_name: Whom to dispatch into the room; None if an agent comes by itself.
        identity: Of the caller.
        say: Sound files, the questions.
        interrupt_with: A sound file played over the reply to the last question.
        interrupt_at_s: How long after that reply's first sound, s.
        out_dir: Where recording, timeline and picture go; None for nowhere.
        agent_timeout_s: How long to wait for the agent, s.
        reply_timeout_s: How long to wait for each reply to begin, s.
        on_event: Told of what happens, as `Caller` tells it.

    Raises:
        MediaError: A file cannot be played.
        RoomError: The room cannot be joined, or no agent comes.
        ConfigError: There is neither token nor key.
    """
    clips = [(Path(path).stem, read_audio(path, MIC_RATE_HZ)) for path in say]
    cut_in = read_audio(interrupt_with, MIC_RATE_HZ) if interrupt_with is not None else None
    name = room or f"call-{secrets.token_hex(3)}"
    if token is None:
        if not api_key or not api_secret:
            raise ConfigError("token", "", "a token, or an API key and secret to make one")
        token = make_token(
            api_key=api_key,
            api_secret=api_secret,
            room=name,
            identity=identity or f"caller-{secrets.token_hex(3)}",
            agent=agent_name,
        )
    result = CallResult(name)
    caller = Caller(url, token, on_event=on_event)
    async with caller:
        result.began_at = time.monotonic()
        try:
            await caller.wait_for_agent(agent_timeout_s)
            await caller.until(lambda: any(s in ("listening", "speaking") for _, s in caller.states), 10.0)
            await _listen(caller, time.monotonic(), 2.0)  # a greeting, if there is one
            for number, (stem, samples) in enumerate(clips):
                last = number == len(clips) - 1
                exchange = await _ask(
                    caller, stem, samples, cut_in if last else None, interrupt_at_s, reply_timeout_s
                )
                result.exchanges.append(exchange)
        finally:
            result.ended_at = time.monotonic()
            result.lines, result.events = caller.lines, caller.events
            result.late_frames = caller.late_frames
            if out_dir is not None and len(caller.heard):
                await asyncio.to_thread(save_call, result, caller, Path(out_dir))
    return result


async def _ask(
    caller: Caller,
    stem: str,
    samples: Samples,
    cut_in: Samples | None,
    interrupt_at_s: float,
    reply_timeout_s: float,
) -> Exchange:
    lines_before = len(caller.lines)
    played = await caller.play(samples)
    voice = await _listen(caller, played.voice_ended_at, reply_timeout_s, whole=cut_in is None)
    response = None if voice is None else voice - played.voice_ended_at
    stopped: float | None = None
    if voice is not None and cut_in is not None:
        interruption = await caller.play(cut_in, voice + interrupt_at_s)
        await _listen(caller, interruption.voice_ended_at, reply_timeout_s)
        spans = _voices(caller, interruption.onset_at - 0.2, interruption.onset_at + 5.0)
        if spans:
            stopped = max(interruption.onset_at - 0.2 + spans[0][1] - interruption.onset_at, 0.0)
    reply = " ".join(line.text for line in caller.lines[lines_before:] if line.speaker == "agent")
    return Exchange(stem, played, response, reply.strip(), stopped)


async def _listen(caller: Caller, since: float, timeout: float, *, whole: bool = True) -> float | None:
    """Waits for the agent's voice after ``since``, and for its end; returns when it began, or None."""
    deadline = time.monotonic() + timeout
    began: float | None = None
    while time.monotonic() < deadline or began is not None:
        if caller.disconnected:
            break
        spans = _voices(caller, since, time.monotonic())
        if spans and began is None:
            began = since + spans[0][0]
            if not whole:
                return began
        if began is not None:
            ended = since + spans[-1][1]
            listening = bool(caller.states) and caller.states[-1][1] == "listening"
            quiet = time.monotonic() - ended
            if (quiet > _QUIET_S and listening) or quiet > 4 * _QUIET_S:
                return began
        await asyncio.sleep(0.1)
    return began


def _voices(caller: Caller, start: float, end: float) -> list[tuple[float, float]]:
    return voice_spans(caller.heard.render(start, end), AGENT_RATE_HZ)


def save_call(result: CallResult, caller: Caller, folder: Path) -> None:
    """Writes the stereo recording (caller left, agent right), the timeline and the picture."""
    from livekit import rtc

    folder.mkdir(parents=True, exist_ok=True)
    start = min(result.began_at, caller.sent.began_at or result.began_at)
    mic48 = caller.sent.render(start, result.ended_at)
    resampler = rtc.AudioResampler(MIC_RATE_HZ, AGENT_RATE_HZ, quality=rtc.AudioResamplerQuality.HIGH)
    pushed = resampler.push(rtc.AudioFrame(mic48.tobytes(), MIC_RATE_HZ, 1, len(mic48)))
    frames = [np.frombuffer(bytes(f.data), dtype=np.int16) for f in [*pushed, *resampler.flush()]]
    mic = np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)
    agent = caller.heard.render(start, result.ended_at)
    result.recording = folder / "call.wav"
    write_stereo(result.recording, mic, agent, AGENT_RATE_HZ)
    result.timeline = folder / "timeline.jsonl"
    events = result.events or observed(caller, start)
    record = tl.Timeline(now=lambda: start)
    for event in events:
        if not isinstance(event, tl.Clock):
            record.append(event)
    record.write(result.timeline, personal=True)
    try:
        from antiphon.workers.picture import draw_call
    except ImportError:
        return
    result.picture = folder / "call.png"
    draw_call(
        result.picture,
        caller=mic,
        agent=agent,
        rate_hz=AGENT_RATE_HZ,
        start=start,
        events=events,
        lines=[(line.at, line.speaker, line.text) for line in result.lines],
    )


def observed(caller: Caller, start: float) -> list[tl.Event]:
    """What the caller could see by itself, for an agent that sends no timeline."""
    made: list[tl.Event] = [tl.AgentState(at, state) for at, state in caller.states]
    made += [
        tl.Transcript(line.at, "user" if line.speaker == "user" else "agent", line.final, line.text)
        for line in caller.lines
    ]
    for begin, end in voice_spans(caller.heard.render(start, caller.heard.ends_at), AGENT_RATE_HZ):
        made.append(tl.PlayoutStarted(start + begin))
        made.append(tl.PlayoutEnded(start + end, round((end - begin) * 1000), False))
    return sorted(made, key=lambda event: event.at)
