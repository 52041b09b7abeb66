from __future__ import annotations

import pytest
from livekit.agents.metrics import AgentSessionUsage, LLMMetrics, LLMModelUsage, STTModelUsage
from livekit.agents.metrics.base import Metadata

from antiphon.agents.usage.meter import UsageMeter
from antiphon.agents.usage.prices import PriceTable

TABLE = PriceTable.parse("""
as_of = 2026-11-01
[[model]]
name = "fast"
source = "x"
text = { input = 1.0, cached = 0.1, output = 4.0 }
audio = { input = 10.0, cached = 1.0, output = 20.0 }
[[model]]
name = "deep"
source = "x"
text = { input = 2.0, output = 8.0 }
""")


def fast(times: int = 1) -> LLMModelUsage:
    return LLMModelUsage(
        provider="here",
        model="fast",
        input_tokens=1000 * times,
        input_cached_tokens=400 * times,
        input_text_tokens=200 * times,
        input_audio_tokens=800 * times,
        input_cached_audio_tokens=400 * times,
        output_tokens=500 * times,
        output_audio_tokens=500 * times,
    )


def deep_metrics() -> LLMMetrics:
    return LLMMetrics(
        label="deep",
        request_id="1",
        timestamp=0.0,
        duration=1.0,
        ttft=0.5,
        cancelled=False,
        completion_tokens=100,
        prompt_tokens=1000,
        prompt_cached_tokens=0,
        total_tokens=1100,
        tokens_per_second=100.0,
        metadata=Metadata(model_name="deep", model_provider="here"),
    )


def test_a_sessions_sums_replace_those_before() -> None:
    meter = UsageMeter(TABLE)
    meter.update(AgentSessionUsage([fast()]))
    meter.update(AgentSessionUsage([fast(2)]))
    report = meter.report(60.0)
    assert (report.total.tokens_in, report.total.tokens_out) == (2000, 1000)
    assert report.cached_share == 0.4
    assert report.usd == pytest.approx((400 * 1.0 + 800 * 10.0 + 800 * 1.0 + 1000 * 20.0) / 1e6)
    assert str(report) == "1.0 min, 2000 tokens in (40% cached), 1000 out, $0.0292 by prices of 2026-11-01"


def test_tiers_are_told_apart() -> None:
    meter = UsageMeter(TABLE)
    meter.tiers["fast"] = "fast"
    meter.update(AgentSessionUsage([fast()]))
    meter.collect(deep_metrics(), tier="deep")
    meter.collect(deep_metrics(), tier="deep")
    tiers = meter.report(1.0).by_tier()
    assert tiers["fast"][0].tokens_in == 1000
    assert tiers["deep"][0].text_out == 200
    assert tiers["deep"][1] == pytest.approx((2000 * 2.0 + 200 * 8.0) / 1e6)


def test_a_model_without_a_price_is_named_and_not_guessed() -> None:
    meter = UsageMeter(TABLE)
    unknown = STTModelUsage(provider="here", model="ears", audio_duration=5.0)
    meter.update(AgentSessionUsage([fast(), unknown]))
    report = meter.report(1.0)
    assert report.usd is None
    assert report.known_usd == pytest.approx(0.0146)
    assert report.unpriced == ("ears",)
    assert report.by_tier()[""][1] is None
    assert report.money == "$0.0146 and no price known of ears"


def test_models_that_did_nothing_are_left_out_and_audio_is_summed() -> None:
    meter = UsageMeter(TABLE)
    meter.update(AgentSessionUsage([LLMModelUsage(provider="here", model="idle")]))
    meter.heard(person_s=1.5)
    meter.heard(agent_s=2.0, person_s=0.5)
    report = meter.report(10.0)
    assert report.lines == ()
    assert (report.person_audio_s, report.agent_audio_s, report.usd) == (2.0, 2.0, 0.0)
    assert str(report) == "0.2 min, 0 tokens in, 0 out, $0.0000 by prices of 2026-11-01"
