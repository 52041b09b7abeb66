"""What a check is, and what comes of one.

A check is a coroutine that is given its subject. It returns a note (what was seen), raises `Failure` when
the subject did what it should not, or `NotApplicable` when it cannot be asked. Anything else it raises is
a failure too, told with its type: a subject that makes the checker stumble has not passed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

__all__ = ["Check", "Failure", "NotApplicable", "Outcome", "Result", "expect", "run_checks"]

S = TypeVar("S")
Outcome = Literal["passed", "failed", "skipped"]
CHECK_TIMEOUT_S = 90.0  # s a check; chosen: the slowest waits for about thirty replies


class Failure(AssertionError):
    """The subject did what it should not. The text says what was expected and what came."""


class NotApplicable(Exception):
    """The check cannot be put to this subject. The text says why."""


def expect(condition: object, what: str) -> None:
    """Fails the check unless the condition holds.

    Raises:
        Failure: With ``what``.
    """
    if not condition:
        raise Failure(what)


@dataclass(frozen=True, slots=True)
class Check(Generic[S]):
    """One check."""

    name: str
    """Its number in the list of `docs/models.md`, or ``gate``, and what it is about: ``7 push-to-talk``."""
    run: Callable[[S], Awaitable[str]]
    """Puts it to a subject; returns a note."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one."""

    name: str
    outcome: Outcome
    why: str
    """What was seen, or why not."""
    took_s: float


async def run_checks(
    checks: Sequence[Check[S]],
    subject: S,
    *,
    on_begin: Callable[[str], None] | None = None,
    timeout_s: float = CHECK_TIMEOUT_S,
) -> list[Result]:
    """Puts each check to the subject, one after another.

    Args:
        checks: What to check.
        subject: What is checked.
        on_begin: Told the name of each check when it begins.
        timeout_s: Longest time of one check, s; more is a failure.
    """
    results: list[Result] = []
    for check in checks:
        if on_begin is not None:
            on_begin(check.name)
        began = time.monotonic()
        outcome: Outcome
        limit = asyncio.timeout(timeout_s)
        try:
            async with limit:
                why = await check.run(subject)
            outcome = "passed"
        except NotApplicable as error:
            outcome, why = "skipped", str(error)
        except Failure as error:
            outcome, why = "failed", str(error)
        except TimeoutError as error:
            late = f"not over within {timeout_s:g} s"
            outcome, why = "failed", late if limit.expired() else f"something timed out: {error!r}"
        except Exception as error:  # whatever a subject throws is its result, not the end of the run
            outcome, why = "failed", f"{type(error).__name__}: {error}"
        results.append(Result(check.name, outcome, why, time.monotonic() - began))
    return results
