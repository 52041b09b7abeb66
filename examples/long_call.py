"""A call that outlives its model's sessions, with a second model to fall back on.

Run it with ``agent dev examples/long_call.py``; the local model stands for both then. Where keys are set,
the second is another region, provider or deployment of the same protocol:

    OPENAI_API_KEY=... FALLBACK_API_KEY=... FALLBACK_BASE_URL=https://... agent start examples/long_call.py
"""

import os

from livekit.agents import Agent, AgentServer, JobContext

from antiphon.agents import VoiceSession
from antiphon.plugins import openai
from antiphon.plugins.continuity import Continuity, ContinuousModel, Failover, Handoff

server = AgentServer()


def lasting_model() -> ContinuousModel:
    """Two models as one."""
    models = [openai.realtime()]
    if os.environ.get("FALLBACK_API_KEY"):
        elsewhere = openai.realtime(
            api_key=os.environ["FALLBACK_API_KEY"], base_url=os.environ.get("FALLBACK_BASE_URL")
        )
        models.append(elsewhere)
    # OpenAI's sessions end after an hour; a conversation of 300 items is given to the next one shortened.
    return ContinuousModel(models, Continuity(session_cap_s=3600, compact_at_items=300))


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    """One call."""
    model = lasting_model()
    ctx.add_shutdown_callback(model.aclose)

    @model.on("handoff")
    def handed_over(event: Handoff) -> None:
        print(f"a fresh session took over: {event.reason}")

    @model.on("failover")
    def failed_over(event: Failover) -> None:
        print(f"{event.before} failed ({event.reason}); {event.after} took over in {event.lost_for_s:.2f} s")

    session: VoiceSession[None] = VoiceSession(llm=model)
    await session.start(Agent(instructions="Keep the person company. Answer briefly."), room=ctx.room)
