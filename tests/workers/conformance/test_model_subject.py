from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import llm

from antiphon.workers.conformance.model_subject import ModelSubject
from antiphon.workers.conformance.result import Failure
from antiphon.workers.conformance.speech import silence
from tests.plugins.cascade.rig import Brain, cascade, words


async def test_a_model_is_opened_instructed_and_closed() -> None:
    brain = Brain([words("All is well.")])
    async with ModelSubject(lambda: cascade(brain=brain)).open() as opened:
        item_id = await opened.type("Hello.")
        assert opened.text(item_id) == "Hello."
        assert opened.text("another") is None
        found = await opened.reply()
        assert [text.strip() for text in found.messages] == ["All is well."]
        assert found.audio_s > 0.3
        assert found.calls == []
        await opened.speak(silence(0.2))
        assert opened.session._turn.duration_s == pytest.approx(0.2)
        opened.expect_no_errors()
    assert "checked" in brain.requests[0].instructions


async def test_an_error_event_is_a_failure() -> None:
    async with ModelSubject(cascade).open() as opened:
        error = llm.RealtimeModelError(timestamp=0.0, label="x", error=ValueError("odd"), recoverable=True)
        opened.session.emit("error", error)
        with pytest.raises(Failure, match="odd"):
            opened.expect_no_errors()


async def test_what_is_no_model_is_no_subject() -> None:
    make: Any = list
    with pytest.raises(Failure, match="list is no"):
        async with ModelSubject(make).open():
            pass
