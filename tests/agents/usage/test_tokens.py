from __future__ import annotations

from livekit.agents.metrics import LLMModelUsage, STTModelUsage, TTSModelUsage
from livekit.agents.metrics.usage import EOTModelUsage

from antiphon.agents.usage.tokens import ModelUse


def test_a_realtime_models_tokens_are_kept_by_kind() -> None:
    use = ModelUse.of(
        LLMModelUsage(
            provider="p",
            model="m",
            input_tokens=160,
            input_cached_tokens=60,
            input_text_tokens=50,
            input_audio_tokens=100,
            input_image_tokens=10,
            input_cached_text_tokens=20,
            input_cached_audio_tokens=40,
            output_tokens=90,
            output_text_tokens=20,
            output_audio_tokens=70,
        )
    )
    assert use == ModelUse(50, 100, 10, 20, 40, 0, 0, 20, 70)
    assert (use.tokens_in, use.cached, use.tokens_out) == (160, 60, 90)


def test_what_no_kind_accounts_for_is_text() -> None:
    text_model = LLMModelUsage(
        provider="p",
        model="m",
        input_tokens=100,
        input_cached_tokens=30,
        input_cache_creation_tokens=20,
        output_tokens=50,
        output_reasoning_tokens=40,
    )
    assert ModelUse.of(text_model) == ModelUse(text_in=100, cached_text=30, cache_writes=20, text_out=50)
    unsorted = LLMModelUsage(provider="p", model="m", input_tokens=10, input_cached_tokens=99)
    assert ModelUse.of(unsorted).cached == 10  # never more than there was


def test_recognisers_and_voices_count_what_they_report() -> None:
    heard = STTModelUsage(provider="p", model="m", input_tokens=12, input_audio_tokens=10, audio_duration=6.0)
    assert ModelUse.of(heard) == ModelUse(text_in=2, audio_in=10, audio_s=6.0)
    said = TTSModelUsage(provider="p", model="m", characters_count=40, output_tokens=7, audio_duration=2.0)
    assert ModelUse.of(said) == ModelUse(audio_out=7, audio_s=2.0, characters=40)
    assert not ModelUse.of(EOTModelUsage(provider="p", model="m", total_requests=5)).anything


def test_uses_add_up() -> None:
    assert ModelUse(text_in=1, audio_s=0.5) + ModelUse(text_in=2, audio_out=3) == ModelUse(
        text_in=3, audio_out=3, audio_s=0.5
    )
