"""Fixtures for what starts processes."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest


@pytest.fixture
def all_end() -> Callable[..., None]:
    """``all_end(process, ...)``: waits for the end of processes, ours or not; fails if one lives on.

    One that nobody has asked for its exit code yet has ended all the same.
    """

    def wait(*processes: psutil.Process, within_s: float = 10.0) -> None:
        _, left = psutil.wait_procs(processes, timeout=within_s)
        alive = [process for process in left if process.status() != psutil.STATUS_ZOMBIE]
        assert not alive, f"still there after {within_s} s: {alive}"

    return wait
