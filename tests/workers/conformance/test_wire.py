from __future__ import annotations

import pytest

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.workers.conformance.result import Failure
from antiphon.workers.conformance.speech import silence
from antiphon.workers.conformance.wire import Server
from tests.workers.conformance.rig import FaultyServer


async def test_events_come_and_what_does_not_come_is_said_with_what_did() -> None:
    async with FaultyServer() as server, Server(server.base_url, wait_s=0.2).connect() as wire:
        assert (await wire.wait("session.created"))["session"]["id"]
        with pytest.raises(Failure, match=r"no response\.done within 0\.2 s.*session\.created"):
            await wire.wait("response.done")


async def test_an_error_is_told_from_an_answer() -> None:
    async with FaultyServer() as server, Server(server.base_url, wait_s=5.0).connect() as wire:
        await wire.wait("session.created")
        with pytest.raises(Failure, match="unknown_parameter"):
            await wire.update(nothing=1)
        assert (await wire.update(instructions="Yes."))["instructions"] == "Yes."


async def test_a_response_is_found_by_its_own_tag() -> None:
    async with FaultyServer() as server, Server(server.base_url).connect() as wire:
        await wire.wait("session.created")
        response_id, after = await wire.respond(output_modalities=["text"])
        assert (await wire.done(response_id, after=after))["status"] == "completed"
        assert wire.of(response_id, "response.output_text.delta")


async def test_audio_is_sent_in_tenths_of_a_second() -> None:
    async with FaultyServer() as server, Server(server.base_url).connect() as wire:
        await wire.wait("session.created")
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(silence(0.25))
        await wire.send("input_audio_buffer.commit")
        await wire.wait("input_audio_buffer.committed")


async def test_a_close_ends_the_wait_with_its_code() -> None:
    async with FaultyServer(session_limit_s=0.2) as server, Server(server.base_url).connect() as wire:
        assert await wire.wait_closed(5.0) == 1001
        with pytest.raises(Failure, match="closed with 1001"):
            await wire.wait("response.done", timeout_s=5.0)


async def test_a_refusal_and_a_silence_are_errors_of_their_own() -> None:
    async with FaultyServer(api_key="right") as server:
        with pytest.raises(ModelRefused, match="401"):
            async with Server(server.base_url, key="wrong").connect():
                pass
    with pytest.raises(ModelUnavailable):
        async with Server("ws://127.0.0.1:9").connect():
            pass
