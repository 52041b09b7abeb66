"""The OpenAI Realtime protocol's server side, without I/O.

`Core` takes a client's events and the engines' results, each with the time, and returns what to do:
events to send, and effects (look for speech in this audio, hear that, start or stop a reply, close).
Drive it so: hand it everything that happens, in order, from one task; carry out what it returns, in
order; call `Core.tick` at `Core.deadline`.

Audio travels in events, or on a track each way (WebRTC): then `Core.hear` takes what came, and `Play` and
`Flush` say what goes out.

Not here, and said so where a client asks for it: SIP, transcription sessions, and MCP servers, whose
listing of tools fails.

Written from the GA event reference and the types of the ``openai`` package; names are GA's.
"""

from antiphon.plugins.local.protocol.core import Core
from antiphon.plugins.local.protocol.outputs import (
    CancelReply,
    Close,
    Flush,
    Listen,
    Output,
    Play,
    Refusal,
    Send,
    StartReply,
    Transcribe,
)

__all__ = [
    "CancelReply",
    "Close",
    "Core",
    "Flush",
    "Listen",
    "Output",
    "Play",
    "Refusal",
    "Send",
    "StartReply",
    "Transcribe",
]
