"""Places one recorded call: asks, listens, interrupts, and leaves a recording, a timeline and a picture."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError
from antiphon.workers.caller.audiofile import read_audio
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ, Caller, Line, Played
from antiphon.workers.caller.files import save_call
from antiphon.workers.caller.recording import silent_after, voice_spans
from antiphon.workers.tokens import make_token

__all__ = ["CallResult", "Exchange", "entry", "place_call"]

Samples = NDArray[np.int16]
_QUIET_S = 1.2  # s without the agent's voice, and it listening, after which its reply is over
_AFTER_S = 8.0  # s; chosen: an interruption need not be answered, and nobody waits longer to see
_LOOK_BACK_S = 1.0  # s; what came since the last look, and what may have come late


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and what came of it. Times are s, monotonic."""

    asked: str
    """The clip's name, or what was typed."""
    played: Played
    response_s: float | None
    """From the question's last sample above -45 dBFS to the agent's first voice at the ear."""
    reply: str
    """The agent's words, as far as they were heard."""
    interrupted_s: float | None = None
    """From the interruption's first sample above -45 dBFS to the end of the agent's voice; None if it did
    not fall silent, or was silent already."""


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
    texts: Sequence[str] = (),
    interrupt_with: str | Path | None = None,
    interrupt_at_s: float = 2.5,
    push_to_talk: bool = False,
    out_dir: str | Path | None = None,
    agent_timeout_s: float = 20.0,
    reply_timeout_s: float = 30.0,
    reply_limit_s: float = 120.0,
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
        texts: Further questions, typed.
        interrupt_with: A sound file played over the reply to the last question.
        interrupt_at_s: How long after that reply's first sound, s.
        push_to_talk: Whether to say it all with a key, pressed as each file begins and released as it ends.
        out_dir: Where recording, timeline and picture go; None for nowhere.
        agent_timeout_s: How long to wait for the agent, s.
        reply_timeout_s: How long to wait for each reply to begin, s.
        reply_limit_s: How long to listen to each reply, s.
        on_event: Told of what happens, as `Caller` tells it.

    Raises:
        MediaError: A file cannot be played.
        RoomError: The room cannot be joined, or no agent comes.
        ConfigError: There is neither token nor key.
    """
    clips = [(Path(path).stem, read_audio(path, MIC_RATE_HZ)) for path in say]
    cut_in = read_audio(interrupt_with, MIC_RATE_HZ) if interrupt_with is not None else None
    token = token or entry(api_key, api_secret, room=room, agent_name=agent_name, identity=identity)
    async with Caller(url, token, on_event=on_event) as caller:
        result = CallResult(caller.room.name, began_at=time.monotonic())
        try:
            await caller.wait_for_agent(agent_timeout_s)
            await caller.until(lambda: any(s in ("listening", "speaking") for _, s in caller.states), 10.0)
            if push_to_talk:
                await caller.use_key()
            speak = caller.say if push_to_talk else caller.play
            await _listen(caller, time.monotonic(), 2.0, reply_limit_s)  # a greeting, if there is one
            questions: list[tuple[str, Samples | None]] = [*clips, *((text, None) for text in texts)]
            for number, (name, samples) in enumerate(questions):
                lines_before = len(caller.lines)
                played = await (speak(samples) if samples is not None else _type(caller, name))
                last = number == len(questions) - 1
                over = (cut_in, interrupt_at_s) if last and cut_in is not None else None
                response, stopped = await _hear(caller, played, speak, over, reply_timeout_s, reply_limit_s)
                reply = " ".join(x.text for x in caller.lines[lines_before:] if x.speaker == "agent")
                result.exchanges.append(Exchange(name, played, response, reply.strip(), stopped))
        finally:
            result.ended_at = time.monotonic()
            result.lines, result.events = caller.lines, caller.events
            if out_dir is not None and len(caller.heard):
                await asyncio.to_thread(save_call, result, caller, Path(out_dir))
    return result


def entry(
    api_key: str | None,
    api_secret: str | None,
    *,
    room: str | None = None,
    agent_name: str | None = "",
    identity: str | None = None,
) -> str:
    """A caller's token, made as `place_call` says.

    Raises:
        ConfigError: There is no key.
    """
    if not api_key or not api_secret:
        raise ConfigError("token", "", "a token, or an API key and secret to make one")
    return make_token(
        api_key=api_key,
        api_secret=api_secret,
        room=room or f"call-{secrets.token_hex(3)}",
        identity=identity or f"caller-{secrets.token_hex(3)}",
        agent=agent_name,
    )


async def _type(caller: Caller, text: str) -> Played:
    at = time.monotonic()
    await caller.send_text(text)
    return Played(at, at, at, at)


async def _hear(
    caller: Caller,
    played: Played,
    speak: Callable[[Samples, float | None], Coroutine[Any, Any, Played]],
    cut_in: tuple[Samples, float] | None,
    timeout: float,
    limit: float,
) -> tuple[float | None, float | None]:
    """Hears a reply to its end, or interrupts it; the response and the time to silence, s."""
    voice = await _listen(caller, played.voice_ended_at, timeout, limit, whole=cut_in is None)
    if voice is None:
        return None, None
    response = voice - played.voice_ended_at
    if cut_in is None:
        return response, None
    cut = await speak(cut_in[0], voice + cut_in[1])
    await _listen(caller, cut.voice_ended_at, min(timeout, _AFTER_S), limit)
    start, end = cut.onset_at - 1.0, time.monotonic()
    spans = [(start + a, start + b) for a, b in _voices(caller, start, end)]
    return response, silent_after(spans, cut.onset_at, end)


async def _listen(
    caller: Caller, since: float, timeout: float, limit: float, *, whole: bool = True
) -> float | None:
    """Waits for the agent's voice after ``since``, and for its end; returns when it began, or None."""
    looked, deadline = since, time.monotonic() + timeout
    began, ended = None, 0.0
    while not caller.disconnected:
        now = time.monotonic()
        start = max(since, looked - _LOOK_BACK_S)
        spans, looked = _voices(caller, start, now), now
        if spans:
            ended = start + spans[-1][1]
            if began is None:
                began, deadline = start + spans[0][0], now + limit
        if began is None:
            if now >= deadline:
                break
        elif not whole or now >= deadline:
            break
        else:
            listening = bool(caller.states) and caller.states[-1][1] == "listening"
            if now - ended > (_QUIET_S if listening else 4 * _QUIET_S):
                break
        await asyncio.sleep(0.1)
    return began


def _voices(caller: Caller, start: float, end: float) -> list[tuple[float, float]]:
    return voice_spans(caller.voice.render(start, end), AGENT_RATE_HZ)
