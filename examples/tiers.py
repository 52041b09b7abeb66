"""A fast model that talks, and a deep one that it asks. Run it with ``agent dev examples/tiers.py``.

The deep model is any of livekit's language models: with DEEP_MODEL set (``export DEEP_MODEL=gpt-5.2``)
OpenAI's of that name, else the local demonstration brain, so that it runs without a key.
"""

import os
from typing import Any

from livekit.agents import Agent, AgentServer, JobContext, llm

from antiphon.agents import VoiceSession
from antiphon.plugins import openai
from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.tiers import TieredModel, TierOptions

server = AgentServer()
OPTIONS = TierOptions(bridge=("Let me check.", "One moment, I will look that up."), bridge_after_s=0.7)


class Guide(Agent):
    """Answers questions in a museum."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are the guide of a museum. Answer in one or two sentences. "
            "Ask the expert whatever you are not sure of."
        )

    async def on_enter(self) -> None:
        """Greets, once the call is there."""
        self.session.generate_reply(instructions="Greet the visitor and offer your help.")


def deep_model() -> llm.LLM[Any]:
    """The expert."""
    if name := os.environ.get("DEEP_MODEL"):
        from livekit.plugins.openai import LLM

        return LLM(model=name)
    return LocalLLM(BuiltinBrain())


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    model = TieredModel(openai.realtime(), deep_model(), options=OPTIONS)
    session: VoiceSession[None] = VoiceSession(llm=model)
    await session.start(Guide(), room=ctx.room)
