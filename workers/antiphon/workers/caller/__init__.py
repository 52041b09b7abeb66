"""A caller without a browser: joins a room as a person would, plays, listens and keeps what it heard."""

from antiphon.workers.caller.audiofile import read_audio, write_stereo
from antiphon.workers.caller.caller import Caller, Played
from antiphon.workers.caller.place_call import CallResult, Exchange, place_call
from antiphon.workers.caller.recording import Recording

__all__ = [
    "CallResult",
    "Caller",
    "Exchange",
    "Played",
    "Recording",
    "place_call",
    "read_audio",
    "write_stereo",
]
