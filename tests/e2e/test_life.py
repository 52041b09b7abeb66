"""What a call must live through, and what AgentSession's users keep."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent, function_tool
from numpy.typing import NDArray

from antiphon.agents import ConfigError, VoiceSession
from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply
from antiphon.workers.caller import Caller
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token

pytestmark = pytest.mark.sfu


async def test_a_dead_model_socket_gives_an_error_and_the_next_turn_works(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    async with open_call([Say("First."), Say("Second.")]) as call:
        await call.asked(question)
        assert await call.until(lambda: call.caller.states[-1][1] == "listening")
        sessions = len(call.model.events("session.created"))
        call.model.drop_all()
        await call.model.wait_for("session.created", count=sessions + 1, timeout=10)
        assert call.errors
        await call.asked(question)
        assert await call.until(lambda: any("Second" in line.text for line in call.caller.lines))
        assert call.session.timeline.of(tl.Failure)


async def test_a_benign_error_changes_nothing(open_call: Any, question: NDArray[np.int16]) -> None:
    async with open_call([Say("Fine.", fault="error"), Say("Still fine.")]) as call:
        await call.asked(question)
        await call.until(lambda: call.caller.states[-1][1] == "listening")
        await call.asked(question)
        assert len(call.model.events("session.created")) == 1


async def test_typed_text_is_answered(open_call: Any) -> None:
    async with open_call([Say("I read you.")]) as call:
        await call.caller.send_text("Can you read me?")
        assert await call.until(lambda: any("read you" in line.text for line in call.caller.lines))
        texts = [
            part.get("text")
            for r in call.model.events("conversation.item.create", "c")
            for part in r.event["item"].get("content", [])
        ]
        assert "Can you read me?" in texts


async def test_a_muted_microphone_ends_the_turn_and_an_unmuted_one_is_heard_again(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    async with open_call([Say("Yes.")]) as call:
        speaking = asyncio.create_task(call.caller.play(question))
        await asyncio.sleep(1.2)
        await call.caller.mute()
        await speaking
        assert await call.until(lambda: len(call.session.timeline.of(tl.Commit)) == 1)
        await call.caller.mute(False)
        await call.until(lambda: call.caller.states[-1][1] == "listening")
        await call.caller.play(question)
        assert await call.until(lambda: len(call.session.timeline.of(tl.Commit)) == 2)


async def test_a_switched_microphone_is_followed(open_call: Any, question: NDArray[np.int16]) -> None:
    async with open_call([Say("Yes.")]) as call:
        local = call.caller.room.local_participant
        old = call.caller._track
        assert old is not None
        await local.unpublish_track(old.sid)
        source = rtc.AudioSource(8000, 2, queue_size_ms=1000)  # 8 kHz stereo, as some devices are
        track = rtc.LocalAudioTrack.create_audio_track("other microphone", source)
        await local.publish_track(track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE))
        narrow = question[::6]
        stereo = np.repeat(np.concatenate([np.zeros(8000, np.int16), narrow, np.zeros(12_000, np.int16)]), 2)
        for start in range(0, len(stereo) - 159, 160):
            await source.capture_frame(rtc.AudioFrame(stereo[start : start + 160].tobytes(), 8000, 2, 80))
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Commit)))
        await source.aclose()


async def test_a_person_who_returns_within_the_grace_time_goes_on(
    open_call: Any, sfu: LocalSfu, question: NDArray[np.int16]
) -> None:
    closed: list[Any] = []
    async with open_call([Say("Yes.")], session_options={"rejoin_grace_s": 5.0}) as call:
        call.session.on("close", closed.append)
        await call.caller.aclose()
        await asyncio.sleep(1.0)
        token = make_token(api_key=sfu.api_key, api_secret=sfu.api_secret, room=call.name, identity="caller")
        async with Caller(sfu.url, token) as again:
            await again.wait_for_agent(5)
            await again.play(question)
            assert await again.until(lambda: bool(call.session.timeline.of(tl.Commit)), 5)
            assert not closed


async def test_a_person_who_does_not_return_ends_the_session(open_call: Any) -> None:
    async with open_call([Say("Yes.")], session_options={"rejoin_grace_s": 0.3}) as call:
        done = asyncio.Event()
        call.session.on("close", lambda _: done.set())
        await call.caller.aclose()
        await asyncio.wait_for(done.wait(), 5)


async def test_a_second_participant_is_not_listened_to(
    open_call: Any, sfu: LocalSfu, question: NDArray[np.int16]
) -> None:
    async with open_call([Say("Yes.")]) as call:
        token = make_token(
            api_key=sfu.api_key, api_secret=sfu.api_secret, room=call.name, identity="bystander"
        )
        async with Caller(sfu.url, token) as bystander:
            await bystander.play(question)
            await asyncio.sleep(0.8)
            assert not call.session.timeline.of(tl.Onset)
        await call.caller.play(question)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Commit)))


async def test_a_person_without_a_microphone_can_still_type_and_listen(open_call: Any) -> None:
    async with open_call([Say("I can wait.")], microphone=False) as call:
        await call.caller.send_text("I have no microphone.")
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")


async def test_what_a_person_said_before_the_agent_came_is_answered(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    async def record_first(caller: Caller) -> None:
        caller.pending = asyncio.create_task(send_when_here(caller))  # type: ignore[attr-defined]

    async def send_when_here(caller: Caller) -> None:
        # As LiveKit's clients do: recorded audio as a byte stream, once the agent is there.
        assert await caller.until(lambda: caller.agent is not None, 10)
        assert caller._track is not None
        assert caller.agent is not None
        writer = await caller.room.local_participant.stream_bytes(
            name="pre-connect",
            topic="lk.agent.pre-connect-audio-buffer",
            mime_type="audio/pcm;codecs=pcm_s16le",
            attributes={"trackId": caller._track.sid, "sampleRate": "48000", "channels": "1"},
            destination_identities=[caller.agent.identity],
        )
        await writer.write(np.concatenate([question, np.zeros(14_400, np.int16)]).tobytes())
        await writer.aclose()

    async with open_call([Say("You asked before I came.")], caller_first=record_first) as call:
        await call.caller.pending
        # The SDK cannot mark a track as recorded before; the hand-over itself is what is tested.
        assert call.session._room_audio is not None
        call.session._room_audio._call.ingress.attach(
            next(
                p.track
                for p in next(iter(call.room.remote_participants.values())).track_publications.values()
                if p.track is not None
            ),
            wait_for_earlier=True,
        )
        await call.session._room_audio._hand_over_earlier(call.caller._track.sid)
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Commit)))
        (commit,) = call.session.timeline.of(tl.Commit)
        assert commit.audio_s > 1.0


class First(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Hand over.")

    @function_tool
    async def transfer(self) -> Agent:
        """Transfers the call."""
        return Agent(instructions="I am the second.")


async def test_one_agent_hands_over_to_another(open_call: Any, question: NDArray[np.int16]) -> None:
    async with open_call([Say(tools=[("transfer", "{}")]), Say("I am the second.")], agent=First()) as call:
        await call.caller.play(question)
        assert await call.until(lambda: call.session.current_agent.instructions == "I am the second.")


async def test_the_page_sees_the_agents_state_and_words_as_they_are_heard(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    words = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu"
    async with open_call([Say(words, chirp_reply(4.0))]) as call:
        await call.asked(question)
        await asyncio.sleep(1.5)
        early = next((line.text for line in call.caller.lines if line.speaker == "agent"), "")
        assert words.startswith(early.strip())
        assert len(early) < len(words)
        assert await call.until(lambda: any(words in line.text for line in call.caller.lines))
        states = [state for _, state in call.caller.states]
        assert states[-2:] == ["speaking", "listening"] or "speaking" in states


async def test_the_timeline_reaches_a_caller_who_asks_for_it(
    open_call: Any, question: NDArray[np.int16]
) -> None:
    async with open_call([Say("Yes.")]) as call:
        await call.asked(question)
        assert await call.until(lambda: any(isinstance(e, tl.Commit) for e in call.caller.events))
        sent = [e for e in call.caller.events if isinstance(e, tl.Transcript)]
        assert all(e.text == "" for e in sent)  # nothing personal


async def test_a_failed_reply_leaves_the_call_alive(open_call: Any, question: NDArray[np.int16]) -> None:
    async with open_call([Say("x", fault="fail"), Say("Better now.")]) as call:
        await call.caller.play(question)
        await call.model.wait_for("response.done", timeout=8)
        await asyncio.sleep(0.3)
        await call.asked(question)
        assert await call.until(lambda: any("Better" in line.text for line in call.caller.lines))


async def test_a_late_first_word_is_waited_for(open_call: Any, question: NDArray[np.int16]) -> None:
    async with open_call([Say("Sorry, I had to think.", delay_s=1.5)]) as call:
        await call.asked(question)


@pytest.mark.parametrize("argument", ["vad", "turn_detection", "min_endpointing_delay"])
async def test_a_second_turn_taking_is_refused_with_what_to_use_instead(argument: str) -> None:
    with pytest.raises(ConfigError, match="use "):
        VoiceSession(**{argument: 1.0})


async def test_the_scripted_model_notices_what_was_not_asked_for() -> None:
    async with ScriptedServer([Say("never said")]) as server:
        with pytest.raises(Exception, match="never said"):
            server.check()
