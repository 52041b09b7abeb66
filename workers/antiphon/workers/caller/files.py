"""What a call leaves: a stereo recording, the timeline and the picture.

The words in the timeline are those the caller was shown: an agent's feed carries none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.agents.errors import MediaError
from antiphon.agents.logs import get_logger
from antiphon.workers.caller.audiofile import write_stereo
from antiphon.workers.caller.caller import AGENT_RATE_HZ, MIC_RATE_HZ, Caller, Line
from antiphon.workers.caller.recording import voice_spans

if TYPE_CHECKING:
    from antiphon.workers.caller.place_call import CallResult

__all__ = ["observed", "save_call", "with_words"]

log = get_logger(__name__)

Samples = NDArray[np.int16]


def save_call(result: CallResult, caller: Caller, folder: Path) -> None:
    """Writes the stereo recording (caller left, agent right), the timeline and the picture.

    Blocks for about a second. Without matplotlib there is no picture, and a warning says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = min(result.began_at, caller.sent.began_at or result.began_at)
    mic = _resampled(caller.sent.render(start, result.ended_at))
    agent = caller.heard.render(start, result.ended_at)
    recording = folder / "call.wav"
    write_stereo(recording, mic, agent, AGENT_RATE_HZ)
    result.recording = recording
    events = with_words(result.events or observed(caller, start), result.lines)
    record = tl.Timeline(now=lambda: start)
    for event in events:
        record.append(event)
    timeline = folder / "timeline.jsonl"
    record.write(timeline, personal=True)
    result.timeline = timeline
    from antiphon.workers.picture import draw_call

    picture = folder / "call.png"
    lines = [(line.at, line.speaker, line.text) for line in result.lines]
    try:
        draw_call(
            picture, caller=mic, agent=agent, rate_hz=AGENT_RATE_HZ, start=start, events=events, lines=lines
        )
    except MediaError as error:
        log.warning("no picture was drawn", reason=str(error))
        return
    result.picture = picture


def observed(caller: Caller, start: float) -> list[tl.Event]:
    """What the caller could see by itself, for an agent that sends no timeline."""
    made: list[tl.Event] = [tl.AgentState(at, state) for at, state in caller.states]
    for begin, end in voice_spans(caller.voice.render(start, caller.voice.ends_at), AGENT_RATE_HZ):
        made.append(tl.PlayoutStarted(start + begin))
        made.append(tl.PlayoutEnded(start + end, round((end - begin) * 1000), False))
    return sorted(made, key=lambda event: event.at)


def with_words(events: Iterable[tl.Event], lines: Sequence[Line]) -> list[tl.Event]:
    """The events in order of time, with the words that were shown in place of those without any."""
    kept = [e for e in events if not isinstance(e, tl.Clock | tl.Transcript)]
    said = [
        tl.Transcript(line.at, "user" if line.speaker == "user" else "agent", line.final, line.text)
        for line in lines
    ]
    return sorted([*kept, *said], key=lambda event: event.at)


def _resampled(mic: Samples) -> Samples:
    from livekit import rtc

    resampler = rtc.AudioResampler(MIC_RATE_HZ, AGENT_RATE_HZ, quality=rtc.AudioResamplerQuality.HIGH)
    pushed = resampler.push(rtc.AudioFrame(mic.tobytes(), MIC_RATE_HZ, 1, len(mic))) if len(mic) else []
    frames = [np.frombuffer(bytes(f.data), dtype=np.int16) for f in [*pushed, *resampler.flush()]]
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)
