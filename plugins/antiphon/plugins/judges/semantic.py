"""The judge by meaning: asks a chat model whether what the person says is meant to take the floor.

Off unless ``ANTIPHON_JUDGE_URL`` or a call asks for it: each speech costs a request, and words leave the
machine. Any endpoint that speaks OpenAI's chat completions will do (Ollama, vLLM, a hosted one). It is
shown what the person said and what the agent was saying, and answers with one word. Both come from
callables, since a judge knows no call: the person's words by default from `LexicalJudge`, the agent's from
whoever counts what is heard.

The whole question, its words included, has ``timeout_s``; an answer that is late, refused, or no answer
at all is no opinion. The first trouble of each kind is logged, without anybody's words.

What the person says goes to the model as quoted data, and all that a clever sentence can win is the floor.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from antiphon.agents.errors import ConfigError
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.logs import get_logger
from antiphon.plugins.judges.lexical import LexicalJudge

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from openai.types.chat import ChatCompletionMessageParam

__all__ = ["INSTRUCTIONS", "TIMEOUT_S", "SemanticJudge", "Words", "opinion_of_answer", "prompt"]

log = get_logger(__name__)

TIMEOUT_S: Final = 0.8  # s; chosen: the playout is held meanwhile

INSTRUCTIONS: Final = (
    "A voice agent is speaking on a call, and the person on the line says something at the same time. "
    "Decide what it is. Answer with one word.\n"
    "TURN: the person wants the agent to stop or to listen: a command, a question, an objection, a "
    "correction, an answer, or the beginning of a sentence of their own.\n"
    "LISTEN: the person only listens: agreement, a sign of attention, a short reaction, a laugh, or words "
    "to somebody else in the room.\n"
    "UNSURE: it cannot be told."
)

# Chosen: a chat model's word is worth about ten to one.
_ANSWERS: Final[Mapping[str, float | None]] = MappingProxyType({"turn": 0.92, "listen": 0.08, "unsure": None})
_ANSWER = re.compile(r"\b(turn|listen|unsure)\b", re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL)
_SAID_CHARS: Final = 300  # of the agent's last words; chosen
_HEARD_CHARS: Final = 500  # of the person's; chosen

_PARAMETERS: Final[Mapping[str, object]] = MappingProxyType({"temperature": 0, "max_tokens": 8})

Words = Callable[[Question], str | None]
"""Gives words that belong to a question, or None. Called on the judge's thread."""


def prompt(heard: str, said: str = "", *, more_to_come: bool = False) -> list[ChatCompletionMessageParam]:
    """The chat messages that ask about ``heard``, said while the agent was saying ``said``."""
    agent = said.strip()[-_SAID_CHARS:]
    quoted = f'The agent was saying: "{agent}"\n' if agent else ""
    goes_on = ", and is still speaking" if more_to_come else ""
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {"role": "user", "content": f'{quoted}The person said: "{heard.strip()[-_HEARD_CHARS:]}"{goes_on}'},
    ]


def opinion_of_answer(answer: str) -> float | None:
    """The probability that a model's answer stands for; None for UNSURE, or where it gave none or two."""
    found = {match.lower() for match in _ANSWER.findall(_THOUGHT.sub("", answer))}
    return _ANSWERS[found.pop()] if len(found) == 1 else None


class SemanticJudge:
    """Judges a speech by asking a chat model. `close` it when done with it.

    Args:
        url: The endpoint's base address, e.g. ``http://127.0.0.1:11434/v1``; else ``ANTIPHON_JUDGE_URL``.
        model: The model's name there; else ``ANTIPHON_JUDGE_MODEL``.
        key: Its key, if it wants one; else ``ANTIPHON_JUDGE_KEY``.
        heard: What the person said; by default what `LexicalJudge` reads and trusts.
        said: What the agent was saying; by default nothing is told of it.
        timeout_s: For words and answer together, s.
        parameters: What the request brings besides model and messages; replace them where a model
            refuses these.

    Raises:
        ConfigError: There is no endpoint; or no ``heard``, and no recogniser is installed.
    """

    name = "semantic"
    occasions = frozenset({Occasion.PAUSE, Occasion.LONG})

    def __init__(
        self,
        url: str = "",
        *,
        model: str = "",
        key: str = "",
        heard: Words | None = None,
        said: Words | None = None,
        timeout_s: float = TIMEOUT_S,
        parameters: Mapping[str, object] = _PARAMETERS,
    ) -> None:
        self._url = url or os.environ.get("ANTIPHON_JUDGE_URL", "")
        if not self._url:
            raise ConfigError("ANTIPHON_JUDGE_URL", None, "the address of an OpenAI-compatible endpoint")
        if not timeout_s > 0:
            raise ConfigError("SemanticJudge.timeout_s", timeout_s, "more than 0 s")
        self._model = model or os.environ.get("ANTIPHON_JUDGE_MODEL", "")
        self._key = key or os.environ.get("ANTIPHON_JUDGE_KEY", "")
        self._recogniser = LexicalJudge() if heard is None else None
        self._heard: Words = heard or self._read
        self._said = said
        self._timeout_s = timeout_s
        self._parameters = dict(parameters)
        # A loop of its own: the openai package's synchronous client has no limit for a whole request.
        self._runner = asyncio.Runner()
        self._client: AsyncOpenAI | None = None
        self._told: set[str] = set()

    def warm_up(self) -> None:
        """Loads the recogniser, if it is used, and the openai package; asks nothing. A second."""
        if self._recogniser is not None:
            self._recogniser.warm_up()
        self._runner.run(self._connect())

    def opinion(self, question: Question) -> float | None:
        """As `Judge.opinion`. Takes ``timeout_s`` at most, unless ``heard`` alone takes longer."""
        ends_at = time.monotonic() + self._timeout_s
        heard = (self._heard(question) or "").strip()
        left_s = ends_at - time.monotonic()
        if not heard or left_s <= 0:
            return None
        said = (self._said(question) or "") if self._said is not None else ""
        asked = prompt(heard, said, more_to_come=question.occasion is Occasion.LONG)
        answer = self._runner.run(self._ask(asked, left_s))
        return None if answer is None else opinion_of_answer(answer)

    def close(self) -> None:
        """Closes connections and loop, from a thread that runs no loop. No question may follow."""
        if self._client is not None:
            self._runner.run(self._client.close())
            self._client = None
        self._runner.close()

    def _read(self, question: Question) -> str | None:
        return None if self._recogniser is None else self._recogniser.text(question)

    async def _connect(self) -> AsyncOpenAI:
        if self._client is None:
            # Here and not above: the openai package takes half a second to import.
            from openai import AsyncOpenAI

            self._client = AsyncOpenAI(base_url=self._url, api_key=self._key or "none", max_retries=0)
        return self._client

    async def _ask(self, messages: list[ChatCompletionMessageParam], timeout_s: float) -> str | None:
        client = await self._connect()
        from openai import APIError, APIStatusError

        parameters: dict[str, Any] = self._parameters
        try:
            async with asyncio.timeout(timeout_s):
                made = await client.chat.completions.create(
                    messages=messages, model=self._model, stream=False, **parameters
                )
            # Endpoints that are only nearly compatible leave parts out; the package does not check.
            return str(made.choices[0].message.content or "")
        except TimeoutError:
            self._tell("late", f"no answer in {self._timeout_s:g} s")
        except APIStatusError as error:
            self._tell("refused", f"status {error.status_code}")
        except (APIError, ValueError) as error:
            self._tell("unreachable", type(error.__cause__ or error).__name__)
        except (AttributeError, IndexError, TypeError) as error:
            self._tell("no answer", type(error).__name__)
        return None

    def _tell(self, kind: str, reason: str) -> None:
        """Logs the first trouble of a kind."""
        if kind not in self._told:
            self._told.add(kind)
            log.warning("semantic judge has no answer", kind=kind, reason=reason, url=self._url)
