from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIConnectOptions, llm

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.tiers.deep import RealtimeDeep, TextDeep, question_context
from tests.plugins.cascade.rig import Brain, cascade, words

OPTIONS = APIConnectOptions(max_retry=0)


def asked(question: str = "How far?") -> llm.ChatContext:
    return question_context(llm.ChatContext.empty(), question, instructions="Be right.", tool="ask_expert")


def test_the_deep_model_sees_the_talk_and_not_itself() -> None:
    talk = llm.ChatContext.empty()
    talk.add_message(role="user", content="Hello.")
    talk.add_message(role="user", content=[])
    talk.items += [
        llm.FunctionCall(name="look", arguments="{}", call_id="done"),
        llm.FunctionCallOutput(name="look", call_id="done", output="seen", is_error=False),
        llm.FunctionCall(name="look", arguments="{}", call_id="open"),
        llm.FunctionCall(name="ask_expert", arguments="{}", call_id="own"),
        llm.FunctionCallOutput(name="ask_expert", call_id="own", output="nine", is_error=False),
    ]
    made = question_context(talk, "How far?", instructions="Be right.", tool="ask_expert")
    assert [getattr(item, "role", None) or item.call_id for item in made.items] == [  # type: ignore[union-attr]
        "system",
        "user",
        "done",
        "done",
        "user",
    ]


def test_a_question_that_was_just_said_is_not_said_twice() -> None:
    talk = llm.ChatContext.empty()
    talk.add_message(role="user", content="How far?")
    made = question_context(talk, "How far?", instructions="x", tool="t")
    assert [item.role for item in made.messages()] == ["system", "user"]


async def test_a_language_model_answers_and_is_measured() -> None:
    told: list[Any] = []
    model = LocalLLM(Brain([words("It is far."), words("Others' words.")]))
    deep = TextDeep(model, options=OPTIONS, on_metrics=told.append)
    assert await deep.ask(asked()) == "It is far."
    await model.chat(chat_ctx=llm.ChatContext.empty()).collect()  # somebody else's
    assert len(told) == 1
    await deep.aclose()


@pytest.mark.parametrize(
    ("fault", "kind"), [(ModelUnavailable("gone"), ModelUnavailable), (ModelRefused("no"), ModelRefused)]
)
async def test_what_fails_says_whether_it_may_be_tried_again(fault: Exception, kind: type[Exception]) -> None:
    deep = TextDeep(LocalLLM(Brain([[fault]])), options=OPTIONS, on_metrics=lambda metrics: None)
    with pytest.raises(kind):
        await deep.ask(asked())
    await deep.aclose()


async def test_a_realtime_model_answers_in_text_and_forgets_the_last_question() -> None:
    brain = Brain([words("It is far."), words("It is near.")])
    deep = RealtimeDeep(cascade(brain=brain), on_metrics=lambda metrics: None)
    assert await deep.ask(asked()) == "It is far."
    assert await deep.ask(asked("And this?")) == "It is near."
    assert [item["content"][0]["text"] for item in brain.requests[1].items] == ["And this?"]
    assert brain.requests[1].instructions == "Be right."
    await deep.aclose()
