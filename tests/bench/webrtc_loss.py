"""WebRTC with our receive path and paced track: delay under loss, opening time, silence after a clear.

    python tests/bench/webrtc_loss.py [--seconds 60] [--loss 0 0.01 0.05] [--rounds 20] [--stock]

*One way*: a process pushes a 40 ms burst of tone each 410 ms to a track; this one notes when its first
loud sample is to be heard. Both read the machine's monotonic clock. Included: the wait for the next
frame (10 ms on average), the codec's look-ahead (6.5 ms), the jitter buffer. RTP packets are dropped at
the sender's transport, seeded. The first and the last 10 s are shown apart: a delay that a loss leaves
behind would show in the last.

*Opening* and *silence*: the scripted local model in a process of its own; from the POST to
``session.created``, and from the client's cancel and clear to the first of three silent frames in a row.

``--stock`` measures aiortc's own receive path beside it. Not run by pytest; `tests/plugins/webrtc` and
`tests/plugins/local/test_peer.py` check the same, loosely and shortly.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import random
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioResampler

from antiphon.plugins.webrtc.pacing import PacedTrack
from antiphon.plugins.webrtc.receive import ReceivedAudio

sys.path.insert(0, str(Path(__file__).parents[1] / "plugins" / "local"))
from caller import Caller, rms

PERIOD_S = 0.41  # between bursts; no multiple of a frame, so that each meets another phase
RATE_HZ = 24_000
LOUD = 1500


def burst() -> np.ndarray:
    t = np.arange(round(0.04 * RATE_HZ)) / RATE_HZ
    return (12_000 * np.sin(2 * np.pi * 1000 * t)).astype(np.int16)


def peer() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def send(loss: float, seconds: float) -> None:
    """The sender's process: offer out, answer in, then bursts on a schedule that it prints."""
    connection, track = peer(), PacedTrack()
    connection.addTrack(track)
    connected = asyncio.Event()
    connection.on(
        "connectionstatechange", lambda: connection.connectionState == "connected" and connected.set()
    )
    await connection.setLocalDescription(await connection.createOffer())
    print(json.dumps(connection.localDescription.sdp), flush=True)
    answer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    transport, rng = connection.getSenders()[0].transport, random.Random(1)
    whole = transport._send_rtp

    async def lossy(data: bytes) -> None:
        if 192 <= data[1] <= 223 or rng.random() >= loss:  # RTCP always goes
            await whole(data)

    transport._send_rtp = lossy  # type: ignore[method-assign]
    await connected.wait()
    began = time.monotonic() + 1.0
    print(began, flush=True)
    for k in range(round(seconds / PERIOD_S)):
        await asyncio.sleep(max(began + k * PERIOD_S - time.monotonic(), 0))
        track.push(burst())
    await asyncio.sleep(1.0)
    await connection.close()


async def stock_frames(connection: RTCPeerConnection):  # type: ignore[no-untyped-def]
    """What aiortc's own receive path gives, as int16 mono at 24 kHz."""
    resampler = AudioResampler("s16", "mono", RATE_HZ)
    track = connection.getReceivers()[0].track
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        for made in resampler.resample(frame):
            yield made.to_ndarray().ravel()


async def one_way(loss: float, seconds: float, stock: bool) -> str:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--send", str(loss), "--seconds", str(seconds)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    connection = peer()
    transceiver = connection.addTransceiver("audio", "recvonly")
    audio = None if stock else ReceivedAudio(transceiver.receiver)
    offer = json.loads(await child.stdout.readline())
    await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    child.stdin.write(json.dumps(connection.localDescription.sdp).encode() + b"\n")
    began = float(await child.stdout.readline())
    delays: dict[int, float] = {}
    frames = 0
    cpu = time.process_time()
    async for frame in audio or stock_frames(connection):
        now = time.monotonic()
        frames += now >= began
        loud = np.flatnonzero(np.abs(frame) > LOUD)
        if len(loud):
            at = now + loud[0] / RATE_HZ - began
            delays.setdefault(int(at // PERIOD_S), at % PERIOD_S)
        if now > began + seconds:
            break
    cpu = (time.process_time() - cpu) / seconds
    if audio is not None:
        audio.close()
    await connection.close()
    await child.wait()
    at = np.array(sorted(delays)) * PERIOD_S
    ms = np.array([delays[k] * 1000 for k in sorted(delays)])
    first, last = ms[at < 10], ms[at >= seconds - 10]
    name = "aiortc's own" if stock else "ours"
    stats = "" if audio is None else f"; {audio.stats}"
    return (
        f"one way, {loss:.0%} loss, {name}: p50 {np.median(ms):.0f} ms, p95 {np.percentile(ms, 95):.0f}; "
        f"first 10 s {np.median(first):.0f}, last 10 s {np.median(last):.0f}; "
        f"{len(ms)} of {round(seconds / PERIOD_S)} bursts, {frames / seconds:.1f} frames/s, "
        f"{cpu:.1%} of a core{stats}"
    )


async def model(rounds: int) -> list[str]:
    """Opening and silence, against the scripted model in a process of its own."""
    script = Path(tempfile.mkdtemp()) / "script.json"
    script.write_text(json.dumps([{"text": "A long tale.", "tone": 30.0}]))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon.plugins.local", "--with-parent", "--scripted", str(script)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    url = json.loads(await child.stdout.readline())["base_url"]
    loop = asyncio.get_running_loop()
    opened, silenced = [], []
    for k in range(rounds + 1):
        async with Caller(url) as caller:
            began = loop.time()
            await caller.call()
            opened.append(loop.time() - began)
            caller.send("response.create")
            await caller.hear(loud=True, frames=10)
            await asyncio.sleep(0.02 * (k % 7) / 7)
            at = loop.time()
            caller.send("response.cancel")
            caller.send("output_audio_buffer.clear")
            silenced.append(await caller.hear(loud=False, frames=3) - at)
            await caller.wait_for("conversation.item.truncated")
            assert len(caller.of("output_audio_buffer.cleared")) == 1
            assert not caller.of("output_audio_buffer.stopped")
            assert max(rms(frame) for frame in caller.heard[-2:]) < 300
    child.stdin.close()
    await child.wait()
    lines = []
    for name, values in (("POST to session.created", opened[1:]), ("clear to silence", silenced[1:])):
        ms = np.array(values) * 1000
        p50, p95 = np.median(ms), np.percentile(ms, 95)
        lines.append(f"{name}: p50 {p50:.0f} ms, p95 {p95:.0f}, max {ms.max():.0f} (n={len(ms)})")
    return lines


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--loss", type=float, nargs="*", default=[0.0, 0.01, 0.05])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--send", type=float, default=None, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.send is not None:
        await send(given.send, given.seconds)
        return
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}")
    if given.rounds:
        for line in await model(given.rounds):
            print(line, flush=True)
    for loss in given.loss:
        for stock in (False, True) if given.stock else (False,):
            print(await one_way(loss, given.seconds, stock), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
