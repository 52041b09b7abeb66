"""A call over sessions in memory, in virtual time."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from livekit.agents import llm

from antiphon.agents.errors import MisuseError, ModelRefused, ModelUnavailable
from antiphon.plugins.continuity import Failover, Handoff
from tests.plugins.continuity.rig import Caller, FakeModel, run_virtual, silence, voice, wrapped


def test_a_three_hour_call_with_a_cap_of_an_hour_loses_nothing_and_answers_nothing_twice() -> None:
    async def call() -> None:
        fake = FakeModel(cap_s=3600.0)
        model = wrapped(fake, session_cap_s=3600)
        session = model.session()
        caller = Caller(session)
        await session.update_instructions("be brief")
        chance = random.Random(7)
        loop = asyncio.get_running_loop()
        end, turn, expected, latencies = loop.time() + 3 * 3600, 0, [], []
        while loop.time() < end:
            turn += 1
            await caller.speak_slowly(turn, chance.uniform(0.5, 6.0))
            asked = loop.time()
            future = session.generate_reply()
            heard = await caller.hear(future)
            latencies.append(heard.first_at - asked)
            expected += [("user", f"turn {turn}"), ("assistant", heard.text.strip())]
            if chance.random() < 0.2:  # interrupted amid its playout
                cut = heard.text[:5]
                message_id = heard.messages[-1][0]
                session.interrupt()
                session.truncate(
                    message_id=message_id, modalities=["audio"], audio_end_ms=800, audio_transcript=cut
                )
                expected[-1] = ("assistant", cut.strip())
            await asyncio.sleep(chance.uniform(0.5, 20.0))
        assert turn > 500
        assert sorted(fake.answered) == list(range(1, turn + 1))
        assert caller.conversation() == expected
        assert all(len(said) == 1 for said in caller.transcripts.values())
        assert session.counters.handoffs == 3
        assert session.counters.failovers == session.counters.forced == 0
        assert not caller.failures
        assert max(latencies) - min(latencies) < 0.3
        assert fake.sessions[-1].instructions == "be brief"
        await session.aclose()

    run_virtual(call())


def test_the_reply_in_flight_finishes_on_the_old_session() -> None:
    async def call() -> None:
        fake = FakeModel(reply_s=30.0)
        model = wrapped(fake)
        session = model.session()
        caller = Caller(session)
        caller.speak(1)
        future = session.generate_reply()
        await asyncio.sleep(1.0)
        session.hand_over()
        listening = asyncio.ensure_future(caller.hear(future))
        await asyncio.sleep(1.0)
        assert len(fake.sessions) == 2
        assert session.counters.handoffs == 0  # not while it speaks
        heard = await listening
        assert heard.text == "to 1" + " word" * 8
        assert heard.starved_s == 0.0
        await asyncio.sleep(0.5)
        assert session.counters.handoffs == 1
        assert (await caller.ask(2)).text.startswith("to 2")
        assert fake.answered == [1, 2]
        await session.aclose()

    run_virtual(call())


def test_at_the_cap_it_cannot_wait_and_speech_goes_on_in_the_next_session() -> None:
    async def call() -> None:
        fake = FakeModel(cap_s=20.0)
        model = wrapped(fake, session_cap_s=20)
        handoffs: list[Handoff] = []
        model.on("handoff", handoffs.append)
        session = model.session()
        caller = Caller(session)
        await asyncio.sleep(14.0)
        await caller.speak_slowly(5, 12.0)  # over the end of the first session
        heard = await caller.hear(session.generate_reply())
        assert heard.text.startswith("to 5")
        (handoff,) = handoffs
        assert handoff.forced
        assert handoff.reason == "cap"
        assert handoff.replayed_s > 2.0
        assert fake.answered == [5]
        assert caller.conversation()[0] == ("user", "turn 5")
        assert not caller.failures
        await session.aclose()

    run_virtual(call())


def test_a_session_that_ends_amid_a_reply_is_continued_from_what_was_heard() -> None:
    async def call() -> None:
        fake = FakeModel(reply_s=16.0)
        model = wrapped(fake)
        failovers: list[Failover] = []
        model.on("failover", failovers.append)
        session = model.session()
        reconnected: list[Any] = []
        session.on("session_reconnected", reconnected.append)
        caller = Caller(session)
        caller.speak(1)
        future = session.generate_reply()
        listening = asyncio.ensure_future(caller.hear(future))
        await asyncio.sleep(1.5)
        fake.sessions[0].drop()
        heard = await listening
        first, second = (text for _, text, _ in heard.messages)
        assert first.startswith("to 1 word")
        assert second == "and 1 done"
        assert caller.conversation() == [
            ("user", "turn 1"),
            ("assistant", first.strip()),
            ("assistant", second),
        ]
        assert heard.starved_s < 0.6
        (failover,) = failovers
        assert (failover.kind, failover.replies) == ("lost", 1)
        assert len(reconnected) == 1
        assert [failure.recoverable for failure in caller.failures] == [True]
        await session.aclose()

    run_virtual(call())


def test_a_cut_reply_stays_cut_when_the_person_interrupted_it_or_it_is_not_wanted() -> None:
    async def call(interrupts: bool) -> None:
        fake = FakeModel(reply_s=16.0)
        session = wrapped(fake, continue_replies=interrupts).session()
        caller = Caller(session)
        caller.speak(1)
        listening = asyncio.ensure_future(caller.hear(session.generate_reply()))
        await asyncio.sleep(1.5)
        if interrupts:
            session.interrupt()
        fake.sessions[0].drop()
        assert len((await listening).messages) == 1
        assert (await caller.ask(2)).text.startswith("to 2")
        await session.aclose()

    run_virtual(call(True))
    run_virtual(call(False))


def test_a_stalled_reply_comes_from_the_next_model_and_the_stale_one_is_never_heard() -> None:
    async def call() -> None:
        first, second = FakeModel("first", silent=True), FakeModel("second")
        model = wrapped(first, second, stall_s=2)
        session = model.session()
        caller = Caller(session)
        heard = await caller.ask(3)
        assert heard.text.startswith("to 3")
        assert (first.answered, second.answered) == ([], [3])
        assert session.endpoint == "memory/second"
        assert model.model == "second"
        assert all(len(said) == 1 for said in caller.transcripts.values())
        assert [role for role, _ in caller.conversation()] == ["user", "assistant"]
        await session.aclose()

    run_virtual(call())


def test_a_refused_key_goes_to_the_next_model_at_once_and_back_when_the_first_is_well() -> None:
    async def call() -> None:
        first, second = FakeModel("first", refuses="invalid_api_key"), FakeModel("second")
        model = wrapped(first, second, refused_s=60, return_s=30)
        session = model.session()
        caller = Caller(session)
        began = asyncio.get_running_loop().time()
        assert (await caller.ask(1)).first_at - began < 1.0
        assert session.endpoint == "memory/second"
        first.refuses = ""
        await asyncio.sleep(100.0)
        assert session.endpoint == "memory/first"
        assert session.counters.handoffs == 1
        assert (await caller.ask(2)).text.startswith("to 2")
        assert (first.answered, second.answered) == ([2], [1])
        await session.aclose()

    run_virtual(call())


@pytest.mark.parametrize(
    ("fake", "kind", "text", "within_s"),
    [
        (FakeModel(refuses="insufficient_quota"), ModelRefused, "memory/fake refused: no", 1.0),
        (FakeModel(down=True), ModelUnavailable, "cannot connect", 25.0),
    ],
    ids=["no quota", "no network"],
)
def test_without_any_model_the_call_ends_with_the_reason(
    fake: FakeModel, kind: type, text: str, within_s: float
) -> None:
    async def call() -> None:
        fake.sessions.clear()
        session = wrapped(fake, give_up_s=20).session()
        caller = Caller(session)
        began = asyncio.get_running_loop().time()
        with pytest.raises(llm.RealtimeError, match=text):
            await caller.ask(1)
        assert asyncio.get_running_loop().time() - began < within_s
        last = caller.failures[-1]
        assert not last.recoverable
        assert isinstance(last.error, kind)
        assert text in str(last.error)
        with pytest.raises(llm.RealtimeError, match="over"):
            await session.generate_reply()
        for frame in voice(0.1):
            session.push_audio(frame)  # heard by nobody, and no error
        await session.aclose()

    run_virtual(call())


def test_an_outage_is_outlived_and_what_was_said_in_it_is_answered() -> None:
    async def call() -> None:
        fake = FakeModel()
        session = wrapped(fake).session()
        caller = Caller(session)
        await caller.ask(1)
        fake.down = True
        fake.sessions[-1].drop()
        await asyncio.sleep(3.0)
        await caller.speak_slowly(2, 1.0)
        future = session.generate_reply()
        await asyncio.sleep(4.0)
        fake.down = False
        heard = await caller.hear(future)
        assert heard.text.startswith("to 2")
        assert fake.answered == [1, 2]
        assert len(caller.conversation()) == 4
        await session.aclose()

    run_virtual(call())


def test_stale_silence_is_not_replayed() -> None:
    async def call() -> None:
        fake = FakeModel()
        session = wrapped(fake).session()
        await asyncio.sleep(0.5)
        for frame in [*voice(0.3), *silence(60.0)]:
            session.push_audio(frame)
        fake.sessions[0].drop()
        await asyncio.sleep(1.0)
        assert len(fake.sessions[-1]._buffer) == 0
        await session.aclose()

    run_virtual(call())


def test_a_long_conversation_is_handed_over_shortened_and_stays_so() -> None:
    async def call() -> None:
        fake = FakeModel()
        session = wrapped(fake, compact_at_items=20).session()
        caller = Caller(session)
        for turn in range(1, 13):
            await caller.ask(turn)
            await asyncio.sleep(2.0)
        assert session.counters.handoffs == 1
        items = session.chat_ctx.items
        assert len(items) < 20
        assert items[0].type == "message"
        assert items[0].role == "user"
        whole = llm.ChatContext([llm.ChatMessage(id="old", role="user", content=["turn 0"]), *items])
        await session.update_chat_ctx(whole)
        assert len(session.chat_ctx.items) == len(items) + 1  # what it does not know is new, not forgotten
        await session.aclose()

    run_virtual(call())


def test_a_message_of_an_earlier_session_is_cut_in_the_new_one() -> None:
    async def call() -> None:
        fake = FakeModel()
        session = wrapped(fake).session()
        caller = Caller(session)
        heard = await caller.ask(1)
        session.hand_over()
        await asyncio.sleep(1.0)
        message_id, text, _ = heard.messages[0]
        session.truncate(
            message_id=message_id, modalities=["audio"], audio_end_ms=500, audio_transcript=text[:4]
        )
        await asyncio.sleep(0.5)
        given = next(item for item in fake.sessions[-1].items if item.id == message_id)
        assert given.type == "message"
        assert given.text_content == text[:4]
        await session.aclose()

    run_virtual(call())


def test_a_cancelled_reply_is_not_asked_for_again() -> None:
    async def call() -> None:
        fake = FakeModel(down=True)
        session = wrapped(fake).session()
        caller = Caller(session)
        caller.speak(1)
        session.generate_reply().cancel()
        caller.speak(2)
        future = session.generate_reply()
        await asyncio.sleep(0.5)
        fake.down = False
        assert (await caller.hear(future)).text.startswith("to 2")
        assert fake.answered == [2]
        assert [text for role, text in caller.conversation() if role == "user"] == ["turn 1", "turn 2"]
        await session.aclose()

    run_virtual(call())


def test_a_stream_of_text_cannot_be_said() -> None:
    async def call() -> None:
        async def words() -> Any:
            yield "a"

        session = wrapped(FakeModel()).session()
        with pytest.raises(MisuseError, match="stream of text"):
            session.say(words())
        await session.aclose()

    run_virtual(call())


def test_events_of_the_wrapped_session_alone_are_passed_on() -> None:
    async def call() -> None:
        fake = FakeModel()
        session = wrapped(fake).session()
        seen: list[str] = []
        session.on("peculiar", seen.append)
        await asyncio.sleep(0.5)
        fake.sessions[0].emit("peculiar", "a")
        session.hand_over()
        await asyncio.sleep(0.5)
        fake.sessions[1].emit("peculiar", "b")
        fake.sessions[0].emit("peculiar", "never")
        assert seen == ["a", "b"]
        await session.aclose()

    run_virtual(call())
