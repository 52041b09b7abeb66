"""The judge by meaning, asked of a realtime model: it hears for itself what the person says.

As `semantic.SemanticJudge`, with a realtime model in place of a chat model: the speech goes to it as sound,
so no recogniser is needed and tone counts. It is asked out of band (`out_of_band.py`): nothing of it gets
into the call's conversation. Off unless a call asks for it: each speech costs a request, and takes the
model's time to answer while the playout is held.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import RATE_HZ, Occasion, Question
from antiphon.agents.logs import get_logger
from antiphon.plugins.judges.out_of_band import Answer, OutOfBand
from antiphon.plugins.judges.semantic import INSTRUCTIONS, TIMEOUT_S, Words, opinion_of_answer

__all__ = ["RealtimeSemanticJudge", "request"]

log = get_logger(__name__)

MODEL_HZ: Final = 24_000  # Hz; what the protocol's PCM has
WARM_UP_S: Final = 5.0  # s; longest wait for the first connection
_SAID_CHARS: Final = 300  # of the agent's last words; chosen
_PARAMETERS: Final[Mapping[str, object]] = MappingProxyType({"max_output_tokens": 16})


def request(question: Question, said: str = "") -> dict[str, Any]:
    """The ``response`` of a ``response.create`` that asks about a speech, said while the agent was saying
    ``said``."""
    agent = said.strip()[-_SAID_CHARS:]
    told = [f'The agent was saying: "{agent}"'] if agent else []
    goes_on = ", who is still speaking" if question.occasion is Occasion.LONG else ""
    told.append(f"What follows is the sound of the person{goes_on}. Is it TURN, LISTEN or UNSURE?")
    content = [
        {"type": "input_text", "text": "\n".join(told)},
        {"type": "input_audio", "audio": _encoded(question)},
    ]
    return {
        "output_modalities": ["text"],
        "instructions": INSTRUCTIONS,
        "input": [{"type": "message", "role": "user", "content": content}],
    }


def _encoded(question: Question) -> str:
    """The speech as the protocol has it: 24 kHz, 16 bit, base64."""
    audio = question.audio.astype(np.float32)
    count = len(audio) * MODEL_HZ // RATE_HZ
    # Straight lines between samples: the images they leave lie above 8 kHz, where no word depends on them.
    made = np.interp(np.arange(count) * (RATE_HZ / MODEL_HZ), np.arange(len(audio)), audio)
    return base64.b64encode(np.rint(made).astype("<i2").tobytes()).decode()


class RealtimeSemanticJudge:
    """Judges a speech by asking a realtime model. `close` it when done with it.

    Args:
        url: The API's base address, e.g. ``https://api.openai.com/v1``; else ``ANTIPHON_JUDGE_URL``. That
            of the call's own model will do.
        model: The model's name there; else ``ANTIPHON_JUDGE_MODEL``.
        key: Its key; else ``ANTIPHON_JUDGE_KEY``.
        said: What the agent was saying; by default nothing is told of it.
        timeout_s: For an answer, s.
        parameters: What the request brings besides; replace them where a model refuses these.

    Raises:
        ConfigError: There is no address.
    """

    name = "semantic"
    occasions = frozenset({Occasion.PAUSE, Occasion.LONG})

    def __init__(
        self,
        url: str = "",
        *,
        model: str = "",
        key: str = "",
        said: Words | None = None,
        timeout_s: float = TIMEOUT_S,
        parameters: Mapping[str, object] = _PARAMETERS,
    ) -> None:
        self._url = url or os.environ.get("ANTIPHON_JUDGE_URL", "")
        if not self._url.startswith(("http://", "https://")):
            allowed = "the base address of a realtime API, http:// or https://"
            raise ConfigError("ANTIPHON_JUDGE_URL", self._url or None, allowed)
        if not timeout_s > 0:
            raise ConfigError("RealtimeSemanticJudge.timeout_s", timeout_s, "more than 0 s")
        model = model or os.environ.get("ANTIPHON_JUDGE_MODEL", "")
        self._line = OutOfBand(self._url, model, key or os.environ.get("ANTIPHON_JUDGE_KEY", ""))
        self._said = said
        self._timeout_s = timeout_s
        self._parameters = dict(parameters)
        self._told: set[str] = set()

    def warm_up(self) -> None:
        """Opens the connection; a call goes on without it."""
        if not self._line.connect(WARM_UP_S):
            self._tell(Answer(trouble="unreachable", reason="no connection yet"))

    def opinion(self, question: Question) -> float | None:
        """As `Judge.opinion`. Takes ``timeout_s`` at most."""
        if not len(question.audio):
            return None
        said = (self._said(question) or "") if self._said is not None else ""
        answer = self._line.ask({**request(question, said), **self._parameters}, self._timeout_s)
        if answer.trouble:
            self._tell(answer)
            return None
        return opinion_of_answer(answer.text)

    def close(self) -> None:
        """Closes the connection. No question may follow."""
        self._line.close()

    def _tell(self, answer: Answer) -> None:
        """Logs the first trouble of a kind."""
        if answer.trouble not in self._told:
            self._told.add(answer.trouble)
            log.warning(
                "semantic judge has no answer", kind=answer.trouble, reason=answer.reason, url=self._url
            )
