"""Push-to-talk from the room, on a real server with real sound."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import Agent
from numpy.typing import NDArray

from antiphon.agents import TurnTaking
from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import Say, chirp_reply
from antiphon.workers.bench.harness import ear
from antiphon.workers.bench.syllable import opening
from antiphon.workers.caller import Caller
from antiphon.workers.sfu import LocalSfu
from antiphon.workers.tokens import make_token

pytestmark = pytest.mark.sfu
KEY = TurnTaking(push_to_talk=True)
WORDS = "one two three four five six seven eight nine ten eleven twelve"
Clip = NDArray[np.int16]


async def ask(caller: Caller, method: str, payload: str = "") -> Any:
    """What a page gets for a request."""
    assert caller.agent is not None
    answer = await caller.room.local_participant.perform_rpc(
        destination_identity=caller.agent.identity, method=method, payload=payload
    )
    return json.loads(answer)


async def refusal(caller: Caller, method: str, payload: str = "") -> tuple[int, str]:
    with pytest.raises(rtc.RpcError) as caught:
        await ask(caller, method, payload)
    return caught.value.code, caught.value.message


def at_24k(clip: Clip) -> Clip:
    pairs = clip[: len(clip) // 2 * 2].reshape(-1, 2).astype(np.int32)
    made: Clip = (pairs.sum(axis=1) // 2).astype(np.int16)
    return made


class Greeter(Agent):
    """Speaks first."""

    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    async def on_enter(self) -> None:
        self.session.generate_reply()


async def test_the_first_syllable_is_whole_and_the_release_is_answered(
    open_call: Any, question: Clip
) -> None:
    async with open_call([Say("Fine.")], turn_taking=KEY) as call:
        for attempt in range(1, 6):
            late = call.caller.late_frames
            pressing = asyncio.create_task(ask(call.caller, "start_turn"))
            await call.caller.play(question)
            assert (await pressing)["done"] == "pressed"
            assert len(call.model.events("input_audio_buffer.commit")) == attempt - 1  # pauses end nothing
            ended = await ask(call.caller, "end_turn")
            assert ended["done"] == "committed"
            await call.model.wait_for("input_audio_buffer.commit", count=attempt)
            assert await call.until(lambda n=attempt: len(call.model.heard) == n)
            got = call.model.heard[-1]
            assert ended["audio_s"] == pytest.approx(len(got) / 24_000, abs=0.06)
            assert len(got) / 24_000 > ended["held_s"]  # there is a pre-roll
            assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
            assert await call.until(lambda: call.caller.states[-1][1] == "listening")
            found = opening(at_24k(question), got, 24_000)
            if call.caller.late_frames == late and found.likeness > 0.85:
                break  # else a busy machine tore the sound on its way: once more
        assert found.whole, found
        assert found.lost_end_s < 0.1, found
        kinds = [type(event) for event in call.session.timeline]
        assert kinds.index(tl.Press) < kinds.index(tl.Release) < kinds.index(tl.FirstAudio)


async def test_a_press_silences_the_agent_and_cuts_what_was_not_heard(
    open_call: Any, interruption: Clip
) -> None:
    script = [Say(WORDS, chirp_reply())]
    async with open_call(script, turn_taking=KEY, agent=Greeter()) as call:
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
        await asyncio.sleep(1.5)
        pressed_at = time.monotonic()
        assert await ask(call.caller, "start_turn") == {
            "done": "pressed", "reason": "", "held_s": 0.0, "audio_s": 0.0, "silenced": True,
        }  # fmt: skip
        await call.caller.play(interruption)
        assert (await ask(call.caller, "end_turn"))["done"] == "committed"
        cut = await call.model.wait_for("conversation.item.truncate", timeout=8)
        silent = ear(call.caller, pressed_at - 1.0, time.monotonic()).gone(pressed_at)
        assert silent is not None
        assert silent - pressed_at < 1.0
        assert await call.until(lambda: len(call.model.heard) == 1)
        found = opening(at_24k(interruption), call.model.heard[0], 24_000)
        assert found.lead_s > 0.2, found  # what was said before the press was found to be one is there
        (yielded,) = call.session.timeline.of(tl.Yield)
        assert cut.event["audio_end_ms"] == pytest.approx(yielded.heard_ms, abs=1)


async def test_a_tap_does_nothing_and_a_second_press_is_harmless(open_call: Any) -> None:
    key = TurnTaking(push_to_talk=True, press_min_s=0.2)  # a busy machine is slow to let go
    script = [Say(WORDS, chirp_reply())]
    async with open_call(script, turn_taking=key, agent=Greeter()) as call:
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
        await asyncio.sleep(1.0)
        both = await asyncio.gather(ask(call.caller, "start_turn"), call.session.release_turn())
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Press)))
        await call.session.release_turn()
        assert both[0]["done"] == "pressed"
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Resume)))
        assert not call.session.timeline.of(tl.Yield)
        await asyncio.sleep(0.5)
        assert call.caller.states[-1][1] == "speaking"
        assert (await ask(call.caller, "start_turn"))["done"] == "pressed"
        again = await ask(call.caller, "start_turn")
        assert (again["done"], again["reason"]) == ("nothing", "the key was down already")
        assert (await ask(call.caller, "cancel_turn"))["reason"] == "cancelled"
        assert (await ask(call.caller, "end_turn"))["done"] == "nothing"
        assert not call.model.events("input_audio_buffer.commit")


async def test_a_muted_microphone_ends_the_press_and_a_person_who_leaves_takes_it_with_them(
    open_call: Any, question: Clip
) -> None:
    async with open_call([Say("Fine.")], turn_taking=KEY) as call:
        await ask(call.caller, "start_turn")
        await call.caller.play(question)
        await call.caller.mute()
        await call.model.wait_for("input_audio_buffer.commit")
        assert call.session.timeline.of(tl.Release)[0].by == "muted"
        await call.caller.mute(False)
        assert await call.until(lambda: call.caller.states[-1][1] == "speaking")
        assert await call.until(lambda: call.caller.states[-1][1] == "listening")
        await ask(call.caller, "start_turn")
        await call.caller.play(question)
        over = asyncio.Event()
        call.session.timeline.subscribe(lambda event: over.set() if isinstance(event, tl.Release) else None)
        await call.caller.room.disconnect()
        await asyncio.wait_for(over.wait(), 10)
        left = call.session.timeline.of(tl.Release)[-1]
        assert (left.by, left.cancelled) == ("left", True)
        assert len(call.model.events("input_audio_buffer.commit")) == 1


async def test_only_the_linked_person_is_listened_to(open_call: Any, sfu: LocalSfu) -> None:
    async with open_call(turn_taking=KEY) as call:
        token = make_token(api_key=sfu.api_key, api_secret=sfu.api_secret, room=call.name, identity="mallory")
        stranger = Caller(sfu.url, token)
        await stranger.connect(microphone=False)
        try:
            assert await stranger.until(lambda: stranger.agent is not None, 10)
            for method in ("start_turn", "antiphon.update"):
                code, message = await refusal(stranger, method, '{"push_to_talk": false}')
                assert (code, message) == (
                    403,
                    f"{method} is taken only from the person whom the agent listens to",
                )
        finally:
            await stranger.aclose()
        assert (await refusal(call.caller, "start_turn", "x" * 5000))[0] == 413
        assert not call.session.timeline.of(tl.Press)
        assert (await ask(call.caller, "start_turn"))["done"] == "pressed"  # the call goes on


async def test_a_call_changes_between_an_open_microphone_and_the_key(open_call: Any, question: Clip) -> None:
    async with open_call([Say("Fine.")]) as call:
        code, message = await refusal(call.caller, "start_turn")
        assert code == 409
        assert "push-to-talk is off" in message
        changed = await ask(call.caller, "antiphon.update", '{"push_to_talk": true}')
        assert changed == {"changed": ["push_to_talk"]}
        await call.caller.play(question)
        await asyncio.sleep(1.5)
        assert not call.model.events("input_audio_buffer.commit")  # nobody pressed
        await ask(call.caller, "antiphon.update", '{"push_to_talk": false}')
        await call.asked(question)
        assert len(call.model.events("input_audio_buffer.commit")) == 1
        assert [event.value for event in call.session.timeline.of(tl.Changed)] == ["on", "off"]


async def test_an_attribute_is_the_key_where_that_is_allowed(open_call: Any, question: Clip) -> None:
    options = {"remote_control": {"talk_attribute"}}
    async with open_call([Say("Fine.")], turn_taking=KEY, session_options=options) as call:
        me = call.caller.room.local_participant
        await me.set_attributes({"antiphon.talk": "1"})
        assert await call.until(lambda: bool(call.session.timeline.of(tl.Press)))
        await call.caller.play(question)
        await me.set_attributes({"antiphon.talk": "0"})
        await call.model.wait_for("input_audio_buffer.commit")
        (release,) = call.session.timeline.of(tl.Release)
        assert (release.by, release.cancelled) == ("attribute", False)
        assert (await refusal(call.caller, "start_turn"))[0] == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD
