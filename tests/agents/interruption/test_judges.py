from __future__ import annotations

from antiphon.agents.interruption.judges import LONGEST_S, RATE_HZ, Occasion, Question
from antiphon.agents.media.judging import Memory
from antiphon.agents.media.windows import WINDOW_OUT


def test_a_question_holds_what_a_memory_can_give() -> None:
    import numpy as np

    memory = Memory()
    for step in range(600):
        memory.add(step * WINDOW_OUT / RATE_HZ, np.full(WINDOW_OUT, step, np.int16))
    audio, voice_at = memory.since(0.0)
    question = Question(Occasion.LONG, audio, voice_at, voiced_s=19.0)
    assert len(question.audio) <= LONGEST_S * RATE_HZ
    assert question.voice_at == 0
    assert question.audio[-1] == 599
