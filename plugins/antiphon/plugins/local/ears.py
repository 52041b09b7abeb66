"""The local model's ears: Whisper over a mel window no longer than it need be.

Whisper is trained on 30 s and given 30 s by its usual runners: 700 ms of one core for the tiny model.
A window of 6 to 8 s takes a tenth of that and reads short turns as well (measured over shared clips);
below that the model begins to repeat itself, so the window has a floor and the tokens a cap. One model
and one small pool of threads a process; CTranslate2 releases the GIL.

Model: Whisper tiny.en (Radford et al. 2022, arXiv 2212.04356; MIT) in CTranslate2's form, int8.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ModelUnavailable
from antiphon.agents.logs import get_logger
from antiphon.plugins.local.engines import RATE_HZ, Heard, Samples
from antiphon.plugins.local.resample import resample
from antiphon.plugins.local.weights import INSTALL_HINT, find_whisper

__all__ = ["Reading", "WhisperEars", "is_stuck"]

log = get_logger(__name__)

_RATE = 16_000
_FRAMES_A_SECOND = 100
_WINDOWS = (800, 1600, 3000)  # mel frames: 8, 16 and 30 s
_PIECE_S = 29.0
_EDGE = 800  # samples of silence after the sound, for the last windows that reach into it
_TOKENS_A_SECOND = 7.0  # chosen: fast speech is about 5 words a second, 1.3 tokens a word
_LEAST_TOKENS = 12
# Together these say "no speech": on coughs, keys and horns the model invents words with a high
# no-speech probability and a low mean log-probability (measured over shared/audio/turns).
_NO_SPEECH = 0.6
_UNSURE = -1.0
# A decoder that is stuck is sure of itself: what it repeats over noise is told by the repeating alone.
_STUCK_SOUND = re.compile(r"(\w{1,3})\1{9,}", re.IGNORECASE)  # "AHHHHHHHHHHH"; chosen
_STUCK_WORDS = 4  # that begin alike, and no others; chosen


def is_stuck(text: str) -> bool:
    """Whether this is one word over and over, as over a barking dog or a ringing phone."""
    words = [re.sub(r"(\w)\1+", r"\1", word) for word in re.findall(r"\w+", text.lower())]
    return len(words) >= _STUCK_WORDS and len({word[:2] for word in words}) == 1


def _mel(extract: Any, sound: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
    """The log-mel of ``sound`` and then silence, shape (mels, frames).

    The silence is not computed, a third to nine tenths of the work: its value is known. Whisper's features
    are (log10 + 4) / 4, no lower than 1e-10 nor than 8 (that is, 2 here) below the loudest.
    """
    mel: NDArray[np.float32] = extract(sound[: frames * _RATE // _FRAMES_A_SECOND], padding=_EDGE)
    mel = mel[:, :frames]
    silence = max((-10.0 + 4.0) / 4.0, float(mel.max()) - 2.0)
    return np.pad(mel, ((0, 0), (0, frames - mel.shape[1])), constant_values=silence)


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a stretch of audio."""

    text: str
    logprob: float
    """Natural logarithm of the probability of this text, its end included."""
    no_speech: float
    """Probability that there was no speech, 0 to 1; the same for all readings of one stretch."""


class WhisperEars:
    """Transcribes turns.

    Args:
        folder: A Whisper model for CTranslate2; the packaged one when not given.
        threads: Turns heard at the same time.

    Raises:
        ConfigError: There is no such model, or none is installed.
    """

    def __init__(self, folder: str | Path | None = None, *, threads: int = 1) -> None:
        self.weights = find_whisper(folder)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="antiphon-ears")
        self._threads = threads
        self._loaded: tuple[Any, Any, Any] | None = None

    async def hear(self, audio: Samples, *, language: str | None = None) -> Heard:
        """Transcribes int16 mono at 24 kHz, shape (n,). Cancelling leaves the pool to finish alone.

        ``language``, e.g. ``de``, matters to multilingual weights only, which detect it otherwise.

        Raises:
            ModelUnavailable: The model cannot be run.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self.transcribe, audio, language)

    def transcribe(self, audio: Samples, language: str | None = None) -> Heard:
        """As `hear`, on this thread."""
        sound = resample(audio.astype(np.float32) / 32768.0, RATE_HZ, _RATE)
        piece = round(_PIECE_S * _RATE)
        heard = [self.read(sound[start : start + piece], language) for start in range(0, len(sound), piece)]
        if not heard:
            return Heard("", no_speech=1.0, mean_logprob=0.0)
        text = " ".join(part.text for part in heard if part.text)
        return Heard(text, min(part.no_speech for part in heard), min(part.mean_logprob for part in heard))

    async def warm_up(self) -> None:
        """Loads the model and runs it once: 0.4 s that the first turn need not wait for."""
        await self.hear(np.zeros(RATE_HZ // 2, dtype=np.int16))

    async def aclose(self) -> None:
        """Ends the pool."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _load(self) -> tuple[Any, Any, Any]:
        if self._loaded is None:
            try:
                import ctranslate2
                from faster_whisper.feature_extractor import FeatureExtractor
                from tokenizers import Tokenizer
            except ImportError as error:
                raise ModelUnavailable(
                    "the local model's ears are not installed", value=error.name, hint=f"{INSTALL_HINT}."
                ) from error
            path = self.weights.path
            model = ctranslate2.models.Whisper(
                str(path), device="cpu", compute_type="int8", intra_threads=1, inter_threads=self._threads
            )
            tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
            self._loaded = (model, tokenizer, FeatureExtractor(feature_size=model.n_mels))
        return self._loaded

    @property
    def multilingual(self) -> bool:
        """Whether the weights know more than English. Loads them."""
        return bool(self._load()[0].is_multilingual)

    def read(self, sound: NDArray[np.float32], language: str | None = None) -> Heard:
        """Transcribes float32 mono at 16 kHz, shape (n,), up to 30 s of it, on this thread.

        Up to 7.5 s take the shortest window. ``language`` as for `hear`.

        Raises:
            ModelUnavailable: The model cannot be run.
        """
        result = self._generate(sound, language, beam_size=1)
        (tokens,), (mean,) = result.sequences_ids, result.scores
        text, no_speech = self._text(tokens), float(result.no_speech_prob)
        if _STUCK_SOUND.search(text) or (no_speech > _NO_SPEECH and (mean < _UNSURE or is_stuck(text))):
            text = ""
        # The score is over the tokens already: CTranslate2's length penalty is 1.
        return Heard(text, no_speech, float(mean))

    def readings(
        self, sound: NDArray[np.float32], language: str | None = None, *, count: int = 5
    ) -> tuple[Reading, ...]:
        """As `read`, but the ``count`` likeliest texts, likeliest first, whatever they are worth.

        What is one word to a person may be several texts: "Okay.", "Okay", "okay".
        """
        result = self._generate(sound, language, beam_size=count, num_hypotheses=count, length_penalty=0)
        no_speech = float(result.no_speech_prob)
        return tuple(
            Reading(self._text(tokens), float(score), no_speech)
            for tokens, score in zip(result.sequences_ids, result.scores, strict=True)
        )

    def _text(self, tokens: Sequence[int]) -> str:
        _, tokenizer, _ = self._load()
        first_special = tokenizer.token_to_id("<|startoftranscript|>")
        return str(tokenizer.decode([token for token in tokens if token < first_special])).strip()

    def _generate(self, sound: NDArray[np.float32], language: str | None, **options: Any) -> Any:
        model, tokenizer, extract = self._load()
        import ctranslate2

        seconds = len(sound) / _RATE
        frames = next((w for w in _WINDOWS if w >= (seconds + 0.5) * _FRAMES_A_SECOND), _WINDOWS[-1])
        mel = _mel(extract, sound, frames)
        features = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None], dtype=np.float32))
        prompt = [tokenizer.token_to_id("<|startoftranscript|>")]
        if model.is_multilingual:
            spoken = tokenizer.token_to_id(f"<|{(language or '').split('-')[0].lower()}|>")
            if spoken is None:
                spoken = tokenizer.token_to_id(model.detect_language(features)[0][0][0])
            prompt += [spoken, tokenizer.token_to_id("<|transcribe|>")]
        prompt.append(tokenizer.token_to_id("<|notimestamps|>"))
        limit = len(prompt) + _LEAST_TOKENS + int(_TOKENS_A_SECOND * seconds)
        (result,) = model.generate(
            features,
            [prompt],
            max_length=limit,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            # A window shorter than it was trained on makes the model repeat itself.
            no_repeat_ngram_size=4 if frames < _WINDOWS[-1] else 0,
            **options,
        )
        return result
