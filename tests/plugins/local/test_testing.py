"""The scripted model keeps to its script, records its wire, and fails loudly."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import numpy as np
import pytest

from antiphon.agents.errors import MisuseError
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply, tone


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def ask(http: aiohttp.ClientSession, server: ScriptedServer, times: int = 1) -> list[str]:
    """Asks for replies; returns the status of each."""
    found: list[str] = []
    async with http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket:
        for _ in range(times):
            await socket.send_json({"type": "response.create"})
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "response.done":
                    found.append(event["response"]["status"])
                    break
            else:
                found.append("dropped")
    return found


async def test_replies_follow_the_script_and_too_many_are_noticed(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("One."), Say("Two.")]) as server:
        assert await ask(http, server, 3) == ["completed", "completed", "failed"]
        said = [r.event["transcript"] for r in server.events("response.output_audio_transcript.done")]
        assert said == ["One.", "Two."]
        assert len(server.requests) == 3
        with pytest.raises(MisuseError, match="after the script's last"):
            server.check()


async def test_the_wire_has_both_directions_in_order_without_the_audio(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("Hi.")]) as server:
        await ask(http, server)
        times = [record.at for record in server.wire]
        assert times == sorted(times)
        assert {record.direction for record in server.wire} == {"c", "s"}
        for record in server.events("response.output_audio.delta"):
            assert record.event["delta"].endswith("bytes of base64>")
        assert (await server.wait_for("response.done")).event["response"]["status"] == "completed"
        with pytest.raises(
            MisuseError, match=r"no conversation\.item\.truncate came within 0\.05 s.*session\.created"
        ):
            await server.wait_for("conversation.item.truncate", timeout=0.05)


async def test_faults_are_part_of_the_script(http: aiohttp.ClientSession) -> None:
    script = [Say("x", fault="fail"), Say("Fine.", fault="error"), Say("Half.", fault="drop")]
    async with ScriptedServer(script) as server:
        assert await ask(http, server, 3) == ["failed", "completed", "dropped"]
        assert server.events("error", "s")


async def test_the_last_reply_may_be_repeated(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("Again.")], repeat_last=True) as server:
        assert await ask(http, server, 3) == ["completed"] * 3
        server.check()


def test_the_chirp_carries_its_position() -> None:
    sound = chirp_reply(2.0)
    assert len(sound) == 48_000
    assert np.abs(sound).max() == pytest.approx(32767 * 10**-0.5, rel=0.01)
    part = sound[24_000:24_960].astype(float) * np.hanning(960)
    peak = np.argmax(np.abs(np.fft.rfft(part, 1 << 16))) * 24_000 / (1 << 16)
    assert peak == pytest.approx(400 + 450 * 1.02, abs=3)
    assert len(tone(0.5)) == 12_000
