from __future__ import annotations

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.cascade import LocalLLM
from antiphon.plugins.tiers import TieredModel, TierOptions
from tests.plugins.cascade.rig import Brain, cascade


def test_it_is_the_fast_model_to_the_session() -> None:
    fast = cascade()
    model = TieredModel(fast, LocalLLM(Brain()))
    assert model.capabilities is fast.capabilities
    assert (model.model, model.provider) == (fast.model, fast.provider)
    assert model.uses_tool


def test_a_router_takes_the_tools_place_unless_both_are_wanted() -> None:
    def router(said: str, context: object) -> str:
        return "fast"

    deep = LocalLLM(Brain())
    assert not TieredModel(cascade(), deep, router=router).uses_tool  # type: ignore[arg-type]
    assert TieredModel(cascade(), deep, router=router, tool=True).uses_tool  # type: ignore[arg-type]


def test_a_fast_model_that_answers_tools_itself_is_refused() -> None:
    fast = cascade()
    fast.capabilities.auto_tool_reply_generation = True
    with pytest.raises(ConfigError, match="leaves the reply"):
        TieredModel(fast, LocalLLM(Brain()))


@pytest.mark.parametrize(
    "options", [{"bridge_after_s": -1}, {"timeout_s": 0}, {"tool_name": "ask the expert"}]
)
def test_an_option_that_cannot_be_is_named(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        TierOptions(**options)  # type: ignore[arg-type]
