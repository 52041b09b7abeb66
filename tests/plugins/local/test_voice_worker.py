from __future__ import annotations

import io
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.local._voice_worker import HEAD, Jobs, clauses, read_frame, write_frame
from antiphon.plugins.local.weights import find_piper


@given(st.lists(st.tuples(st.sampled_from([b"A", b"S", b"C"]), st.binary(max_size=200)), max_size=8))
def test_frames_survive_the_pipe(frames: list[tuple[bytes, bytes]]) -> None:
    pipe = io.BytesIO()
    for kind, body in frames:
        write_frame(pipe, kind, body)
    pipe.seek(0)
    assert [read_frame(pipe) for _ in frames] == frames
    assert read_frame(pipe) is None


def test_a_pipe_cut_in_mid_frame_is_the_end() -> None:
    pipe = io.BytesIO()
    write_frame(pipe, b"A", b"sound")
    assert read_frame(io.BytesIO(pipe.getvalue()[:-1])) is None
    assert read_frame(io.BytesIO(HEAD.pack(b"A", 1 << 31))) is None


LONG = (
    "Yes, I can certainly help you with that, although I should say first that the restaurant is rather "
    "busy on Friday evenings, so a table by the window may not be free until after nine o'clock."
)


def test_a_long_sentence_begins_with_a_short_clause() -> None:
    made = clauses(LONG)
    assert made[0] == "Yes, I can certainly help you with that,"
    assert " ".join(made) == LONG
    assert clauses("Certainly. We open at noon.") == ["Certainly.", "We open at noon."]
    assert clauses("It is 3.14, no more.") == ["It is 3.14, no more."]
    assert clauses(" ... ") == []


@given(st.lists(st.text("abcxyz,.;: ", min_size=1, max_size=40), max_size=12).map(" ".join))
def test_no_word_is_lost_and_no_clause_is_long(text: str) -> None:
    made = clauses(text)
    assert re.sub(r"[^a-z]", "", "".join(made)) == re.sub(r"[^a-z]", "", text)
    assert all(len(clause) <= 90 for clause in made)


def sounds(*sizes: int) -> Iterator[bytes]:
    return (bytes(size) for size in sizes)


def step(jobs: Jobs) -> tuple[bytes, int]:
    frame = jobs.step()
    assert frame is not None
    return frame[0], struct.unpack_from("<I", frame[1])[0]


def test_who_has_the_least_sound_is_next() -> None:
    jobs = Jobs()
    jobs.add(1, sounds(100, 100))
    assert step(jobs) == (b"A", 1)
    jobs.add(2, sounds(60, 60))
    assert [step(jobs) for _ in range(5)] == [(b"A", 2), (b"A", 2), (b"A", 1), (b"E", 2), (b"E", 1)]


def test_what_is_cancelled_ends_before_anything_else_is_spoken() -> None:
    jobs = Jobs()
    jobs.add(1, sounds(100, 100))
    jobs.add(2, sounds(100))
    step(jobs)
    jobs.cancel(1)
    jobs.cancel(7)  # over long ago
    assert [step(jobs) for _ in range(3)] == [(b"E", 1), (b"A", 2), (b"E", 2)]
    jobs.close()
    assert jobs.step() is None


def test_sound_cancelled_while_it_was_made_is_not_sent() -> None:
    jobs = Jobs()

    def made() -> Iterator[bytes]:
        jobs.cancel(1)
        yield b"late"

    jobs.add(1, made())
    assert step(jobs) == (b"E", 1)


def test_one_text_that_fails_does_not_end_the_others() -> None:
    jobs = Jobs()

    def broken() -> Iterator[bytes]:
        raise RuntimeError("no such phoneme")
        yield b""

    jobs.add(1, broken())
    jobs.add(2, sounds(10))
    assert jobs.step() == (b"X", struct.pack("<I", 1) + b"no such phoneme")
    assert step(jobs) == (b"A", 2)


@pytest.mark.weights
def test_it_does_not_outlive_a_parent_that_is_killed() -> None:
    # The grandparent keeps the pipe open, so that only the parent's death can end the worker.
    parent = (
        "import subprocess, sys\n"
        "worker = subprocess.Popen([sys.executable, '-m', 'antiphon.plugins.local._voice_worker',"
        f" {str(find_piper().path)!r}], stdout=subprocess.PIPE)\n"
        "worker.stdout.read(5)\n"
        "print(worker.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        assert p.stdout is not None
        worker = psutil.Process(int(p.stdout.readline()))
        os.kill(p.pid, signal.SIGKILL)
        if sys.platform != "linux":
            assert p.stdin is not None
            p.stdin.close()
        with suppress(psutil.NoSuchProcess):
            psutil.wait_procs([worker], timeout=5)
        assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE
