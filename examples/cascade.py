"""A cascade of recogniser, language model and voice under Antiphon's floor, with no key.

Run it with ``agent dev examples/cascade.py``. Any livekit plugins may stand in the three places:
``CascadeModel(stt=deepgram.STT(), llm=openai.LLM(), tts=cartesia.TTS())``.
"""

from livekit.agents import Agent, AgentServer, JobContext, function_tool

from antiphon.agents import VoiceSession
from antiphon.plugins.cascade import local_cascade

server = AgentServer()


class Concierge(Agent):
    """Answers for a small hotel."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are the concierge of a small hotel. Answer in one or two sentences."
        )

    @function_tool
    async def weather(self, city: str) -> str:
        """Tells the weather in a city.

        Args:
            city: The city's name.
        """
        return f"In {city} it is eighteen degrees with a light wind."


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    model = local_cascade()
    await model.warm_up()
    ctx.add_shutdown_callback(model.aclose)
    session: VoiceSession[None] = VoiceSession(llm=model)
    await session.start(Concierge(), room=ctx.room)
