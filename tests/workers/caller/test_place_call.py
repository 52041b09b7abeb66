"""A recorded call to a scripted agent in this process, and what is left of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from antiphon.agents import timeline as tl
from antiphon.agents.errors import ConfigError, MediaError, RoomError
from antiphon.workers.caller import place_call

DATA = Path(__file__).parents[2] / "data"
QUESTION = DATA / "weather_question.flac"


async def test_nothing_is_dialled_when_a_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        await place_call(url="ws://127.0.0.1:9", token="t", say=[tmp_path / "no.wav"])
    with pytest.raises(ConfigError, match="API key"):
        await place_call(url="ws://127.0.0.1:9", say=[QUESTION])


@pytest.mark.sfu
async def test_no_agent_is_an_error_and_leaves_no_files(sfu: Any, tmp_path: Path) -> None:
    with pytest.raises(RoomError, match="no agent came"):
        await place_call(
            url=sfu.url,
            api_key=sfu.api_key,
            api_secret=sfu.api_secret,
            agent_name=None,
            say=[QUESTION],
            out_dir=tmp_path / "call",
            agent_timeout_s=0.3,
        )
    assert not (tmp_path / "call").exists()


def test_the_observed_timeline_needs_nothing_of_the_agent() -> None:
    from antiphon.workers.caller.caller import Line
    from antiphon.workers.caller.place_call import observed
    from antiphon.workers.caller.recording import Recording

    class Seen:
        states = ((1.0, "listening"), (3.0, "speaking"))
        lines = (Line(2.0, "user", "Hi", True),)
        heard = Recording(24_000)

    events = observed(Seen(), 0.0)  # type: ignore[arg-type]
    assert [type(event) for event in events] == [tl.AgentState, tl.Transcript, tl.AgentState]
