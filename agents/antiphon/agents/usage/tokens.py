"""What one model was used for: tokens by kind, audio, characters, in one flat object.

livekit-agents counts a realtime model by kind and a text model in sums only; what no kind accounts for is
text here. Cached tokens are part of the input tokens of their kind, as providers count them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from livekit.agents.metrics import LLMModelUsage, ModelUsage, STTModelUsage, TTSModelUsage

__all__ = ["ModelUse"]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model's use so far; all counts are sums."""

    text_in: int = 0
    audio_in: int = 0
    image_in: int = 0
    cached_text: int = 0
    """Of ``text_in``; so the others."""
    cached_audio: int = 0
    cached_image: int = 0
    cache_writes: int = 0
    """Tokens of ``text_in`` that were written to a cache for money."""
    text_out: int = 0
    """Reasoning included."""
    audio_out: int = 0
    audio_s: float = 0.0
    """Audio recognised or synthesised, where that is what is counted, s."""
    characters: int = 0
    """Of text to be spoken."""
    session_s: float = 0.0
    """Connection time, where that is what is counted, s."""

    @property
    def tokens_in(self) -> int:
        """Of all kinds."""
        return self.text_in + self.audio_in + self.image_in

    @property
    def cached(self) -> int:
        """Of ``tokens_in``."""
        return self.cached_text + self.cached_audio + self.cached_image

    @property
    def tokens_out(self) -> int:
        """Of all kinds."""
        return self.text_out + self.audio_out

    @property
    def anything(self) -> bool:
        """Whether it was used at all."""
        return any(getattr(self, spec.name) for spec in fields(self))

    def __add__(self, other: ModelUse) -> ModelUse:
        return ModelUse(*(getattr(self, spec.name) + getattr(other, spec.name) for spec in fields(self)))

    @classmethod
    def of(cls, usage: ModelUsage) -> ModelUse:
        """From livekit-agents' sums of one model."""
        match usage:
            case LLMModelUsage():
                return _of_llm(usage)
            case STTModelUsage():
                audio = usage.input_audio_tokens
                return cls(
                    text_in=max(usage.input_tokens - audio, 0),
                    audio_in=audio,
                    text_out=usage.output_tokens,
                    audio_s=usage.audio_duration,
                )
            case TTSModelUsage():
                return cls(
                    text_in=usage.input_tokens,
                    audio_out=usage.output_tokens,
                    audio_s=usage.audio_duration,
                    characters=usage.characters_count,
                )
            case _:
                return cls()  # end-of-turn and interruption models count requests, which nobody prices


def _of_llm(usage: LLMModelUsage) -> ModelUse:
    of_kind = usage.input_text_tokens + usage.input_audio_tokens + usage.input_image_tokens
    cached = (
        usage.input_cached_text_tokens + usage.input_cached_audio_tokens + usage.input_cached_image_tokens
    )
    text_in = usage.input_text_tokens + max(usage.input_tokens - of_kind, 0)
    cached_text = usage.input_cached_text_tokens + max(usage.input_cached_tokens - cached, 0)
    spoken = usage.output_text_tokens + usage.output_audio_tokens
    return ModelUse(
        text_in=text_in,
        audio_in=usage.input_audio_tokens,
        image_in=usage.input_image_tokens,
        cached_text=min(cached_text, text_in),
        cached_audio=usage.input_cached_audio_tokens,
        cached_image=usage.input_cached_image_tokens,
        cache_writes=min(usage.input_cache_creation_tokens, text_in),
        text_out=usage.output_text_tokens + max(usage.output_tokens - spoken, 0),
        audio_out=usage.output_audio_tokens,
        session_s=usage.session_duration,
    )
