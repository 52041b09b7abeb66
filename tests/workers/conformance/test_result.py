from __future__ import annotations

import asyncio

from antiphon.workers.conformance.result import Check, Failure, NotApplicable, expect, run_checks


async def passes(subject: str) -> str:
    return f"saw {subject}"


async def fails(subject: str) -> str:
    expect(False, "wanted more")
    return ""


async def cannot(subject: str) -> str:
    raise NotApplicable("nothing to ask")


async def stumbles(subject: str) -> str:
    raise KeyError("item")


async def hangs(subject: str) -> str:
    await asyncio.Event().wait()
    return ""


async def test_each_check_has_an_outcome_and_none_ends_the_run() -> None:
    begun: list[str] = []
    checks = [Check(check.__name__, check) for check in (passes, fails, cannot, stumbles, hangs)]
    results = await run_checks(checks, "it", on_begin=begun.append, timeout_s=0.05)
    assert [(result.outcome, result.why) for result in results] == [
        ("passed", "saw it"),
        ("failed", "wanted more"),
        ("skipped", "nothing to ask"),
        ("failed", "KeyError: 'item'"),
        ("failed", "not over within 0.05 s"),
    ]
    assert begun == [check.name for check in checks]


def test_a_failure_is_an_assertion_that_failed() -> None:
    assert issubclass(Failure, AssertionError)  # pytest shows it as one
