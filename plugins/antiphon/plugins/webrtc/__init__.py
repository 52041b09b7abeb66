"""Audio over WebRTC peers of aiortc: what its own receive and send paths lack.

`receive.ReceivedAudio` is a peer's audio on a steady clock; `pacing.PacedTrack` is a track that sends what
is pushed and can be cleared. Both speak int16 mono at 24 kHz. Needs the extra ``webrtc``.
"""
