"""What is changed and what is noted; with livekit's own agent over a session that records."""

from __future__ import annotations

from typing import Any, cast

import pytest
from livekit.agents import Agent, AgentSession, function_tool

from antiphon.agents import timeline as tl
from antiphon.agents.control.changes import LiveChanges
from antiphon.agents.control.requests import Changes
from antiphon.agents.errors import ConfigError, MisuseError, ModelRefused, ModelUnavailable
from antiphon.agents.options import TurnTaking


class Clerk(Agent):
    def __init__(self) -> None:
        super().__init__(instructions="Be brief.")

    @function_tool
    async def book(self) -> str:
        """Books."""
        return "booked"

    @function_tool
    async def cancel(self) -> str:
        """Cancels."""
        return "cancelled"


class Voice:
    label = "a voice"

    def __init__(self) -> None:
        self.voice = ""
        self.error: Exception | None = None

    def update_options(self, *, voice: str) -> None:
        if self.error is not None:
            raise self.error
        self.voice = voice


class Session:
    """The part of a session that is used."""

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent
        self.llm = None
        self.tts: object = Voice()

    @property
    def current_agent(self) -> Agent:
        if self._agent is None:
            raise RuntimeError("VoiceAgent isn't running")
        return self._agent


class Rig:
    def __init__(self, agent: Agent | None = None) -> None:
        self.agent = agent if agent is not None else Clerk()
        self.session = Session(self.agent)
        self.timeline = tl.Timeline()
        self.options = TurnTaking()
        self.changes = LiveChanges(
            cast("AgentSession[Any]", self.session),
            self.timeline,
            options=lambda: self.options,
            change_options=self._set,
        )

    def _set(self, options: TurnTaking) -> None:
        self.options = options

    @property
    def names(self) -> set[str]:
        return {tool.id for tool in self.agent.tools}

    @property
    def noted(self) -> list[tuple[str, str, str]]:
        return [(event.what, event.by, event.value) for event in self.timeline.of(tl.Changed)]


async def test_each_change_is_made_and_noted_once() -> None:
    rig = Rig()
    made = await rig.changes.apply(
        Changes(
            instructions="Be kind.",
            tools={"book": False},
            voice="cedar",
            turn_taking={"silence_s": 0.7},
            push_to_talk=True,
        ),
        "person",
    )
    assert made == ("voice", "tools", "instructions", "turn_taking", "push_to_talk")
    assert rig.agent.instructions == "Be kind."
    assert rig.names == {"cancel"}
    assert isinstance(rig.session.tts, Voice)
    assert rig.session.tts.voice == "cedar"
    assert (rig.options.silence_s, rig.options.push_to_talk) == (0.7, True)
    assert rig.noted == [
        ("voice", "person", "cedar"),
        ("tools", "person", "book off"),
        ("instructions", "person", ""),  # may hold what is nobody's business
        ("turn_taking", "person", "silence_s=0.7"),
        ("push_to_talk", "person", "on"),
    ]


async def test_a_tool_comes_back_and_what_is_so_already_is_no_change() -> None:
    rig = Rig()
    await rig.changes.apply(Changes(tools={"book": False}))
    await rig.changes.apply(Changes(tools={"book": True, "cancel": False}))
    assert rig.names == {"book"}
    assert await rig.changes.apply(Changes(push_to_talk=False, policy="balanced")) == ()
    assert await rig.changes.apply(Changes(policy="attentive")) == ("turn_taking",)


@pytest.mark.parametrize(
    "wrong",
    [
        Changes(instructions="x", tools={"fly": True}),
        Changes(instructions="x", turn_taking={"silence_s": 0}),
        Changes(instructions="x", policy="rude"),
        Changes(instructions="x" * 100_001),
    ],
)
async def test_a_wrong_value_changes_nothing(wrong: Changes) -> None:
    rig = Rig()
    with pytest.raises(ConfigError):
        await rig.changes.apply(wrong)
    assert rig.agent.instructions == "Be brief."
    assert rig.noted == []


async def test_a_refusal_is_raised_and_noted_and_leaves_turn_taking_as_it_was() -> None:
    rig = Rig()
    assert isinstance(rig.session.tts, Voice)
    rig.session.tts.error = ModelRefused("no", value="voice is fixed")
    with pytest.raises(ModelRefused, match="voice is fixed"):
        await rig.changes.apply(Changes(voice="cedar", push_to_talk=True))
    (noted,) = rig.timeline.of(tl.Changed)
    assert (noted.what, noted.refused) == ("voice", "no (voice is fixed)")
    assert not rig.options.push_to_talk
    rig.session.tts.error = None
    with pytest.raises(ModelRefused):  # a plugin takes the voice for set by now, and would send nothing
        await rig.changes.apply(Changes(voice="cedar"))
    assert await rig.changes.apply(Changes(voice="marin")) == ("voice",)


async def test_what_cannot_be_told_is_an_error_of_ours() -> None:
    rig = Rig()
    assert isinstance(rig.session.tts, Voice)
    rig.session.tts.error = RuntimeError("closed")
    with pytest.raises(ModelUnavailable, match="the voice could not be changed"):
        await rig.changes.apply(Changes(voice="cedar"))


async def test_a_voice_that_nothing_can_change_is_refused_beforehand() -> None:
    rig = Rig()
    rig.session.tts = None
    with pytest.raises(ModelRefused, match="cannot be changed in a call"):
        await rig.changes.apply(Changes(voice="cedar", instructions="x"))
    assert rig.noted == []


async def test_before_the_start_only_turn_taking_changes() -> None:
    rig = Rig()
    rig.session = Session(None)
    rig.changes = LiveChanges(
        cast("AgentSession[Any]", rig.session),
        rig.timeline,
        options=lambda: rig.options,
        change_options=rig._set,
    )
    assert await rig.changes.apply(Changes(push_to_talk=True)) == ("push_to_talk",)
    with pytest.raises(MisuseError, match="no agent"):
        await rig.changes.apply(Changes(instructions="x"))
