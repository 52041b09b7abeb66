from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents.voice.events import UserInputTranscribedEvent

from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.agents.reading import LATE_S, ReadingJudge, Segments, WordsReader


def test_words_date_from_the_first_of_their_segment() -> None:
    segments = Segments(continuous=True)
    assert segments.words(1.0, "a", False) == 1.0
    assert segments.words(1.4, "a", False) == 1.0
    assert segments.words(1.5, "b", False) == 1.5
    assert segments.words(1.8, "a", True) == 1.0
    assert segments.words(2.0, "a", False) == 2.0  # a final ends a segment


def test_what_a_model_transcribes_after_a_commit_is_of_the_turn_that_was_committed() -> None:
    segments = Segments(continuous=False)
    segments.committed(10.0)
    assert segments.words(10.4, "item1", False) is None
    assert segments.words(10.5, "item1", False) is None
    assert segments.words(10.6, "item1", True) is None
    assert segments.words(10.7, "item2", False) == 10.7  # its final has come


def test_what_a_model_had_begun_to_transcribe_was_of_that_turn_too() -> None:
    segments = Segments(continuous=False)
    assert segments.words(9.0, "item1", False) == 9.0
    segments.committed(10.0)
    assert segments.words(10.1, "item1", False) is None


def test_a_transcript_that_never_comes_is_not_waited_for() -> None:
    segments = Segments(continuous=False)
    segments.committed(10.0)
    assert segments.words(10.1 + LATE_S, "item2", False) == 10.1 + LATE_S


def test_of_a_recogniser_that_hears_everything_only_a_final_out_of_nowhere_is_late() -> None:
    segments = Segments(continuous=True)
    segments.committed(10.0)
    assert segments.words(10.4, "", False) == 10.4
    assert segments.words(10.9, "", True) == 10.4
    segments.committed(20.0)
    assert segments.words(20.4, "", True) is None
    assert segments.words(20.8, "", True) == 20.8


def test_old_segments_are_forgotten() -> None:
    segments = Segments(continuous=True)
    for number in range(1000):
        segments.words(float(number), f"item{number}", False)
    assert len(segments._began) <= 64


class Session:
    """An emitter."""

    def __init__(self) -> None:
        self.heard: list[Callable[[UserInputTranscribedEvent], None]] = []

    def on(self, name: str, callback: Any) -> None:
        assert name == "user_input_transcribed"
        self.heard.append(callback)

    def off(self, name: str, callback: Any) -> None:
        self.heard.remove(callback)

    def say(self, text: str, final: bool = False, **more: Any) -> None:
        for callback in self.heard:
            callback(UserInputTranscribedEvent(transcript=text, is_final=final, **more))


class Reads:
    name = "reads"
    occasions: frozenset[Occasion] = frozenset()

    def __init__(self) -> None:
        self.read: list[tuple[str, str, bool]] = []

    def warm_up(self) -> None: ...

    def opinion(self, question: Question) -> float | None:
        return None

    def opinion_of(self, text: str, language: str, *, more_to_come: bool) -> float | None:
        self.read.append((text, language, more_to_come))
        return 0.9 if "stop" in text else None


class Deaf:
    name = "deaf"
    occasions: frozenset[Occasion] = frozenset()

    def warm_up(self) -> None: ...

    def opinion(self, question: Question) -> float | None:
        return None


def reader(now: list[float], judges: list[Any], **options: Any) -> tuple[Session, list[Any], WordsReader]:
    session, told = Session(), []
    made = WordsReader(
        session,  # type: ignore[arg-type]
        judges,
        lambda opinion, began: told.append((opinion, began)),
        now=lambda: now[0],
        **options,
    )
    return session, told, made


def test_words_become_opinions_as_they_come() -> None:
    now = [1.0]
    judge = Reads()
    session, told, _ = reader(now, [Deaf(), judge], language="en")
    session.say("and")
    now[0] = 1.3
    session.say("and stop")
    session.say("  ")
    session.say("and stop it", True, language="en-GB")
    assert judge.read == [("and", "en", True), ("and stop", "en", True), ("and stop it", "en-GB", False)]
    assert told == [(Opinion("reads", Occasion.LONG, 0.9), 1.0)] * 2


def test_words_of_the_turn_before_are_not_read() -> None:
    now = [1.0]
    judge = Reads()
    session, told, made = reader(now, [judge])
    made.committed()
    now[0] = 1.5
    session.say("stop", True)
    assert (judge.read, told) == ([], [])


def test_without_a_judge_who_reads_nothing_is_listened_to() -> None:
    session, _, made = reader([0.0], [Deaf()])
    assert session.heard == []
    made.close()


def test_after_the_call_nothing_is_read() -> None:
    judge = Reads()
    session, _, made = reader([0.0], [judge])
    made.close()
    session.say("stop")
    assert judge.read == []


@pytest.mark.parametrize(("judge", "reads"), [(Reads(), True), (Deaf(), False)])
def test_who_reads_is_known_by_what_it_has(judge: object, reads: bool) -> None:
    assert isinstance(judge, ReadingJudge) is reads
