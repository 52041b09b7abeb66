from __future__ import annotations

from antiphon.plugins.continuity import Continuity
from antiphon.plugins.continuity.floor import Floor


def test_voice_a_turn_without_a_reply_and_words_that_are_due_each_lapse() -> None:
    floor = Floor(Continuity(lapse_s=3, transcript_s=2))
    assert floor.quiet(0.0)
    floor.voice_at = 1.0
    assert not floor.quiet(3.9)
    assert floor.quiet(4.0)
    floor.committed(5.0, transcript_due=True)
    assert sorted(floor.until()) == [7.0, 8.0]
    floor.committed_at = None
    assert floor.quiet(7.0)
