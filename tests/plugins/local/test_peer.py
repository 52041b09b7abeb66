"""Conversations over a real WebRTC peer on loopback."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import random
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from aiortc import RTCPeerConnection

from antiphon.plugins.local.peer import BadOffer, PeerTransport
from antiphon.plugins.local.testing import Say, ScriptedServer, tone

_spec = importlib.util.spec_from_file_location("local_caller", Path(__file__).with_name("caller.py"))
assert _spec is not None
assert _spec.loader is not None
_caller = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_caller)
Caller, KEY, rms = _caller.Caller, _caller.KEY, _caller.rms

OLD_HZ, NEW_HZ = 600.0, 1500.0


def strength(sound: np.ndarray, hz: float) -> float:
    """How much of a sound is one tone, 0 to 1 of its power."""
    t = np.arange(len(sound)) / 24_000
    wave = sound.astype(np.float64)
    power = float(np.mean(wave**2)) or 1.0
    return float(abs(np.mean(wave * np.exp(-2j * np.pi * hz * t))) ** 2 * 2 / power)


async def test_a_reply_is_heard_and_no_sound_of_it_is_in_the_events() -> None:
    async with (
        ScriptedServer([Say("Hello there.", audio=tone(0.6, OLD_HZ))]) as server,
        Caller(server.base_url) as caller,
    ):
        await caller.call()
        assert caller.location == f"/v1/realtime/calls/{caller.call_id}"
        assert caller.call_id.startswith("rtc_")
        caller.send("response.create")
        await caller.wait_for("output_audio_buffer.stopped")
        await caller.hear(loud=False)
        types = caller.types()
        assert types[0] == "session.created"
        assert "response.output_audio.delta" not in types
        assert types.index("response.content_part.added") < types.index("output_audio_buffer.started")
        assert types.index("response.done") < types.index("output_audio_buffer.stopped")
        assert (
            caller.of("output_audio_buffer.started")[0]["response_id"]
            == (caller.of("response.created")[0]["response"]["id"])
        )
        loud = [frame for frame in caller.heard if rms(frame) > 300]
        assert len(loud) == pytest.approx(30, abs=5)
        assert np.median([strength(frame, OLD_HZ) for frame in loud]) > 0.9


async def test_a_clear_silences_the_peer_and_cuts_the_item_to_what_was_heard() -> None:
    """Vector V6 and conformance check 10."""
    script = [Say("A long tale.", audio=tone(8.0, OLD_HZ)), Say("Something new.", audio=tone(0.6, NEW_HZ))]
    async with ScriptedServer(script, speed=1.5) as server, Caller(server.base_url) as caller:
        await caller.call()
        loop = asyncio.get_running_loop()
        caller.send("response.create")
        began = await caller.hear(loud=True, frames=3)
        response_id = caller.of("response.created")[0]["response"]["id"]
        await caller.until(lambda: [f for f in caller.heard if rms(f) > 300], 20, 20.0, "0.4 s of the reply")
        cleared_at = loop.time()
        caller.send("response.cancel", response_id=response_id)
        caller.send("output_audio_buffer.clear")
        silent_at = await caller.hear(loud=False, frames=3)
        truncated = await caller.wait_for("conversation.item.truncated")
        done = await caller.wait_for("response.done")
        assert silent_at - cleared_at < 0.4  # 150 ms on an idle machine: tests/bench/webrtc_loss.py
        assert done["response"]["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
        assert [e["response_id"] for e in caller.of("output_audio_buffer.cleared")] == [response_id]
        assert truncated["item_id"] == done["response"]["output"][0]["id"]
        assert truncated["audio_end_ms"] == pytest.approx((cleared_at - began) * 1000, abs=300)

        seen = len(caller.heard)
        caller.send("response.create")
        await caller.wait_for("output_audio_buffer.stopped")
        await caller.hear(loud=False, frames=2)
        loud = [frame for frame in caller.heard[seen:] if rms(frame) > 300]
        assert np.median([strength(frame, NEW_HZ) for frame in loud]) > 0.9
        assert max(strength(frame, OLD_HZ) for frame in loud) < 0.1
        assert len(caller.of("output_audio_buffer.stopped")) == 1
        assert caller.of("output_audio_buffer.stopped")[0]["response_id"] != response_id
        assert len(caller.of("conversation.item.truncated")) == 1
        # What was not heard is not remembered.
        assert "tale" not in json.dumps(server.requests[1].items)


async def test_a_voice_over_the_reply_interrupts_it(clip) -> None:
    """Turn detection on: the server cancels, clears and truncates by itself, then answers."""
    question = clip("weather_question", 24_000)
    script = [Say("A long tale.", audio=tone(20.0, OLD_HZ)), Say("It is sunny.", audio=tone(0.5, NEW_HZ))]
    async with (
        ScriptedServer(script, transcripts=["What is the weather?"]) as server,
        Caller(server.base_url) as caller,
    ):
        transcription = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
        await caller.call({"type": "realtime", "model": "m", **transcription})
        assert caller.of("session.created")[0]["session"]["model"] == "m"
        caller.send("response.create")
        await caller.hear(loud=True, frames=5)
        caller.microphone.push(question)
        await caller.wait_for("output_audio_buffer.stopped")
        done = caller.of("response.done")[0]["response"]
        # The words were all sent long before: what was cut is what was to be heard.
        assert done["output"][0]["id"] == caller.of("conversation.item.truncated")[0]["item_id"]
        assert 0 < caller.of("conversation.item.truncated")[0]["audio_end_ms"] < 20_000
        order = [t for t in caller.types() if t.startswith(("output_audio", "input_audio_buffer", "conv"))]
        assert order.index("input_audio_buffer.speech_started") < order.index("output_audio_buffer.cleared")
        assert order.count("output_audio_buffer.cleared") == 1
        heard = await caller.wait_for("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "What is the weather?"
        second = caller.of("response.created")[1]["response"]["id"]
        assert caller.of("output_audio_buffer.stopped")[0]["response_id"] == second


def lose(peer: RTCPeerConnection, rate: float, seed: int) -> None:
    """Drops that part of what a peer sends, media and events alike."""
    transport, rng = peer.getSenders()[0].transport.transport, random.Random(seed)
    send = transport._send

    async def lossy(data: bytes) -> None:
        if rng.random() >= rate:
            await send(data)

    transport._send = lossy  # type: ignore[method-assign]


async def test_a_conversation_goes_on_under_loss(clip) -> None:
    """5 % of all packets both ways: every event comes, the reply has no holes, no delay stays."""
    question = clip("weather_question", 24_000)
    async with (
        ScriptedServer([Say("It is sunny.", audio=tone(3.0, OLD_HZ))], repeat_last=True) as server,
        Caller(server.base_url) as caller,
    ):
        await caller.call()
        (session,) = server.sessions
        lose(caller.peer, 0.05, 1)
        lose(session._transport._peer, 0.05, 2)
        for turn in (1, 2):
            caller.microphone.push(question)
            await caller.wait_for("output_audio_buffer.stopped", count=turn, timeout=40)
        assert len(caller.of("input_audio_buffer.committed")) == 2
        assert [e["response"]["status"] for e in caller.of("response.done")] == ["completed"] * 2
        assert len(caller.of("response.output_audio_transcript.delta")) == 2
        await caller.hear(loud=False, frames=3)
        loud = [frame for frame in caller.heard if rms(frame) > 300]
        assert len(loud) == pytest.approx(300, abs=20)
        assert caller.ear.stats.concealed > 3
        assert caller.ear.stats.margin_s < 0.25


async def test_a_sideband_sees_and_does_what_the_peer_does() -> None:
    async with (
        ScriptedServer([Say("Hello.", audio=tone(0.2))]) as server,
        Caller(server.base_url) as caller,
        aiohttp.ClientSession() as http,
    ):
        await caller.call()
        async with http.ws_connect(f"{server.url}?call_id={caller.call_id}", headers=KEY) as sideband:
            created = json.loads((await sideband.receive()).data)
            assert created["type"] == "session.created"
            assert created["session"]["id"] == caller.of("session.created")[0]["session"]["id"]
            update = {"type": "realtime", "instructions": "Be brief."}
            await sideband.send_json({"type": "session.update", "session": update})
            assert json.loads((await sideband.receive()).data)["type"] == "session.updated"
            assert (await caller.wait_for("session.updated"))["session"]["instructions"] == "Be brief."
            await sideband.send_json({"type": "response.create"})
            kinds = []
            while not kinds or kinds[-1] != "output_audio_buffer.stopped":
                kinds.append(json.loads((await asyncio.wait_for(sideband.receive(), 20)).data)["type"])
            assert "response.done" in kinds
        assert server.sessions  # a sideband's end ends nothing


async def test_a_dropped_call_says_nothing_to_its_client() -> None:
    async with ScriptedServer([Say("Hi.", audio=tone(5.0))]) as server, Caller(server.base_url) as caller:
        await caller.call()
        caller.send("response.create")
        await caller.hear(loud=True)
        calls = list(server._tasks)
        server.drop_all()
        await asyncio.wait_for(asyncio.gather(*calls), 10)
        assert not server.sessions
        await caller.hear(loud=False, frames=3)
        assert not caller.closed.is_set()
        assert caller.peer.connectionState == "connected"


@pytest.mark.parametrize("how", ["peer", "hangup", "expiry"])
async def test_a_call_ends_for_both_sides(how: str) -> None:
    async with ScriptedServer() as server, Caller(server.base_url) as caller:
        await caller.call()
        (session,) = server.sessions
        if how == "peer":
            await caller.close()
        elif how == "hangup":
            async with (
                aiohttp.ClientSession(headers=KEY) as http,
                http.post(f"http://127.0.0.1:{server.port}{caller.location}/hangup") as response,
            ):
                assert response.status == 200
            await asyncio.wait_for(caller.closed.wait(), 10)
        else:
            await session.expire()
            assert (await caller.wait_for("error"))["error"]["code"] == "session_expired"
            await asyncio.wait_for(caller.closed.wait(), 10)
        await asyncio.wait_for(asyncio.gather(*server._tasks), 10)
        assert not server.sessions
        async with aiohttp.ClientSession(headers=KEY) as http:
            async with http.post(f"http://127.0.0.1:{server.port}{caller.location}/hangup") as response:
                assert response.status == 404
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(f"{server.url}?call_id={caller.call_id}")
            assert refused.value.status == 404


async def test_messages_too_large_for_the_channel_end_nothing() -> None:
    async with ScriptedServer([Say("Hello.", audio=tone(0.1))]) as server, Caller(server.base_url) as caller:
        await caller.call()
        with pytest.raises(ValueError, match="65536"):
            caller.send("session.update", session={"type": "realtime", "instructions": "x" * 70_000})
        # The other way: a sideband sets more than the peer's channel takes.
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"{server.url}?call_id={caller.call_id}", headers=KEY) as sideband,
        ):
            update = {"type": "realtime", "instructions": "x" * 300_000}
            await sideband.send_json({"type": "session.update", "session": update})
            assert (await caller.wait_for("error"))["error"]["code"] == "event_too_large"
        caller.send("response.create")
        await caller.wait_for("output_audio_buffer.stopped")


async def test_audio_in_events_is_refused_and_an_idle_clear_is_nothing() -> None:
    async with ScriptedServer() as server, Caller(server.base_url) as caller:
        await caller.call()
        caller.send("output_audio_buffer.clear")
        caller.send("input_audio_buffer.append", audio="AAAA")
        assert "track" in (await caller.wait_for("error"))["error"]["message"]
        assert not caller.of("output_audio_buffer.cleared")


async def test_other_channels_are_closed_and_a_peer_without_one_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("antiphon.plugins.local.peer.CONNECT_S", 0.05)
    transport = PeerTransport(["127.0.0.1"])
    caller = Caller("http://127.0.0.1:1/v1")
    assert "m=audio" in await transport.answer(await caller.offer())
    async for message in transport.messages():
        raise AssertionError(message)
    assert transport.closed
    with pytest.raises(ConnectionError):
        await transport.send("{}")
    await transport.close()
    await caller.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda sdp: "nonsense", "SDP"),
        (lambda sdp: sdp.replace("opus/48000/2", "speex/48000/2"), "Opus"),
        (lambda sdp: sdp[: sdp.index("m=application")].replace("BUNDLE 0 1", "BUNDLE 0"), "data channel"),
        (lambda sdp: sdp.replace("BUNDLE 0 1", "BUNDLE 0"), "BUNDLE"),
        (lambda sdp: sdp.replace("a=rtcp-mux", "a=rtcp-mix"), "mux"),
        (
            lambda sdp: sdp.replace(
                "a=mid:0", "a=mid:0\r\n" + "a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n" * 65
            ),
            "65|64",
        ),
        (lambda sdp: sdp.replace("a=fingerprint", "a=finger"), "a=fingerprint"),
        (lambda sdp: sdp.replace("a=ice-ufrag", "a=ice-frag"), "a=ice-ufrag"),
        (lambda sdp: sdp.replace("m=audio", "m=video"), "audio"),
        (lambda sdp: sdp.replace("a=rtpmap:", "a=rtpmap:x"), "SDP"),
        (lambda sdp: sdp.replace("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVPF x"), "SDP"),
    ],
)
async def test_an_offer_that_cannot_be_answered_says_why(spoil, says: str) -> None:
    caller, transport = Caller("http://127.0.0.1:1/v1"), PeerTransport(["127.0.0.1"])
    try:
        with pytest.raises(BadOffer, match=says):
            await transport.answer(spoil(await caller.offer()))
    finally:
        await transport.close()
        await caller.close()


async def test_ports_are_opened_on_the_addresses_given_only() -> None:
    caller, transport = Caller("http://127.0.0.1:1/v1"), PeerTransport(["127.0.0.1"])
    answer = await transport.answer(await caller.offer())
    candidates = [line for line in answer.splitlines() if line.startswith("a=candidate")]
    assert candidates
    assert all(" 127.0.0.1 " in line for line in candidates)
    await transport.close()
    await caller.close()


async def test_spoilt_offers_are_refused_or_answered_and_leave_nothing() -> None:
    caller = Caller("http://127.0.0.1:1/v1")
    offer = (await caller.offer()).split("\r\n")
    await caller.close()
    rng, answered, reasons = random.Random(3), 0, []
    for _ in range(60):
        lines = list(offer)
        for _ in range(rng.randint(1, 3)):
            index = rng.randrange(len(lines))
            line = lines[index]
            cut = rng.randrange(len(line) + 1)
            lines[index : index + 1] = rng.choice(
                [[], [line, line], [line[:cut]], [line[:cut] + chr(rng.randrange(32, 300)) + line[cut + 1 :]]]
            )
        transport = PeerTransport(["127.0.0.1"])
        try:
            await transport.answer("\r\n".join(lines))
            answered += 1
        except BadOffer as error:
            reasons.append(str(error))
        finally:
            await transport.close()
    assert 0 < answered < 60
    assert all(reasons)
