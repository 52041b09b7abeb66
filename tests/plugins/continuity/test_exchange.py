"""livekit's own OpenAI plugin over a real socket, which is cut before and after each event of the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Literal

import aiohttp
import pytest
from livekit.agents import llm

from antiphon.plugins import openai
from antiphon.plugins.continuity import Breakers, Continuity, ContinuousModel, ContinuousSession
from antiphon.plugins.local.testing import Say, ScriptedServer, tone
from tests.plugins.continuity.rig import Caller

Side = Literal["c", "s"]


class CuttingServer(ScriptedServer):
    """Cuts the connection once, before or after it took or sent the nth event of a type."""

    def __init__(self, *args: Any, side: Side, kind: str, before: bool, nth: int = 1, **options: Any) -> None:
        super().__init__(*args, **options)
        self._at = (side, kind)
        self._before = before
        self._left = nth
        self.cut_at: float | None = None

    def _due(self, side: Side, event: Any) -> bool:
        if (side, event.get("type")) != self._at or self._left <= 0:
            return False
        self._left -= 1
        return self._left == 0

    def make_session(self, request: Any, socket: Any) -> Any:
        session = super().make_session(request, socket)
        took, sent = session.client_event, session.send

        def cut() -> None:
            self.cut_at = time.monotonic()
            session.drop()

        def client_event(event: Any, now: float) -> Any:
            if not self._due("c", event):
                return took(event, now)
            if self._before:
                cut()
                return ()
            out = took(event, now)
            asyncio.get_running_loop().call_soon(cut)
            return out

        async def send(event: dict[str, Any]) -> None:
            due = self._due("s", event)
            if due and self._before:
                cut()
            await sent(event)
            if due and not self._before:
                await asyncio.sleep(0)
                cut()

        session.client_event, session.send = client_event, send
        return session


@asynccontextmanager
async def call(server: ScriptedServer, **options: Any) -> AsyncIterator[tuple[Caller, ContinuousSession]]:
    async with server, aiohttp.ClientSession() as http:
        wrapped = openai.realtime(base_url=server.base_url, api_key="test", http_session=http)
        model = ContinuousModel(wrapped, Continuity(**options), breakers=Breakers())
        session = model.session()
        await session.update_instructions("be brief")
        try:
            yield Caller(session), session
        finally:
            await session.aclose()
            await model.aclose()


CUTS: list[tuple[Side, str, int]] = [
    ("s", "session.created", 1),
    ("c", "session.update", 1),
    ("c", "input_audio_buffer.append", 8),
    ("c", "input_audio_buffer.commit", 2),
    ("s", "input_audio_buffer.committed", 2),
    ("s", "conversation.item.added", 3),
    ("s", "conversation.item.input_audio_transcription.completed", 2),
    ("c", "response.create", 2),
    ("s", "response.created", 2),
    ("s", "response.output_item.added", 2),
    ("s", "response.content_part.added", 2),
    ("s", "response.output_audio_transcript.delta", 2),
    ("s", "response.output_audio.delta", 2),
    ("s", "response.output_audio.done", 2),
    ("s", "response.output_item.done", 2),
    ("s", "response.done", 2),
]


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize(("side", "kind", "nth"), CUTS, ids=[kind for _, kind, _ in CUTS])
async def test_a_cut_at_any_event_loses_no_turn_and_answers_none_twice(
    side: Side, kind: str, nth: int, before: bool
) -> None:
    server = CuttingServer(
        [Say("The reply is this one.")],
        transcripts=["turn"] * 8,
        repeat_last=True,
        side=side,
        kind=kind,
        nth=nth,
        before=before,
    )
    async with call(server) as (caller, session):
        for _ in range(3):
            heard = await caller.ask()
            assert heard.audio_s > 0
            assert heard.text.startswith("The")
        assert server.cut_at is not None
        assert session.counters.failovers + (nth == 1) >= 1
        roles = [role for role, _ in caller.conversation()]
        # A reply that was cut amid its words has a second message.
        turns = [role for n, role in enumerate(roles) if n == 0 or role != roles[n - 1]]
        assert turns == ["user", "assistant"] * 3
        assert roles.count("user") == 3
        assert len(caller.transcripts) == 3
        assert all(len(said) == 1 for said in caller.transcripts.values())
        assert all(failure.recoverable for failure in caller.failures)


async def test_a_benign_error_is_passed_on_and_the_session_stays() -> None:
    async with call(ScriptedServer([Say("Hello.", fault="error"), Say("Yes.")])) as (caller, session):
        assert (await caller.ask()).text == "Hello."
        assert (await caller.ask()).text == "Yes."
        assert session.counters.failovers == 0
        assert session.counters.errors_passed == 1
        assert [failure.recoverable for failure in caller.failures] == [True]


async def test_a_failed_response_is_asked_for_again_and_its_turn_answered_once() -> None:
    script = [Say(fault="fail", code="inference_rate_limit_exceeded"), Say(fault="fail"), Say("At last.")]
    async with call(ScriptedServer(script, transcripts=["hi"])) as (caller, session):
        assert (await caller.ask()).text == "At last."
        assert session.counters.replies_again == 2
        assert session.counters.failovers == 0
        assert caller.conversation() == [("user", "hi"), ("assistant", "At last.")]


async def test_a_session_that_expires_amid_a_reply_goes_on_in_another() -> None:
    script = [Say("one two three four five six", tone(3.0), fault="expire"), Say("seven eight.")]
    async with call(ScriptedServer(script, transcripts=["count"])) as (caller, session):
        heard = await caller.ask()
        assert len(heard.messages) == 2
        assert "one two three four five six".startswith(heard.messages[0][1].strip())
        assert heard.text.endswith("seven eight.")
        assert session.counters.failovers == 1
        assert caller.failures[0].error.body.code == "session_expired"


async def test_the_cap_that_the_provider_tells_is_kept_to() -> None:
    server = ScriptedServer([Say("Yes.")], repeat_last=True, session_limit_s=8.0)
    async with call(server) as (caller, session):
        handoffs: list[Any] = []
        over = asyncio.Event()
        session.on("handoff", lambda event: (handoffs.append(event), over.set()))
        await caller.ask()
        await asyncio.wait_for(over.wait(), 15)
        assert (await caller.ask()).text == "Yes."
        assert handoffs[0].reason == "cap"
        assert not caller.failures


async def test_a_wrong_key_ends_the_call_at_once_and_says_so() -> None:
    server = ScriptedServer([Say("Never.")], api_key="right")
    async with call(server) as (caller, _):
        began = time.monotonic()
        with pytest.raises(llm.RealtimeError, match="refused: Incorrect API key"):
            await caller.ask()
        assert time.monotonic() - began < 5.0
        assert not caller.failures[-1].recoverable
        assert "Check the key" in str(caller.failures[-1].error)
        assert not server.requests


async def test_tools_and_their_results_go_on_in_another_session() -> None:
    script = [Say(tools=[("look", "{}")]), Say("It is there.")]
    server = ScriptedServer(script, transcripts=["where?"])
    async with call(server) as (caller, session):
        caller.speak()
        event = await session.generate_reply()
        (made,) = [tool async for tool in event.function_stream]
        server.drop_all()
        context = session.chat_ctx
        context.items.append(
            llm.FunctionCallOutput(call_id=made.call_id, name="look", output="behind you", is_error=False)
        )
        await session.update_chat_ctx(context)
        assert (await caller.hear(session.generate_reply())).text == "It is there."
        kinds = [item["type"] for item in server.requests[-1].items]
        assert kinds == ["message", "function_call", "function_call_output"]
        assert server.requests[-1].items[1]["arguments"] == "{}"
