"""What runs at the two ends of `lossy_link`; started by `webrtc_delay` and `webrtc_reply`."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web
from livekit import rtc

from antiphon.plugins import openai
from antiphon.plugins.local.peer import PeerTransport
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply
from antiphon.plugins.openai.peer import PeerEvents, make_peer

RATE = 24_000
FRAME = 480
PORT = 8077
RESULT = "result "  # before the one line of standard output that is not a log's
PULSE_EVERY = 20  # frames: 0.4 s, above any delay looked for
_LOUD = 5000  # of int16

_t = np.arange(240) / RATE
PULSE = np.zeros(FRAME, dtype=np.int16)
PULSE[:240] = (20_000 * np.sin(2 * np.pi * 1500 * _t)).astype(np.int16)
SILENCE = np.zeros(FRAME, dtype=np.int16)


class Listener:
    """Notes when the beginning of each pulse came out."""

    def __init__(self) -> None:
        self.heard: list[float] = []
        self.frames = 0

    def take(self, samples: np.ndarray) -> None:
        now = time.monotonic()
        self.frames += len(samples)
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LOUD)
        if len(loud):
            at = now + loud[0] / RATE
            if not self.heard or at - self.heard[-1] > 0.2:
                self.heard.append(at)


async def pulses(write: Callable[[np.ndarray], None], seconds: float) -> list[float]:
    """A frame each 20 ms, every `PULSE_EVERY`-th a pulse; returns when those were given."""
    loop, given = asyncio.get_running_loop(), []
    due = loop.time()
    for number in range(round(seconds * RATE / FRAME)):
        await asyncio.sleep(max(due - loop.time(), 0.0))
        due += FRAME / RATE
        if number % PULSE_EVERY:
            write(SILENCE)
        else:
            given.append(time.monotonic())
            write(PULSE)
    return given


async def delay_far(ip: str, seconds: float) -> dict[str, Any]:
    """Answers one call, listens, and sends pulses, as the local model's server does both."""
    peer = PeerTransport([ip])
    listener = Listener()
    called: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def post(request: web.Request) -> web.Response:
        sdp = await peer.answer(await request.text())
        called.set_result(None)
        return web.Response(status=201, text=sdp)

    app = web.Application()
    app.router.add_post("/", post)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, ip, PORT).start()
    print("ready", flush=True)
    await called
    media = peer.media
    assert media is not None
    heard = aiter(media.heard())
    listener.take(await anext(heard))

    async def listen() -> None:
        async for samples in heard:
            listener.take(samples)

    listening = asyncio.create_task(listen())
    given: list[float] = []
    numbers = {"next": 0}

    # A paced track takes what is queued when its time has come: kept one frame ahead, so that the time of
    # a pulse is when its frame left.
    total = round(seconds * RATE / FRAME)
    frames = [SILENCE if number % PULSE_EVERY else PULSE for number in range(total)]
    media.play(np.concatenate(frames))

    def moved(position: int) -> None:
        while numbers["next"] * FRAME < position:
            if numbers["next"] % PULSE_EVERY == 0:
                given.append(time.monotonic())
            numbers["next"] += 1

    media.on_played = moved
    await asyncio.sleep(seconds + 1.5)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await peer.close()
    await runner.cleanup()
    return {"given": given, "heard": listener.heard}


async def delay_near(ip: str, kind: str, seconds: float) -> dict[str, Any]:
    """Calls, sends pulses and listens, as our client does both."""
    listener = Listener()
    opened = asyncio.Event()
    peer = make_peer(
        kind,  # type: ignore[arg-type]
        PeerEvents(opened.set, lambda _: None, listener.take, lambda _: None, lambda why: print(why)),
    )
    async with aiohttp.ClientSession() as http:
        headers = {"Content-Type": "application/sdp"}
        async with http.post(f"http://{ip}:{PORT}/", data=await peer.offer(), headers=headers) as answer:
            await peer.answer(await answer.text())
    await asyncio.wait_for(opened.wait(), 20)
    given = await pulses(peer.write, seconds)
    await asyncio.sleep(1.0)
    await peer.close()
    return {"given": given, "heard": listener.heard}


async def reply_far(ip: str) -> dict[str, Any]:
    """The scripted model: says a second of chirp at once, whatever it hears."""
    server = ScriptedServer([Say("One two three.", chirp_reply(1.5))], repeat_last=True, host=ip, port=PORT)
    async with server:
        print("ready", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    return {}


async def reply_near(ip: str, transports: list[str], turns: int) -> dict[str, Any]:
    """Says turns to the model over each transport in turn, and times the replies."""
    out: dict[str, Any] = {name: {"first_s": [], "stalled_s": [], "failed": 0} for name in transports}
    async with aiohttp.ClientSession() as http:
        made = {}
        for name in transports:
            options: dict[str, Any] = {}
            if name != "websocket":
                options = {"transport": "webrtc", "peer": name}
            model = openai.realtime(
                base_url=f"http://{ip}:{PORT}/v1", api_key="k", http_session=http, **options
            )
            made[name] = (model, model.session())
        await asyncio.sleep(4.0)
        rng = np.random.default_rng(3)
        # The gate's pre-roll of 0.3 s, mostly background; a voice; the pause that ends a turn.
        levels = np.repeat([30.0, 3000.0, 30.0], [round(s * RATE) for s in (0.3, 1.2, 0.5)])
        speech = (rng.normal(0, 1, len(levels)) * levels).astype(np.int16)
        for _ in range(turns):
            for name in transports:
                await _turn(made[name][1], speech, out[name])
        for model, session in made.values():
            await session.aclose()
            await model.aclose()
    return out


async def _turn(session: Any, speech: np.ndarray, out: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    burst = round(0.5 * RATE)  # the gate's pre-roll and what was said until the onset was sure
    for start in [0, *range(burst, len(speech), FRAME)]:
        part = speech[start : burst if start == 0 else start + FRAME]
        session.push_audio(rtc.AudioFrame(part.tobytes(), RATE, 1, len(part)))
        due += 0 if start == 0 else len(part) / RATE
        await asyncio.sleep(max(due - loop.time(), 0.0))
    committed = time.monotonic()
    session.commit_audio()
    try:
        generation = await session.generate_reply()
        first, played_until, stalled = None, 0.0, 0.0
        async for message in generation.message_stream:
            async for frame in message.audio_stream:
                now = time.monotonic()
                if first is None:
                    first, played_until = now - committed, now
                elif now > played_until:
                    stalled += now - played_until
                    played_until = now
                played_until += frame.duration
        if first is None:
            out["failed"] += 1
        else:
            out["first_s"].append(first)
            out["stalled_s"].append(stalled)
    except Exception as error:  # a bench goes on, and counts it
        out["failed"] += 1
        print(repr(error), file=sys.stderr)


def result_in(output: str) -> dict[str, Any]:
    """What an end printed."""
    (line,) = (line for line in output.splitlines() if line.startswith(RESULT))
    found: dict[str, Any] = json.loads(line.removeprefix(RESULT))
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("end")
    parser.add_argument("ip")
    parser.add_argument("--kind", default="aiortc")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--turns", type=int, default=50)
    args = parser.parse_args()
    ends: dict[str, Callable[[], Awaitable[dict[str, Any]]]] = {
        "delay-far": lambda: delay_far(args.ip, args.seconds),
        "delay-near": lambda: delay_near(args.ip, args.kind, args.seconds),
        "reply-far": lambda: reply_far(args.ip),
        "reply-near": lambda: reply_near(args.ip, args.kind.split(","), args.turns),
    }

    async def run() -> dict[str, Any]:
        return await ends[args.end]()

    print(RESULT + json.dumps(asyncio.run(run())), flush=True)


if __name__ == "__main__":
    main()
