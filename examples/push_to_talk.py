"""An assistant that is talked to with a key, for at most ten minutes and half a dollar.

Run it with ``agent dev examples/push_to_talk.py``; docs/push-to-talk.md has what a page needs.
"""

from livekit.agents import Agent, AgentServer, JobContext, function_tool, llm

from antiphon.agents import TurnTaking, VoiceSession
from antiphon.agents.usage import Budget, BudgetNotice
from antiphon.plugins import openai

server = AgentServer()


class Assistant(Agent):
    """Keeps a list of what to buy."""

    def __init__(self) -> None:
        super().__init__(instructions="You keep a shopping list. Answer in one sentence.")
        self.items: list[str] = []

    @function_tool
    async def add(self, item: str) -> str:
        """Adds something to the shopping list.

        Args:
            item: What to buy.
        """
        self.items.append(item)
        return f"{item} is on the list, which has {len(self.items)} entries."


def new_session(model: llm.RealtimeModel) -> VoiceSession[None]:
    """A call that begins with the key; its page may change how turns are taken, and the tools."""
    session: VoiceSession[None] = VoiceSession(
        llm=model,
        turn_taking=TurnTaking(push_to_talk=True),
        remote_control={"turns", "talk_attribute", "push_to_talk", "turn_taking", "tools"},
        budget=Budget(minutes=10, usd=0.50),
    )

    @session.on("budget_warning")
    def _(notice: BudgetNotice) -> None:
        print(f"{notice.share:.0%} of {notice.limit:g} {notice.of} used")

    @session.on("close")
    def _(_: object) -> None:
        print(session.usage_report)

    return session


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    await new_session(openai.realtime()).start(Assistant(), room=ctx.room)
