"""The scripted model keeps to its script, records its wire, and fails loudly."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from antiphon.agents.errors import ConfigError, MisuseError
from antiphon.plugins.local.testing import Say, ScriptedServer, chirp_reply, load_script, tone


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


async def test_a_cut_comes_after_half_of_the_sound(http: aiohttp.ClientSession) -> None:
    script = [Say("One. Two.", tone(1.0), fault="expire"), Say("One. Two.", tone(1.0), fault="drop")]
    async with ScriptedServer(script, strict=True) as server:
        assert await ask(http, server) == ["dropped"]
        (error,) = server.events("error", "s")
        assert error.event["error"]["code"] == "session_expired"
        assert len(server.events("response.output_audio.delta")) == 5
        assert await ask(http, server) == ["dropped"]
        assert len(server.events("response.output_audio.delta")) == 10


async def test_given_sound_is_sent_as_it_is_whatever_the_words(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer([Say("Hello there. How are you?", tone(0.3))]) as server:
        sound = b""
        async with http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket:
            await socket.send_json({"type": "response.create"})
            async for message in socket:
                event = json.loads(message.data)
                if event["type"] == "response.output_audio.delta":
                    sound += base64.b64decode(event["delta"])
                elif event["type"] == "response.done":
                    break
        assert sound == tone(0.3).tobytes()


async def test_a_failure_has_the_code_that_the_script_gives(http: aiohttp.ClientSession) -> None:
    script = [Say(fault="fail", code="inference_rate_limit_exceeded")]
    async with ScriptedServer(script, strict=True) as server:
        assert await ask(http, server) == ["failed"]
        (done,) = server.events("response.done")
        assert done.event["response"]["status_details"]["error"]["code"] == "inference_rate_limit_exceeded"


async def test_transcripts_may_come_after_the_replies_and_in_another_order(
    http: aiohttp.ClientSession,
) -> None:
    script, words = [Say("a"), Say("b")], ["first", "second"]
    async with (
        ScriptedServer(script, transcripts=words, hear_s=[0.6, 0.2], await_ears=False, strict=True) as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket,
    ):
        settings = {"turn_detection": None, "transcription": {"model": "w"}}
        session = {"type": "realtime", "audio": {"input": settings}}
        await socket.send_json({"type": "session.update", "session": session})
        second = base64.b64encode(bytes(48_000)).decode()
        for turn in (1, 2):
            await socket.send_json({"type": "input_audio_buffer.append", "audio": second})
            await socket.send_json({"type": "input_audio_buffer.commit"})
            await socket.send_json({"type": "response.create"})
            await server.wait_for("response.done", count=turn)
        kind = "conversation.item.input_audio_transcription.completed"
        await server.wait_for(kind, count=2)
        items = [record.event["item_id"] for record in server.events("input_audio_buffer.committed")]
        heard = [(record.event["item_id"], record.event["transcript"]) for record in server.events(kind)]
        assert heard == [(items[1], "second"), (items[0], "first")]
        assert server.wire.index(server.events(kind)[1]) > server.wire.index(
            server.events("response.done")[1]
        )


async def test_strict_says_what_the_client_got_wrong(http: aiohttp.ClientSession) -> None:
    async def cancel_nothing() -> None:
        async with (
            ScriptedServer(strict=True) as server,
            http.ws_connect(server.url, headers={"Authorization": "Bearer x"}) as socket,
        ):
            await socket.send_json({"type": "response.cancel"})
            await server.wait_for("error")

    with pytest.raises(MisuseError, match="no active response"):
        await cancel_nothing()
    with pytest.raises(MisuseError, match="never said"):
        async with ScriptedServer([Say("never said")], strict=True):
            pass


async def test_a_script_comes_from_a_file(http: aiohttp.ClientSession, tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    replies = [
        {"text": "Hi.", "tone": 0.2, "then": [{"text": "And more."}]},
        {"tools": [{"name": "look", "arguments": {"where": "up"}}], "delay_s": 0.01},
        {"fault": "fail"},
    ]
    file.write_text(json.dumps(replies))
    async with ScriptedServer(load_script(file), strict=True) as server:
        assert await ask(http, server, 3) == ["completed", "completed", "failed"]
        said = [r.event["transcript"] for r in server.events("response.output_audio_transcript.done")]
        assert said == ["Hi.", "And more."]
        (call,) = server.events("response.function_call_arguments.done")
        assert json.loads(call.event["arguments"]) == {"where": "up"}


@pytest.mark.parametrize("text", ["", "{}", "[]", "[5]", '[{"mood": 1}]', '[{"tools": [{}]}]'])
def test_a_file_that_is_no_script_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "script.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"script\.json"):
        load_script(file)


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


async def test_a_wait_in_vain_says_what_came_instead(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer() as server,
        http.ws_connect(server.url, headers={"Authorization": "Bearer x"}),
    ):
        await server.wait_for("conversation.created")
        with pytest.raises(MisuseError, match=r"no response\.done came.*session\.created"):
            await server.wait_for("response.done", timeout=0)
