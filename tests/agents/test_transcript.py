from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from livekit.agents.voice import io

from antiphon.agents.transcript import PacedText, PacedTranscript

TEXT = "The quick brown fox jumps over the lazy dog and runs away into the dark wood"


def test_words_follow_the_voice_in_proportion() -> None:
    text = PacedText()
    text.add(TEXT)
    text.complete = True
    assert text.heard(0.0, 5.0, True) == ""
    half = text.heard(2.5, 5.0, True)
    assert TEXT.startswith(half)
    assert abs(len(half) - len(TEXT) / 2) < 8
    assert half[-1] != " "
    assert TEXT[len(half)] == " "  # whole words
    assert text.heard(5.0, 5.0, True) == TEXT


def test_while_a_reply_still_arrives_words_come_at_a_speaking_rate() -> None:
    text = PacedText()
    text.add(TEXT)
    shown = text.heard(1.0, 1.2, False)
    assert 10 <= len(shown) <= 24


@given(
    st.text(alphabet="ab ", max_size=80),
    st.lists(st.floats(0, 6), max_size=12).map(sorted),
)
def test_nothing_is_shown_twice_or_out_of_order(said: str, positions: list[float]) -> None:
    text = PacedText()
    text.add(said)
    text.complete = True
    shown = ""
    for position in positions:
        shown += text.advance(position, 5.0, True)
        assert said.startswith(shown)
    assert shown + text.rest() == said


class Page(io.TextOutput):
    def __init__(self) -> None:
        super().__init__(label="page", next_in_chain=None)
        self.segments: list[str] = [""]
        self.changed = asyncio.Event()

    async def capture_text(self, text: str) -> None:
        self.segments[-1] += text
        self.changed.set()

    def flush(self) -> None:
        self.segments.append("")
        self.changed.set()

    async def until(self, count: int) -> None:
        while len(self.segments) <= count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 2)


async def test_segments_end_whole_or_cut_and_keep_apart() -> None:
    page = Page()
    position: list[tuple[float, float, bool] | None] = [None]
    paced = PacedTranscript(page, lambda: position[0])
    await paced.capture_text(TEXT)
    paced.flush()
    await asyncio.sleep(0)
    assert page.segments == [""]  # no audio yet, no words
    position[0] = (1.0, 5.0, True)
    await asyncio.wait_for(page.changed.wait(), 2)
    heard = paced.heard_text(1.0, 5.0, True)
    assert 0 < len(heard) < len(TEXT)
    position[0] = None
    paced.finish(everything=False)
    await paced.capture_text("Next one.")
    paced.finish(everything=True)
    await page.until(2)
    first, second = page.segments[:2]
    assert TEXT.startswith(first)
    assert len(first) < len(TEXT)
    assert second == "Next one."
    await paced.aclose()


async def test_a_segment_without_text_is_none() -> None:
    page = Page()
    paced = PacedTranscript(page, lambda: None)
    paced.finish(everything=True)
    await paced.capture_text("Hello.")
    paced.finish(everything=True)
    await page.until(1)
    assert page.segments == ["Hello.", ""]
    await paced.aclose()
