from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.local._voice_worker import HEAD, read_frame, write_frame


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
