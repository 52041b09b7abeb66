"""`TieredModel`: a fast realtime model that talks, and a deep one that is asked what is hard.

The person hears one voice: the fast model's. It asks the deep one by a tool of its own (`ask_expert`), or
a router, written by the user, sends the person's turns there. Everything happens inside the model, so
that it serves VoiceSession, livekit's AgentSession and `continuity` alike; the agent's own tools and
history know nothing of it but the call's items.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from livekit.agents import APIConnectOptions, llm

from antiphon.agents.errors import ConfigError
from antiphon.plugins.tiers.session import TieredSession

CONNECT = APIConnectOptions(max_retry=1, retry_interval=0.3, timeout=20.0)  # chosen: a person waits

__all__ = ["Router", "TierOptions", "TieredModel"]

Tier = Literal["fast", "deep"]
Router = Callable[[str, llm.ChatContext], Tier | Awaitable[Tier]]
"""Given what the person just said, and the conversation, says who answers."""


@dataclass(frozen=True, slots=True)
class TierOptions:
    """How the tiers work together."""

    bridge: Sequence[str] = ("Let me check.", "One moment, let me find out.")
    """Said, in turn, when an answer takes long; empty for none."""
    bridge_after_s: float = 0.7
    """Wait before the bridge, s. Chosen: a pause in talk is felt as one from about there."""
    timeout_s: float = 20.0
    """Longest wait for the deep answer, s."""
    transcript_wait_s: float = 1.0
    """How long a router may wait for what the person said, s; the fast model answers if it does not come."""
    tool_name: str = "ask_expert"
    tool_description: str = (
        "Asks an expert who knows more and thinks longer than you. Use it for every question that needs "
        "knowledge, calculation or reasoning you are not sure of. The expert hears the conversation too. "
        "Say nothing before you call it. Then tell the person the answer as your own."
    )
    """Tells the fast model when to ask."""
    sorry: str = "I could not find that out just now."
    """What the fast model is told when there is no answer; it says so."""
    instructions: str = (
        "You are the expert behind a voice assistant, and hear its conversation with a person. Answer the "
        "last question in one to three short sentences, right and complete, in plain words that can be "
        "spoken: no lists, no markup."
    )
    """For the deep model."""
    conn_options: APIConnectOptions = CONNECT
    """Of the deep model's requests."""

    def __post_init__(self) -> None:
        if self.bridge_after_s < 0:
            raise ConfigError("TierOptions.bridge_after_s", self.bridge_after_s, "0 s or more")
        if self.timeout_s <= 0:
            raise ConfigError("TierOptions.timeout_s", self.timeout_s, "more than 0 s")
        if not self.tool_name.isidentifier():
            raise ConfigError("TierOptions.tool_name", self.tool_name, "a name such as ask_expert")


class TieredModel(llm.RealtimeModel):
    """Two tiers under one session.

    Args:
        fast: Talks. Any realtime model that leaves its tools' replies to the session.
        deep: Answers hard questions: a language model, or a realtime model, whose session is opened with
            the call. It has no tools.
        router: Who answers a turn. It needs the person's words, so every reply waits for the transcript;
            a tool call costs nothing where the fast model answers.
        tool: Whether the fast model may ask by a tool; when not given, it may where there is no router.
        options: How they work together.

    Raises:
        ConfigError: A model is none of those, or neither tool nor router would ever ask the deep one.
    """

    def __init__(
        self,
        fast: llm.RealtimeModel,
        deep: llm.LLM[Any] | llm.RealtimeModel,
        *,
        router: Router | None = None,
        tool: bool | None = None,
        options: TierOptions | None = None,
    ) -> None:
        if not isinstance(fast, llm.RealtimeModel):
            raise ConfigError("TieredModel(fast)", fast, "a livekit.agents RealtimeModel")
        if not isinstance(deep, llm.LLM | llm.RealtimeModel):
            raise ConfigError("TieredModel(deep)", deep, "a livekit.agents LLM or RealtimeModel")
        if fast.capabilities.auto_tool_reply_generation:
            raise ConfigError(
                "TieredModel(fast)",
                fast.label,
                "a model that leaves the reply to a tool's result to the session",
            )
        self.uses_tool = router is None if tool is None else tool
        if router is None and not self.uses_tool:
            raise ConfigError("TieredModel(tool)", tool, "True, or a router; else nobody asks the deep model")
        super().__init__(capabilities=fast.capabilities)
        self.fast = fast
        self.deep = deep
        self.router = router
        self.options = options or TierOptions()

    @property
    def model(self) -> str:
        """The fast model's name."""
        return self.fast.model

    @property
    def provider(self) -> str:
        """The fast model's provider."""
        return self.fast.provider

    @property
    def tier_names(self) -> Mapping[str, str]:
        """The tier of each model, by the model's name; ``fast`` for both if it is one model."""
        return {self.deep.model: "deep", self.fast.model: "fast"}

    def session(self, *, turn_detection_disabled: bool = False) -> TieredSession:
        """Opens a session of the fast model, and the deep one's."""
        return TieredSession(self, turn_detection_disabled=turn_detection_disabled)

    async def aclose(self) -> None:
        """Closes the fast model; and the deep one, if it is a realtime model."""
        await self.fast.aclose()
        if isinstance(self.deep, llm.RealtimeModel):
            await self.deep.aclose()
