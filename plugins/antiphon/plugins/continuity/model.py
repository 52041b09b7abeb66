"""`ContinuousModel`: one realtime model over one or more others."""

from __future__ import annotations

import random
import weakref
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Literal

from livekit import rtc
from livekit.agents import llm
from livekit.agents.llm.chat_context import MetricsMetadata

from antiphon.agents.errors import ConfigError
from antiphon.plugins.continuity.breaker import SHARED, Breakers
from antiphon.plugins.continuity.core import Core
from antiphon.plugins.continuity.endpoints import Refusals
from antiphon.plugins.continuity.events import Counters, Failover, Handoff
from antiphon.plugins.continuity.exchange import Compact
from antiphon.plugins.continuity.ledger import shortened
from antiphon.plugins.continuity.options import Continuity
from antiphon.plugins.continuity.session import ContinuousSession

__all__ = ["ContinuousModel"]

# What decides how livekit-agents runs a call, once, at its beginning: all models must agree on it.
_FIXED = ("audio_output", "turn_detection", "supports_overlapping_speech", "auto_tool_reply_generation")


class ContinuousModel(llm.RealtimeModel, rtc.EventEmitter[Literal["handoff", "failover"]]):
    """A `RealtimeModel` whose calls outlive its sessions.

    Give it to `VoiceSession` or livekit's `AgentSession` in place of the model it wraps. It owns
    reconnecting: whatever a wrapped model does about a lost socket by itself is bypassed.

    Args:
        models: What carries the calls, in order of preference: another region, another provider, a cascade.
        options: The numbers.
        compact: Shortens a conversation that grew long, e.g. with a summary; it gets a copy and returns
            what is kept, ids included. The newest share of the items when not given.
        breakers: Of the endpoints; the process's when not given.

    Emits ``handoff`` and ``failover`` of every call.

    Raises:
        ConfigError: There is no model, or the models differ in what a call cannot change.
    """

    def __init__(
        self,
        models: Sequence[llm.RealtimeModel] | llm.RealtimeModel,
        options: Continuity | None = None,
        *,
        compact: Compact | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        wrapped = [models] if isinstance(models, llm.RealtimeModel) else list(models)
        if not wrapped:
            raise ConfigError("ContinuousModel(models)", [], "at least one RealtimeModel")
        llm.RealtimeModel.__init__(self, capabilities=_common(wrapped))
        rtc.EventEmitter.__init__(self)
        self.options = options or Continuity()
        self.counters = Counters()
        """Of the calls that are over or going on, what happened."""
        self._models = wrapped
        self._names = [endpoint_name(model) for model in wrapped]
        self._compact = compact or self._shorten
        self._breakers = breakers or SHARED
        self._refusals: Refusals = {}
        self._current = wrapped[0]
        self._sessions: weakref.WeakSet[ContinuousSession] = weakref.WeakSet()

    @property
    def models(self) -> Sequence[llm.RealtimeModel]:
        """What is wrapped."""
        return tuple(self._models)

    @property
    def model(self) -> str:
        """Of the model that took over last."""
        return self._current.model

    @property
    def provider(self) -> str:
        """Of the model that took over last."""
        return self._current.provider

    @property
    def metrics_metadata(self) -> MetricsMetadata:
        """Of the model that took over last."""
        return self._current.metrics_metadata

    def session(self, *, turn_detection_disabled: bool = False) -> ContinuousSession:
        """A call's session. Needs a running loop.

        Args:
            turn_detection_disabled: As livekit's.
        """
        made = ContinuousSession(
            self,
            models=self._models,
            names=self._names,
            core=Core(self._names, self.options, self._breakers, random.random, self._refusals),
            options=self.options,
            compact=self._compact,
            turn_detection_disabled=turn_detection_disabled,
            report=self._report,
        )
        self._sessions.add(made)
        return made

    def hand_over(self) -> None:
        """Asks every call for a fresh session at its next quiet moment; e.g. before a change of keys."""
        for session in list(self._sessions):
            session.hand_over()

    async def aclose(self) -> None:
        """Closes the wrapped models."""
        for model in self._models:
            await model.aclose()

    async def _shorten(self, context: llm.ChatContext) -> llm.ChatContext:
        return shortened(context, self.options.compact_to)

    def _report(self, session: ContinuousSession, event: Handoff | Failover) -> None:
        self._current = self._models[self._names.index(event.after)]
        if isinstance(event, Handoff):
            self.counters.add(Counters(handoffs=1, forced=int(event.forced)))
            self.emit("handoff", event)
        else:
            self.counters.add(Counters(failovers=1))
            self.emit("failover", event)


def endpoint_name(model: llm.RealtimeModel) -> str:
    """A name for where a model is served, by which calls share its breaker."""
    return f"{model.provider}/{model.model}"


def _common(models: Sequence[llm.RealtimeModel]) -> llm.RealtimeCapabilities:
    first = models[0].capabilities
    for model in models[1:]:
        for name in _FIXED:
            ours, theirs = getattr(first, name), getattr(model.capabilities, name)
            if ours != theirs:
                raise ConfigError(
                    f"{endpoint_name(model)}: {name}", theirs, f"{ours}, as {endpoint_name(models[0])} has it"
                )
    every = {
        spec.name: all(getattr(model.capabilities, spec.name) for model in models)
        for spec in fields(first)
        if spec.name not in _FIXED
    }
    return replace(first, **every)
