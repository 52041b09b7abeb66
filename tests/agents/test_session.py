"""What VoiceSession sets up; what it does is tested in whole calls, in tests/e2e."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import AgentSession, llm
from livekit.agents.voice.events import ConversationItemAddedEvent

from antiphon.agents import ConfigError, Timeline, TurnTaking, VoiceSession
from antiphon.agents import timeline as tl


async def test_it_is_an_agent_session_whose_turns_are_ours() -> None:
    session: VoiceSession[dict[str, int]] = VoiceSession(userdata={"a": 1}, max_tool_steps=5)
    assert isinstance(session, AgentSession)
    assert session.turn_detection == "manual"
    assert session.vad is None
    assert session.userdata == {"a": 1}
    assert session.options.max_tool_steps == 5
    assert session.options.aec_warmup_duration is None
    assert session.options.interruption["discard_audio_if_uninterruptible"] is False


async def test_other_turn_handling_is_kept() -> None:
    session: VoiceSession[Any] = VoiceSession(
        turn_handling={"preemptive_generation": {"enabled": False}, "interruption": {"min_words": 2}}
    )
    assert session.options.preemptive_generation["enabled"] is False
    assert session.options.interruption["min_words"] == 2
    assert session.turn_detection == "manual"


async def test_options_and_timeline_are_given_or_made() -> None:
    options, line = TurnTaking(silence_s=0.7), Timeline()
    session: VoiceSession[Any] = VoiceSession(turn_taking=options, timeline=line)
    assert session.turn_taking is options
    assert session.timeline is line
    assert isinstance(next(iter(VoiceSession().timeline)), tl.Clock)


@pytest.mark.parametrize(
    ("argument", "instead"),
    [
        ("vad", "voice_detector"),
        ("turn_detection", "turn_taking"),
        ("min_endpointing_delay", "silence_s"),
        ("min_interruption_duration", "yield_after_s"),
        ("false_interruption_timeout", "resume_quiet_s"),
    ],
)
async def test_what_is_taken_over_says_what_to_use(argument: str, instead: str) -> None:
    with pytest.raises(ConfigError, match=instead) as caught:
        VoiceSession(**{argument: 1.0})
    assert caught.value.field == f"VoiceSession({argument})"


class _Call:
    """Stands for the media plane, and notes what it is told."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def agent_asked(self, asked: bool) -> None:
        self.asked.append(asked)


async def test_the_media_plane_hears_whether_the_agent_asked_something() -> None:
    session: VoiceSession[Any] = VoiceSession()
    session._call = call = _Call()  # type: ignore[assignment]
    for role, text, interrupted in (
        ("assistant", "Shall I order it?", False),
        ("assistant", "It is ordered.", False),
        ("user", "Is it?", False),
        ("assistant", "It is on its", True),
    ):
        message = llm.ChatMessage(role=role, content=[text], interrupted=interrupted)  # type: ignore[arg-type]
        session.emit("conversation_item_added", ConversationItemAddedEvent(item=message))
    assert call.asked == [True, False, True]
    session._call = None


async def test_without_a_room_it_is_livekits_own() -> None:
    session: VoiceSession[Any] = VoiceSession()
    assert session.output.audio is None
    assert session.output.transcription is None
