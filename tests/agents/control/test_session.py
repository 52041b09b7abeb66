"""The methods of a session; what they do in a call is tested in tests/e2e."""

from __future__ import annotations

from typing import Any

import pytest

from antiphon.agents import ConfigError, TurnTaking, VoiceSession
from antiphon.agents import timeline as tl
from antiphon.agents.errors import MisuseError
from antiphon.agents.usage import Budget, PriceTable


async def test_without_a_call_there_is_no_key() -> None:
    session: VoiceSession[Any] = VoiceSession(turn_taking=TurnTaking(push_to_talk=True))
    for method in (session.press_turn, session.release_turn, session.cancel_turn):
        with pytest.raises(MisuseError, match="no call to talk in"):
            await method()


async def test_turn_taking_may_change_before_the_call() -> None:
    session: VoiceSession[Any] = VoiceSession()
    session.update_turn_taking(TurnTaking(silence_s=0.7))
    session.update_turn_taking("attentive")
    assert await session.change(push_to_talk=True) == ("push_to_talk",)
    assert session.turn_taking == TurnTaking.policy("attentive", push_to_talk=True)
    assert [event.what for event in session.timeline.of(tl.Changed)] == [
        "turn_taking",
        "turn_taking",
        "push_to_talk",
    ]
    with pytest.raises(ConfigError, match="balanced"):
        session.update_turn_taking("rude")
    with pytest.raises(MisuseError):
        await session.change(voice="cedar")


async def test_wrong_arguments_are_told_at_once(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match="talk_attribute"):
        VoiceSession(remote_control={"fly"})
    with pytest.raises(ConfigError, match="price table"):
        VoiceSession(prices=tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="usd or minutes"):
        VoiceSession(budget=Budget())


async def test_a_session_that_did_nothing_used_nothing() -> None:
    session: VoiceSession[Any] = VoiceSession(prices=PriceTable.shipped())
    report = session.usage_report
    assert (report.call_s, report.usd, report.lines) == (0.0, 0.0, ())
    assert session.usage_meter.prices.models
