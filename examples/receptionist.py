"""A receptionist with two tools. Run it with ``agent dev examples/receptionist.py``."""

from livekit.agents import Agent, AgentServer, JobContext, function_tool

from antiphon.agents import VoiceSession
from antiphon.plugins import openai

server = AgentServer()
TABLES: list[str] = []


class Receptionist(Agent):
    """Answers the phone of a small restaurant."""

    def __init__(self) -> None:
        super().__init__(
            instructions="You are the receptionist of a small restaurant. Answer in one or two sentences."
        )

    async def on_enter(self) -> None:
        """Greets, once the call is there."""
        self.session.generate_reply(instructions="Greet the caller and offer your help.")

    @function_tool
    async def opening_hours(self, day: str) -> str:
        """Tells the opening hours.

        Args:
            day: Day of the week.
        """
        return (
            f"On {day} we are closed."
            if day.lower() == "monday"
            else f"On {day} we open from noon to eleven."
        )

    @function_tool
    async def book_table(self, name: str, people: int, time: str) -> str:
        """Books a table.

        Args:
            name: Who books.
            people: How many come.
            time: At what time.
        """
        TABLES.append(name)
        return f"A table for {people} at {time} is booked for {name}."


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    session: VoiceSession[None] = VoiceSession(llm=openai.realtime())
    await session.start(Receptionist(), room=ctx.room)
