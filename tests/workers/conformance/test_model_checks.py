"""A model that is right passes; one that is not is found out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import numpy as np
import pytest
from livekit.agents import APIError, llm

from antiphon.plugins import openai
from antiphon.plugins.cascade import CascadeModel, LocalLLM, LocalSTT, LocalTTS
from antiphon.plugins.cascade.session import CascadeSession
from antiphon.plugins.local.engines import Samples, Voice
from antiphon.plugins.tiers import TieredModel
from antiphon.workers.conformance.checks import MODEL_CHECKS, Check, ModelSubject, run_checks
from tests.workers.conformance.rig import FaultyServer, engines

CHECKS = {check.name: check for check in MODEL_CHECKS}


class SlowVoice:
    """Speaks at the pace of speech, for 20 s."""

    async def speak(self, text: str, *, voice: str | None = None) -> AsyncGenerator[Samples, None]:
        for _ in range(200):
            yield np.full(2400, 1000, dtype=np.int16)
            await asyncio.sleep(0.1)


def cascade(session: type[CascadeSession] = CascadeSession, voice: Voice | None = None) -> llm.RealtimeModel:
    class Model(CascadeModel):
        def session(self, *, turn_detection_disabled: bool = False) -> CascadeSession:
            return session(self)

    parts = engines()
    return Model(stt=LocalSTT(parts.ears), llm=LocalLLM(parts.brain), tts=LocalTTS(voice or parts.voice))


def _ids(check: Check[Any]) -> str:
    return check.name


@pytest.mark.parametrize("check", MODEL_CHECKS, ids=_ids)
async def test_a_cascade_passes(check: Check[ModelSubject]) -> None:
    assert await check.run(ModelSubject(cascade))


@pytest.mark.parametrize("check", [c for c in MODEL_CHECKS if c.name != "gate say"], ids=_ids)
@pytest.mark.parametrize("name", ["openai", "tiers"])
async def test_the_adapters_pass_over_the_local_server(name: str, check: Check[ModelSubject]) -> None:
    async with FaultyServer() as server:

        def fast() -> llm.RealtimeModel:
            return openai.realtime(base_url=server.base_url, api_key="k")

        def tiers() -> llm.RealtimeModel:
            return TieredModel(fast(), LocalLLM(engines().brain))

        (result,) = await run_checks([check], ModelSubject(fast if name == "openai" else tiers))
    if check.name.startswith("14") and "tasks left" in result.why:
        assert "antiphon-model" in result.why  # the server's own, which is in this process
    else:
        assert result.outcome == "passed", result.why


class Forgets(CascadeSession):
    async def update_chat_ctx(self, chat_ctx: llm.ChatContext) -> None:
        await super().update_chat_ctx(llm.ChatContext(chat_ctx.items[:1]))


class Deaf(CascadeSession):
    def commit_audio(self) -> None:
        self.clear_audio()


class NeverStops(CascadeSession):
    def interrupt(self) -> None:
        """Goes on."""


class Complains(CascadeSession):
    def clear_audio(self) -> None:
        super().clear_audio()
        self._report(APIError("nothing to clear"), "it complains")


class Unmarked(CascadeSession):
    def generate_reply(self, **options: Any) -> asyncio.Future[llm.GenerationCreatedEvent]:
        future = super().generate_reply(**options)
        if future.exception() is None:
            future.result().user_initiated = False
        return future


class Toolless(CascadeSession):
    async def update_tools(self, tools: list[llm.Tool]) -> None:
        """Keeps none."""


class Unmeasured(CascadeSession):
    def emit(self, event: Any, *args: Any) -> None:
        if event != "metrics_collected":
            super().emit(event, *args)


@pytest.mark.parametrize(
    ("name", "session", "says"),
    [
        ("gate conversation", Forgets, "the conversation is"),
        ("gate reply", Unmarked, "not marked"),
        ("gate metrics", Unmeasured, "no realtime_model_metrics"),
        ("7 spoken turn", Deaf, "no transcript"),
        ("9 barge-in", NeverStops, "were not closed within 5 s"),
        ("11 idle interruption", Complains, "nothing to clear"),
        ("12 functions", Toolless, "not among"),
    ],
)
async def test_a_fault_is_found(name: str, session: type[CascadeSession], says: str) -> None:
    voice = SlowVoice() if session is NeverStops else None
    subject = ModelSubject(lambda: cascade(session, voice), wait_s=1.0)
    (result,) = await run_checks([CHECKS[name]], subject, timeout_s=30)
    assert result.outcome == "failed"
    assert says in result.why


async def test_what_is_no_model_is_said_to_be_none() -> None:
    make: Callable[[], Any] = dict
    (result,) = await run_checks([CHECKS["gate reply"]], ModelSubject(make))
    assert "dict is no livekit.agents.llm.RealtimeModel" in result.why
