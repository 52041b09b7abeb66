"""An echo participant that only copies frames: the transport's floor.

``python -m antiphon.workers.bench.echo_main URL TOKEN``, pinned where the agent is. Ends with its
standard input.
"""

from __future__ import annotations

import os

if core := os.environ.get("ANTIPHON_BENCH_CORE"):
    os.sched_setaffinity(0, {int(core)})

import asyncio
import sys

from livekit import rtc

__all__ = ["main"]

_RATE = 48_000


async def main(url: str, token: str) -> None:
    """Echoes until cancelled."""
    room = rtc.Room()
    source = rtc.AudioSource(_RATE, 1, queue_size_ms=50)
    tasks: set[asyncio.Task[None]] = set()

    async def copy(track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=_RATE, num_channels=1)
        async for event in stream:
            await source.capture_frame(event.frame)

    @room.on("track_subscribed")
    def _(track: rtc.Track, *_: object) -> None:
        tasks.add(asyncio.create_task(copy(track)))

    await room.connect(url, token)
    track = rtc.LocalAudioTrack.create_audio_track("echo", source)
    await room.local_participant.publish_track(
        track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    )
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
