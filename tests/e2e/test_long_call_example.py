"""examples/long_call.py runs as it stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents import AgentServer
from numpy.typing import NDArray

from antiphon.plugins.local.testing import Say, ScriptedServer
from antiphon.workers.appfile import load_app

EXAMPLE = Path(__file__).parents[2] / "examples" / "long_call.py"


@pytest.mark.sfu
async def test_its_model_carries_a_call_and_falls_back(
    open_call: Any, question: NDArray[np.int16], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(load_app(str(EXAMPLE)), AgentServer)
    example = sys.modules["long_call"]
    async with (
        ScriptedServer([Say("From elsewhere.")], repeat_last=True) as elsewhere,
        ScriptedServer([Say("From here.")], transcripts=["hello"]) as here,
    ):
        monkeypatch.setenv("OPENAI_API_KEY", "test")
        monkeypatch.setenv("OPENAI_BASE_URL", here.base_url)
        monkeypatch.setenv("FALLBACK_API_KEY", "test")
        monkeypatch.setenv("FALLBACK_BASE_URL", elsewhere.base_url)
        model = example.lasting_model()
        assert len(model.models) == 2
        async with open_call(model=here, session_options={"llm": model, "judges": ()}) as call:
            await call.asked(question)
            await here.aclose()  # the provider is gone
            assert await call.until(lambda: model.counters.failovers == 1)
            await call.asked(question)
            assert await call.until(lambda: any("From elsewhere" in line.text for line in call.caller.lines))
        await model.aclose()
