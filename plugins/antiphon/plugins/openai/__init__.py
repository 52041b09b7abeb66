"""OpenAI's Realtime API, configured well.

`realtime` makes a livekit-plugins-openai `RealtimeModel` with what its defaults get wrong for a call of
ours: a current model and transcription, the session's own turn taking, no recycling in mid-call.
"""

from antiphon.plugins.openai.realtime import realtime

__all__ = ["realtime"]
