"""Changes to a call that is on: instructions, tools, voice, turn taking.

Everything is checked before anything is changed. What the model may refuse goes first, so that a refusal
leaves turn taking as it was. Each change, made or refused, is one event in the timeline. Lives on the
application's loop; one request is carried out after another.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from livekit.agents import Agent, AgentSession, llm
from livekit.agents.utils import is_given

from antiphon.agents import timeline as tl
from antiphon.agents.control.refusals import RefusalWatch
from antiphon.agents.control.requests import Changes, turn_taking_of
from antiphon.agents.errors import ConfigError, MisuseError, ModelError, ModelRefused, ModelUnavailable
from antiphon.agents.options import TurnTaking

__all__ = ["LiveChanges"]

Who = Literal["application", "person"]
_MAX_INSTRUCTIONS = 100_000  # characters; chosen, some 25,000 tokens: most of the smaller models' context


class _HasVoice(Protocol):
    def update_options(self, *, voice: str) -> None: ...


class LiveChanges:
    """Changes one session.

    Args:
        session: Which.
        timeline: Where it is noted.
        options: Its turn taking at any time.
        change_options: Takes turns otherwise from now on.
    """

    def __init__(
        self,
        session: AgentSession[Any],
        timeline: tl.Timeline,
        *,
        options: Callable[[], TurnTaking],
        change_options: Callable[[TurnTaking], None],
    ) -> None:
        self._session = session
        self._timeline = timeline
        self._options = options
        self._change_options = change_options
        self._one_at_a_time = asyncio.Lock()
        self._off: dict[str, llm.Tool | llm.Toolset] = {}
        self._off_of: Agent | None = None
        self._no_voice: dict[str, str] = {}
        self._no_voice_of: object = None

    async def apply(self, changes: Changes, by: Who = "application") -> tuple[str, ...]:
        """Makes the changes; returns what was changed, of the names of `Changes`.

        Raises:
            ConfigError: A value is wrong: nothing is changed.
            ModelRefused: The model refuses one of them. What came before it stays changed.
            ModelError: The model cannot be told.
        """
        async with self._one_at_a_time:
            options = turn_taking_of(self._options(), changes)
            self._check_running(changes)
            wanted: list[tuple[str, str, Callable[[], Awaitable[None]]]] = []
            if changes.voice is not None:
                wanted.append(("voice", changes.voice, self._voice(changes.voice)))
            if changes.tools is not None:
                tools, shown = self._tools(changes.tools)
                wanted.append(("tools", shown, tools))
            if changes.instructions is not None:
                wanted.append(("instructions", "", self._instructions(changes.instructions)))
            made = [what for what, value, change in wanted if await self._made(what, value, change, by)]
            return (*made, *self.take_turns(options, by))

    async def _made(self, what: str, value: str, change: Callable[[], Awaitable[None]], by: Who) -> bool:
        try:
            async with RefusalWatch(self._model_session(), _NAMES[what]):
                await change()
        except ModelError as error:
            self._note(what, by, value, refused=str(error))
            if what == "voice":
                self._no_voice[value] = str(error.value)
            raise
        except (llm.RealtimeError, RuntimeError) as error:
            self._note(what, by, value, refused=str(error))
            raise ModelUnavailable(
                f"{_NAMES[what]} could not be changed", value=error, hint="Try again."
            ) from error
        self._note(what, by, value)
        return True

    def _check_running(self, changes: Changes) -> None:
        if changes.voice is None and changes.tools is None and changes.instructions is None:
            return
        try:
            _ = self._session.current_agent
        except RuntimeError as error:
            raise MisuseError(
                "there is no agent whose instructions, tools or voice could change",
                hint="Await start(agent) first.",
            ) from error

    def _model_session(self) -> llm.RealtimeSession[Any] | None:
        agent = self._session.current_agent
        if not isinstance(_own(agent.llm, self._session.llm), llm.RealtimeModel):
            return None
        return agent.realtime_llm_session

    def _note(self, what: str, by: Who, value: str, refused: str = "") -> None:
        self._timeline.append(tl.Changed(time.monotonic(), what, by, value, refused))

    # What the model is told.

    def _instructions(self, text: str) -> Callable[[], Awaitable[None]]:
        if len(text) > _MAX_INSTRUCTIONS:
            raise ConfigError("instructions", f"{len(text)} characters", f"{_MAX_INSTRUCTIONS} or fewer")
        return lambda: self._session.current_agent.update_instructions(text)

    def _tools(self, wanted: Mapping[str, bool]) -> tuple[Callable[[], Awaitable[None]], str]:
        """Has the agent keep or miss its tools, by name; the tools that are off are kept here."""
        agent = self._session.current_agent
        if self._off_of is not agent:
            self._off, self._off_of = {}, agent
        on = {tool.id: tool for tool in agent.tools}
        known = {**on, **self._off}
        for name in wanted:
            if name not in known:
                raise ConfigError("tools", name, ", ".join(known) or "nothing: the agent has no tools")
        off = {name: tool for name, tool in known.items() if not wanted.get(name, name in on)}
        kept = [tool for name, tool in known.items() if name not in off]

        async def change() -> None:
            await agent.update_tools(kept)
            self._off = off

        return change, ", ".join(f"{name} {'on' if on_now else 'off'}" for name, on_now in wanted.items())

    def _voice(self, name: str) -> Callable[[], Awaitable[None]]:
        agent = self._session.current_agent
        model: object = _own(agent.llm, self._session.llm)
        if not isinstance(model, llm.RealtimeModel):
            model = _own(agent.tts, self._session.tts)
        update = getattr(model, "update_options", None)
        if not callable(update) or "voice" not in inspect.signature(update).parameters:
            label = getattr(model, "label", "no voice at all")
            raise ModelRefused("this model's voice cannot be changed in a call", value=label)
        teller: _HasVoice = model  # type: ignore[assignment]  # seen above

        async def change() -> None:
            session = self._model_session()
            if self._no_voice_of is not session:
                self._no_voice, self._no_voice_of = {}, session
            if name in self._no_voice:  # the plugin takes it for set, and would send nothing
                raise ModelRefused(
                    f"the model refused to change {_NAMES['voice']}", value=self._no_voice[name]
                )
            teller.update_options(voice=name)

        return change

    # What is ours.

    def take_turns(self, options: TurnTaking, by: Who) -> tuple[str, ...]:
        """Takes turns by other options; returns what was changed."""
        before = self._options()
        if options == before:
            return ()
        self._change_options(options)
        differing = [
            name
            for name in TurnTaking.__dataclass_fields__
            if getattr(options, name) != getattr(before, name)
        ]
        made: list[str] = []
        if differing != ["push_to_talk"]:
            shown = ", ".join(
                f"{name}={getattr(options, name)}" for name in differing if name != "push_to_talk"
            )
            self._note("turn_taking", by, shown)
            made.append("turn_taking")
        if "push_to_talk" in differing:
            self._note("push_to_talk", by, "on" if options.push_to_talk else "off")
            made.append("push_to_talk")
        return tuple(made)


_NAMES = {"instructions": "the instructions", "tools": "the tools", "voice": "the voice"}


def _own(of_agent: object, of_session: object) -> object:
    """The agent's own model, or else the session's."""
    return of_agent if is_given(of_agent) else of_session
