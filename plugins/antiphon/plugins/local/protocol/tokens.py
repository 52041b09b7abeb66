"""How many tokens a response takes: what it is made from, what it says, and how much more it may say.

OpenAI's rates for audio: one token for 100 ms of a person's, one for 50 ms of the model's. Text is
reckoned at four characters a token, since there is no tokenizer here; a token begun counts whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from antiphon.plugins.local.engines import RATE_HZ
from antiphon.plugins.local.protocol.conversation import Item

__all__ = ["Tokens"]

_CHARS = 4  # of text a token; the usual rule of thumb for English
_HEARD_MS = 100  # of a person's audio a token
_SPOKEN_MS = 50  # of the model's
_SPOKEN_SAMPLES = RATE_HZ * _SPOKEN_MS // 1000


class Tokens:
    """The tokens of one response.

    Args:
        limit: Most tokens of output; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._text_in = 0
        self._audio_in = 0
        self._chars = 0
        self._samples = 0

    def read(self, instructions: str, items: Iterable[Item]) -> None:
        """What it is made from."""
        chars = len(instructions)
        for item in items:
            chars += sum(len(str(item.data.get(key) or "")) for key in ("name", "arguments", "output"))
            chars += sum(len(str(part.get("text") or "")) for part in item.data.get("content") or [])
            rate = _SPOKEN_MS if item.data.get("role") == "assistant" else _HEARD_MS
            self._audio_in += _whole(round(item.audio_ms or 0), rate)
        self._text_in = _whole(chars, _CHARS)

    def say(self, chars: int) -> int:
        """Counts text; how many of the characters may be said."""
        taken = chars if self._limit is None else min(chars, self._room(self._audio, _CHARS, self._chars))
        self._chars += taken
        return taken

    def sound(self, samples: int) -> int:
        """Counts audio at 24 kHz; how many of the samples may be heard."""
        taken = samples
        if self._limit is not None:
            taken = min(samples, self._room(self._text, _SPOKEN_SAMPLES, self._samples))
        self._samples += taken
        return taken

    def usage(self) -> dict[str, Any]:
        """As ``response.done`` has it."""
        return {
            "input_tokens": self._text_in + self._audio_in,
            "output_tokens": self._text + self._audio,
            "total_tokens": self._text_in + self._audio_in + self._text + self._audio,
            "input_token_details": {
                "text_tokens": self._text_in,
                "audio_tokens": self._audio_in,
                "image_tokens": 0,
                "cached_tokens": 0,
                "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": self._text, "audio_tokens": self._audio},
        }

    @property
    def _text(self) -> int:
        return _whole(self._chars, _CHARS)

    @property
    def _audio(self) -> int:
        return _whole(self._samples, _SPOKEN_SAMPLES)

    def _room(self, others: int, size: int, used: int) -> int:
        """How much fits behind what is ``used``, in tokens of ``size``, beside ``others`` tokens."""
        assert self._limit is not None
        return max((self._limit - others) * size - used, 0)


def _whole(amount: int, size: int) -> int:
    return -(-amount // size)
