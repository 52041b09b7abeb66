"""The agent that `agent demo` runs: a receptionist with two tools."""

from __future__ import annotations

from livekit.agents import Agent, AgentServer, JobContext, function_tool

from antiphon.agents import VoiceSession
from antiphon.plugins import openai

__all__ = ["Receptionist", "server"]

server = AgentServer()


class Receptionist(Agent):
    """Answers for a small restaurant."""

    def __init__(self) -> None:
        super().__init__(
            instructions=(
                "You are the receptionist of the restaurant Antiphon. Answer in one or two short sentences. "
                "Use your tools for opening hours and for the weather."
            )
        )

    @function_tool
    async def weather(self, city: str) -> str:
        """Tells the weather in a city.

        Args:
            city: The city's name.
        """
        return f"In {city} it is eighteen degrees with a light wind, by this demonstration's own sky."

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Tells the opening hours of the restaurant on a day.

        Args:
            day: Day of the week.
        """
        closed = day.lower().startswith("mon")
        return f"We are closed on {day}." if closed else f"On {day} we are open from noon to eleven."


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session: VoiceSession[None] = VoiceSession(llm=openai.realtime())
    await session.start(Receptionist(), room=ctx.room)
