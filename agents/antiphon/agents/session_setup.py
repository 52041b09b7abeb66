"""What `VoiceSession` makes of its arguments before there is a call."""

from __future__ import annotations

from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, get_job_context, llm
from livekit.agents.utils import is_given

from antiphon.agents.errors import ConfigError
from antiphon.agents.logs import bind_call, configure_child

__all__ = ["bind_log", "is_cascade", "ours"]

# Arguments of AgentSession that would set up a second turn taking beside ours.
_OURS = {
    "turn_detection": "turn_taking",
    "vad": "voice_detector",
    "min_endpointing_delay": "turn_taking=TurnTaking(silence_s=...)",
    "max_endpointing_delay": "turn_taking=TurnTaking(silence_s=...)",
    "min_interruption_duration": "turn_taking=TurnTaking(yield_after_s=...)",
    "false_interruption_timeout": "turn_taking=TurnTaking(resume_quiet_s=...)",
    "aec_warmup_duration": "nothing: a person who speaks early is heard",
}


def ours(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `AgentSession`, with its turn taking off.

    Raises:
        ConfigError: One of them is taken over, with what to use instead.
    """
    options = dict(options)
    for name, instead in _OURS.items():
        if options.get(name) is not None:
            raise ConfigError(f"VoiceSession({name})", options[name], f"not given; use {instead}")
        options.pop(name, None)
    handling = dict(options.pop("turn_handling", None) or {})
    handling["turn_detection"] = "manual"
    handling["interruption"] = {
        **(handling.get("interruption") or {}),
        "discard_audio_if_uninterruptible": False,  # the gate keeps it; what to do is the controller's
        "resume_false_interruption": False,  # the playout resumes by itself
    }
    return {**options, "vad": None, "turn_handling": handling, "aec_warmup_duration": None}


def is_cascade(agent: Agent, session: AgentSession[Any]) -> bool:
    """Whether a recogniser hears the person: it finds the end in the silence, so it gets that too."""
    model = agent.llm if is_given(agent.llm) else session.llm
    recogniser = agent.stt if is_given(agent.stt) else session.stt
    return recogniser is not None and not isinstance(model, llm.RealtimeModel)


def bind_log(room: rtc.Room) -> dict[str, str]:
    """Puts the call's fields into every log record from here on; returns them."""
    configure_child()
    context = get_job_context(required=False)
    job = context.job.id if context is not None else ""
    name = context.job.room.name if context is not None else room.name
    fields = {"call": job or name, "room": name, "job": job}
    bind_call(**fields)
    return fields
