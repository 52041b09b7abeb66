"""Whether a model's refusal of a change is heard, in events as livekit's OpenAI plugin emits them."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents import APIError, llm

from antiphon.agents.control import refusals
from antiphon.agents.control.refusals import RefusalWatch
from antiphon.agents.errors import ModelRefused


class Model(rtc.EventEmitter[str]):
    """A session as far as it is listened to."""

    def sends(self, event_id: str, **session: Any) -> None:
        event = {"type": "session.update", "event_id": event_id, "session": {"type": "realtime", **session}}
        self.emit("openai_client_event_queued", event)

    def answers(self, kind: str, **fields: Any) -> None:
        self.emit("openai_server_event_received", {"type": kind, **fields})

    def refuses(self, event_id: str | None, message: str) -> None:
        self.answers("error", error={"event_id": event_id, "message": message, "code": "no"})

    def fails(self, error: Exception) -> None:
        made = llm.RealtimeModelError(timestamp=0.0, label="m", error=error, recoverable=True)
        self.emit("error", made)


def watch(model: Model | None) -> RefusalWatch:
    return RefusalWatch(cast("llm.RealtimeSession[Any] | None", model), "the voice")


async def later(*steps: Any) -> None:
    for step in steps:
        await asyncio.sleep(0)
        step()


async def test_a_change_that_is_confirmed_is_made() -> None:
    model = Model()
    tools = [{"name": "book", "type": "function"}]
    shown = [{"name": "book", "type": "function", "description": ""}]
    async with asyncio.timeout(1), watch(model):
        task = asyncio.create_task(
            later(
                lambda: model.sends("a", instructions="Be kind.", tools=tools, model="m"),
                lambda: model.answers(
                    "session.updated", session={"instructions": "Be kind.", "tools": shown, "model": "m-1"}
                ),
            )
        )
    await task
    assert not any(model._events.values())


async def test_a_refusal_with_the_changes_id_is_raised_with_the_models_words() -> None:
    model = Model()
    with pytest.raises(ModelRefused, match="Cannot update a conversation's voice") as caught:
        async with watch(model):
            task = asyncio.create_task(
                later(
                    lambda: model.sends("a"),
                    lambda: model.refuses("other", "of something else"),
                    lambda: model.refuses("a", "Cannot update a conversation's voice"),
                )
            )
    await task
    assert caught.value.retryable is False


async def test_anothers_confirmation_is_not_ours() -> None:
    model = Model()
    with pytest.raises(ModelRefused, match="no"):
        async with watch(model):
            task = asyncio.create_task(
                later(
                    lambda: model.sends("ours", audio={"output": {"voice": "cedar"}}),
                    lambda: model.answers(
                        "session.updated", session={"audio": {"output": {"voice": "marin"}}}
                    ),
                    lambda: model.answers("session.updated", session={"audio": None}),
                    lambda: model.answers("session.updated"),
                    lambda: model.refuses("ours", "no"),
                )
            )
    await task


async def test_an_error_of_a_model_that_names_nothing_counts() -> None:
    body = type("Body", (), {"message": "voice locked"})()
    for error, says in ((APIError("it said", body=body), "voice locked"), (ValueError("odd"), "odd")):
        model = Model()
        with pytest.raises(ModelRefused, match=says):
            async with watch(model):
                model.fails(error)


async def test_silence_is_consent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_SEND_S", 0.01)
    monkeypatch.setattr(refusals, "_ANSWER_S", 0.01)
    async with watch(Model()):
        pass
    model = Model()
    async with watch(model):
        model.sends("a", voice="x")
    async with watch(None):
        pass


async def test_what_goes_wrong_inside_is_raised_and_nothing_is_waited_for() -> None:
    model = Model()
    with pytest.raises(RuntimeError, match="broken"):
        async with watch(model):
            raise RuntimeError("broken")
    assert not any(model._events.values())
