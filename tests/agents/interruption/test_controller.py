"""The controller, driven as the shell drives it, with numbers for time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from antiphon.agents.endpointing import FixedSilence
from antiphon.agents.errors import MisuseError
from antiphon.agents.interruption import InterruptionController, State, Verdict
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.interruption.arbiter import DurationArbiter, Opinion
from antiphon.agents.interruption.fusion import FusionArbiter
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.options import TurnTaking
from antiphon.plugins.silero import SileroVad

W = 0.032


class Rig:
    """A shell without a world: windows, replies that advance in real time, deadlines when they are due."""

    def __init__(self, options: TurnTaking | None = None) -> None:
        self.controller = InterruptionController(options or TurnTaking(), strict=True)
        self.now = 0.0
        self.log: list[tuple[float, act.Action]] = []
        self.playing: str | None = None
        self.waiting_audio: list[str] = []
        self.heard = 0
        self.held = False
        self.ducked = False
        self.gate = "closed"
        self.kept = False
        self.keeping = False
        self.interruptible = True

    def send(self, event: ev.Event) -> None:
        for action in self.controller.handle(event):
            self.perform(action)

    def perform(self, action: act.Action) -> None:
        self.log.append((self.now, action))
        match action:
            case act.HoldPlayout(ducked):
                assert not self.held, "held twice"
                assert not (ducked and self.ducked), "ducked twice"
                self.held, self.ducked = not ducked, ducked
            case act.ResumePlayout():
                assert self.held or self.ducked, "resumed what was not held"
                self.held = self.ducked = False
            case act.YieldFloor(reply_id):
                elsewhere = self.playing not in (None, reply_id)
                self.held, self.ducked = self.held and elsewhere, self.ducked and elsewhere  # as Playout.drop
                if self.playing == reply_id:
                    self.playing = None
            case act.OpenGate():
                assert self.gate == "closed"
                assert not self.kept
                self.gate = "open"
            case act.ReleaseTurn():
                assert self.kept
                self.kept, self.keeping, self.gate = False, False, "open"
            case act.BufferTurn():
                assert self.gate == "closed"
                assert not self.keeping
                self.kept = self.keeping = True
            case act.CloseGate():
                assert self.gate == "open" or self.keeping
                self.gate, self.keeping = "closed", False
            case act.CommitTurn() | act.DiscardTurn():
                assert self.gate == "closed"
                self.kept = self.keeping = False

    def windows(self, seconds: float, speech: float) -> None:
        for _ in range(round(seconds / W)):
            self.advance(W)
            self.send(ev.VadFrame(self.now, speech))

    def speak(self, seconds: float) -> None:
        self.windows(seconds, 0.95)

    def quiet(self, seconds: float) -> None:
        self.windows(seconds, 0.02)

    def advance(self, seconds: float) -> None:
        """Time passes; deadlines are served, the playout advances."""
        end = self.now + seconds
        served = 0
        while (due := self.controller.deadline()) is not None and due.at <= end:
            served += 1
            assert served < 1000, f"deadlines without end: {due} at {self.now}"
            self.now = max(self.now, due.at)
            before = len(self.log), self.controller.state
            self.send(ev.DeadlineReached(self.now, due.reason))
            after = self.controller.deadline()
            assert (len(self.log), self.controller.state) != before or after != due, f"stuck at {due}"
        self.now = end
        if self.playing is not None and not self.held:
            self.heard += round(seconds * 24_000)
            self.send(ev.PlayoutAdvanced(self.now, self.playing, self.heard))

    def reply(self, name: str = "r1", interruptible: bool = True) -> None:
        self.send(ev.ReplyRequested(self.now, name, interruptible))
        self.advance(0.2)
        self.start(name, interruptible)

    def start(self, name: str, interruptible: bool = True) -> None:
        self.playing, self.heard = name, 0
        self.send(ev.PlayoutStarted(self.now, name, interruptible))

    def end(self) -> None:
        assert self.playing is not None
        name, self.playing = self.playing, None
        self.send(ev.PlayoutEnded(self.now, name))

    def of(self, kind: type[act.Action]) -> list[act.Action]:
        return [action for _, action in self.log if isinstance(action, kind)]

    def at(self, kind: type[act.Action]) -> float:
        return next(when for when, action in self.log if isinstance(action, kind))

    def names(self) -> list[str]:
        """All that was done; questions change nothing."""
        asked = (act.AskJudges, act.AskTurnEnd)
        return [type(action).__name__ for _, action in self.log if not isinstance(action, asked)]


def test_a_turn_to_a_silent_agent_opens_closes_and_commits() -> None:
    rig = Rig()
    rig.quiet(0.5)
    rig.speak(1.0)
    spoken_until = rig.now
    rig.quiet(1.0)
    assert rig.names() == [
        "ReportSpeech",
        "OpenGate",
        "ReportSpeech",
        "CloseGate",
        "CommitTurn",
    ]
    (commit,) = rig.of(act.CommitTurn)
    assert commit == act.CommitTurn(pytest.approx(spoken_until))
    assert rig.at(act.CommitTurn) == pytest.approx(spoken_until + 0.48, abs=0.001)


def test_speech_after_a_pause_within_the_silence_is_the_same_turn() -> None:
    rig = Rig()
    rig.speak(0.6)
    rig.quiet(0.4)
    rig.speak(0.6)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert len(rig.of(act.OpenGate)) == 2  # the tail had closed it in the pause


def test_a_click_to_a_silent_agent_is_no_turn() -> None:
    rig = Rig()
    rig.speak(0.064)
    rig.quiet(1.0)
    assert rig.of(act.CommitTurn) == []
    assert len(rig.of(act.DiscardTurn)) == 1


def test_an_interruption_is_held_at_once_and_yields_by_its_length() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(1.0)
    began = rig.now
    rig.speak(1.2)
    assert rig.at(act.HoldPlayout) == pytest.approx(began + TurnTaking().onset_s, abs=0.001)
    assert rig.at(act.YieldFloor) == pytest.approx(began + 0.42, abs=W)
    (yielded,) = rig.of(act.YieldFloor)
    assert isinstance(yielded, act.YieldFloor)
    assert yielded.reply_id == "r1"
    assert yielded.heard_samples == rig.heard
    rig.send(ev.ReplyEnded(rig.now, "r1", "cancelled"))
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert rig.controller.state is State.QUIET


def test_a_hum_is_held_and_resumed_and_never_reaches_the_model() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(1.0)
    rig.speak(0.3)
    stopped = rig.now
    rig.quiet(1.0)
    assert rig.at(act.ResumePlayout) == pytest.approx(stopped + 0.25, abs=0.001)
    assert rig.of(act.YieldFloor) == rig.of(act.OpenGate) == rig.of(act.ReleaseTurn) == []
    assert len(rig.of(act.DiscardTurn)) == 1
    assert rig.controller.state is State.SPEAKING


def test_a_resumed_reply_can_be_interrupted() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.5)
    rig.speak(0.3)
    rig.quiet(1.0)
    rig.speak(0.6)
    assert len(rig.of(act.HoldPlayout)) == 2
    assert len(rig.of(act.YieldFloor)) == 1


def test_a_person_who_goes_on_after_the_commit_cancels_the_reply_unheard() -> None:
    rig = Rig()
    rig.speak(0.8)
    rig.quiet(0.6)
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    rig.speak(0.8)
    (yielded,) = rig.of(act.YieldFloor)
    assert yielded == act.YieldFloor("r1", 0, "turn")
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 2


def test_a_cough_while_the_model_thinks_costs_nothing() -> None:
    rig = Rig()
    rig.speak(0.8)
    rig.quiet(0.6)
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    rig.speak(0.2)
    rig.quiet(0.5)
    assert rig.of(act.YieldFloor) == []
    assert len(rig.of(act.ResumePlayout)) == 1
    assert rig.controller.state is State.THINKING


def test_speech_over_what_may_not_be_interrupted_is_no_hold_and_a_turn_if_it_outlasts_it() -> None:
    rig = Rig()
    rig.reply(interruptible=False)
    rig.speak(1.0)
    assert rig.of(act.HoldPlayout) == []
    rig.end()
    assert len(rig.of(act.ReleaseTurn)) == 1
    rig.speak(0.5)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_speech_that_ended_before_it_is_dropped() -> None:
    rig = Rig()
    rig.reply(interruptible=False)
    rig.speak(1.0)
    rig.quiet(1.0)
    rig.end()
    rig.quiet(1.0)
    assert rig.of(act.CommitTurn) == []
    assert len(rig.of(act.DiscardTurn)) == 1


def test_with_interruptions_off_nothing_holds() -> None:
    rig = Rig(TurnTaking(interruptions=False))
    rig.reply()
    rig.speak(2.0)
    assert rig.of(act.HoldPlayout) == []


def test_speech_that_began_over_the_last_words_becomes_a_turn() -> None:
    rig = Rig()
    rig.reply(interruptible=False)
    rig.quiet(1.0)
    rig.speak(0.16)
    rig.end()
    rig.speak(0.5)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_a_sound_that_ends_with_the_reply_is_none() -> None:
    rig = Rig()
    rig.reply(interruptible=False)
    rig.quiet(1.0)
    rig.speak(0.3)
    rig.end()
    rig.quiet(1.0)
    assert rig.of(act.CommitTurn) == []
    assert len(rig.of(act.DiscardTurn)) == 1


def test_a_reply_that_starts_while_the_person_speaks_is_held() -> None:
    rig = Rig()
    rig.speak(1.0)
    rig.start("r1")
    assert rig.controller.state is State.HELD
    rig.speak(1.0)
    assert len(rig.of(act.YieldFloor)) == 1
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert rig.of(act.DiscardTurn) == []


def test_the_application_interrupts_one_reply_and_leaves_the_next() -> None:
    rig = Rig()
    rig.reply("r1")
    rig.quiet(0.5)
    rig.send(ev.ReplyRequested(rig.now, "r2"))
    rig.send(ev.InterruptRequested(rig.now, "r1"))
    assert [a.reply_id for a in rig.of(act.YieldFloor)] == ["r1"]  # type: ignore[union-attr]
    assert rig.controller.state is State.THINKING
    rig.start("r2")
    assert rig.controller.state is State.SPEAKING


def test_a_muted_microphone_ends_the_speech_and_the_turn_is_committed() -> None:
    rig = Rig()
    rig.speak(0.8)
    rig.send(ev.InputLost(rig.now))
    rig.advance(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_audio_that_simply_stops_coming_ends_the_speech_too() -> None:
    rig = Rig()
    rig.speak(0.8)
    rig.advance(2.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_an_endless_turn_is_committed_in_pieces() -> None:
    rig = Rig(TurnTaking(max_turn_s=2.0))
    rig.speak(5.0)
    assert len(rig.of(act.CommitTurn)) == 2
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 3


def test_a_reply_that_never_comes_ends_the_thinking() -> None:
    rig = Rig(TurnTaking(thinking_s=3.0))
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    rig.advance(4.0)
    assert rig.of(act.ReportStall) == [act.ReportStall("r1")]
    assert rig.controller.state is State.QUIET


def test_a_reply_that_stands_still_no_longer_counts_until_it_goes_on() -> None:
    rig = Rig(TurnTaking(stall_s=1.0))
    rig.reply()
    rig.quiet(0.5)
    name, rig.playing = rig.playing, None
    rig.quiet(2.0)
    assert rig.controller.state is State.QUIET
    rig.playing = name
    rig.quiet(0.1)
    assert rig.controller.state is State.SPEAKING


def test_what_comes_late_for_a_reply_that_is_over_changes_nothing() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.3)
    rig.end()
    before = list(rig.log)
    for late in (
        ev.PlayoutStarted(rig.now, "r1"),
        ev.PlayoutAdvanced(rig.now, "r1", 10**6),
        ev.PlayoutEnded(rig.now, "r1"),
        ev.ReplyRequested(rig.now, "r1"),
        ev.ReplyEnded(rig.now, "r1", "done"),
    ):
        rig.send(late)
    assert rig.log == before
    assert rig.controller.state is State.QUIET


def test_a_verdict_about_another_speech_changes_nothing() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.3)
    rig.speak(0.2)
    rig.send(ev.VerdictReached(rig.now, Verdict.TURN, "late", speech=99))
    assert rig.controller.state is State.HELD
    rig.send(ev.VerdictReached(rig.now, Verdict.TURN, "words"))
    assert rig.of(act.YieldFloor)[0].reason == "words"  # type: ignore[union-attr]


def test_the_application_commits_and_clears() -> None:
    rig = Rig()
    rig.speak(0.5)
    rig.send(ev.CommitRequested(rig.now))
    assert len(rig.of(act.CommitTurn)) == 1
    rig.quiet(1.0)
    rig.speak(0.5)
    rig.send(ev.ClearRequested(rig.now))
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert len(rig.of(act.DiscardTurn)) == 1


@pytest.mark.parametrize("request_", [ev.CommitRequested, ev.ClearRequested])
def test_a_voice_that_goes_on_after_a_commit_or_clear_is_a_turn_of_its_own(
    request_: Callable[[float], ev.Event],
) -> None:
    rig = Rig()
    rig.speak(0.6)
    rig.send(request_(rig.now))
    rig.log.clear()
    rig.speak(1.0)
    rig.quiet(1.0)
    assert rig.names() == ["ReportSpeech", "OpenGate", "ReportSpeech", "CloseGate", "CommitTurn"]


def test_a_voice_that_goes_on_after_a_clear_over_the_agent_is_held_again() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.5)
    rig.speak(0.2)
    rig.send(ev.ClearRequested(rig.now))
    rig.speak(1.0)
    rig.quiet(1.0)
    assert len(rig.of(act.HoldPlayout)) == 2
    assert len(rig.of(act.YieldFloor)) == len(rig.of(act.CommitTurn)) == 1


class _Mute(DurationArbiter):
    """States a deadline and has nothing to say when it passes."""

    def expire(self, now: float) -> None:
        return None

    def frame(self, now: float, speech: float, voiced: bool) -> None:
        return None

    def ended(self, now: float, ended_at: float) -> None:
        self._quiet_at = ended_at + 0.2


def test_an_arbiter_without_an_answer_leaves_it_to_the_longest_hold() -> None:
    rig = Rig()
    mute = _Mute(yield_after_s=0.42, resume_quiet_s=0.25)
    rig.controller = InterruptionController(TurnTaking(), arbiter=mute, strict=True)
    rig.reply()
    rig.speak(0.2)
    held = rig.at(act.HoldPlayout)
    rig.quiet(0.5)
    due = rig.controller.deadline()
    assert due is not None
    assert due.at > rig.now
    rig.quiet(3.0)
    assert rig.at(act.ResumePlayout) == pytest.approx(held + TurnTaking().hold_s, abs=W)


def test_an_event_of_no_known_class_is_counted_in_a_call_and_refused_in_a_test() -> None:
    class Stranger:
        now = 1.0

    live = InterruptionController(TurnTaking())
    assert live.handle(Stranger()) == ()  # type: ignore[arg-type]
    assert live.unforeseen == {"Stranger": 1}
    with pytest.raises(MisuseError, match="Stranger"):
        InterruptionController(TurnTaking(), strict=True).handle(Stranger())  # type: ignore[arg-type]


def test_a_reply_in_text_alone_leaves_the_thinking() -> None:
    rig = Rig()
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    rig.send(ev.ReplyEnded(rig.now, "r1", "done"))
    assert rig.controller.state is State.QUIET


def test_time_that_steps_back_stands_still() -> None:
    rig = Rig()
    rig.speak(0.8)
    rig.send(ev.VadFrame(-5.0, 0.0))
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("en_ast_hang_on_a_second", act.YieldFloor),
        ("en_ami_mm_1", act.ResumePlayout),
        ("keystrokes_0", None),
    ],
)
def test_real_sounds_over_the_agent(
    name: str, outcome: type[act.Action] | None, clip: Callable[..., NDArray[np.int16]]
) -> None:
    vad = SileroVad()
    rig = Rig()
    rig.reply()
    quiet = np.zeros(16_000, dtype=np.int16)
    sound = np.concatenate([quiet, clip(name), quiet, quiet])
    for start in range(0, len(sound) - 511, 512):
        rig.advance(W)
        rig.send(ev.VadFrame(rig.now, vad.window(sound[start : start + 512])))
    if outcome is None:
        assert rig.of(act.HoldPlayout) == []
    else:
        assert len(rig.of(outcome)) >= 1
        assert bool(rig.of(act.YieldFloor)) is (outcome is act.YieldFloor)


def test_words_to_an_agent_whose_reply_fails_unheard_are_a_turn() -> None:
    rig = Rig()
    rig.send(ev.ReplyRequested(rig.now, "r1", False))
    rig.speak(0.6)
    rig.send(ev.ReplyEnded(rig.now, "r1", "failed"))
    rig.quiet(1.0)
    assert rig.names()[:3] == ["ReportSpeech", "BufferTurn", "ReleaseTurn"]
    assert len(rig.of(act.CommitTurn)) == 1


def test_a_reply_that_waits_behind_a_held_one_is_cancelled_alone() -> None:
    rig = Rig()
    rig.reply("r1")
    rig.quiet(0.5)
    rig.send(ev.ReplyRequested(rig.now, "r2"))
    rig.speak(0.2)
    rig.send(ev.InterruptRequested(rig.now, "r2"))
    assert rig.controller.state is State.HELD
    assert rig.held
    rig.quiet(1.0)
    assert len(rig.of(act.ResumePlayout)) == 1
    assert rig.controller.state is State.SPEAKING


def test_a_stalled_reply_that_goes_on_over_the_person_is_held() -> None:
    rig = Rig(TurnTaking(stall_s=1.0))
    rig.reply()
    name, rig.playing = rig.playing, None
    rig.quiet(2.0)
    rig.speak(1.0)
    rig.playing = name
    rig.windows(W, 0.95)
    assert rig.controller.state is State.HELD


def test_a_stalled_reply_that_is_interrupted_is_yielded_and_gone() -> None:
    rig = Rig(TurnTaking(stall_s=1.0))
    rig.reply()
    rig.playing = None
    rig.quiet(2.0)
    rig.send(ev.InterruptRequested(rig.now, "r1"))
    assert [action.reply_id for action in rig.of(act.YieldFloor)] == ["r1"]  # type: ignore[union-attr]
    rig.quiet(1.0)
    rig.send(ev.ReplyRequested(rig.now, "r2"))
    rig.speak(0.2)
    rig.quiet(1.0)
    assert rig.controller.state is State.THINKING  # not SPEAKING: nothing is in the ear


def test_a_sound_judged_a_backchannel_while_it_lasts_may_become_words() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.5)
    rig.speak(0.2)
    rig.send(ev.VerdictReached(rig.now, Verdict.BACKCHANNEL, "mm-hm"))
    assert rig.controller.state is State.SPEAKING
    rig.speak(2.0)
    rig.quiet(1.0)
    assert len(rig.of(act.HoldPlayout)) == len(rig.of(act.YieldFloor)) == len(rig.of(act.CommitTurn)) == 1
    assert "DiscardTurn" not in rig.names()


def test_a_sound_judged_a_backchannel_while_it_lasts_is_dropped_at_its_end() -> None:
    rig = Rig()
    rig.reply()
    rig.quiet(0.5)
    rig.speak(0.2)
    rig.send(ev.VerdictReached(rig.now, Verdict.BACKCHANNEL, "mm-hm"))
    rig.speak(0.1)
    rig.quiet(1.0)
    assert rig.names()[-3:] == ["ResumePlayout", "ReportSpeech", "DiscardTurn"]
    assert rig.controller.state is State.SPEAKING


class Judged(Rig):
    """A rig whose arbiter has one judge asked at every occasion; the test answers for it."""

    def __init__(self, options: TurnTaking | None = None) -> None:
        super().__init__(options)
        judges = {occasion: frozenset({"acoustic"}) for occasion in Occasion}
        arbiter = FusionArbiter(options or TurnTaking(), judges)
        self.controller = InterruptionController(options or TurnTaking(), arbiter=arbiter, strict=True)

    def answer(self, probability: float | None, question: act.Action | None = None) -> None:
        asked = question or self.of(act.AskJudges)[-1]
        assert isinstance(asked, act.AskJudges)
        opinion = Opinion("acoustic", asked.occasion, probability)
        self.send(ev.OpinionReached(self.now, asked.speech, opinion))


def test_judges_are_asked_what_was_held_and_their_answer_decides() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    asked = rig.of(act.AskJudges)
    assert [a.occasion for a in asked] == [Occasion.EARLY]  # type: ignore[union-attr]
    assert asked[0].voiced_s == pytest.approx(0.25, abs=W)  # type: ignore[union-attr]
    rig.answer(0.97)
    assert rig.controller.state is State.YIELDED
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_what_was_excused_while_it_lasted_may_be_words_at_its_pause() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.03)
    assert rig.controller.state is State.SPEAKING
    rig.quiet(0.25)
    assert rig.of(act.DiscardTurn) == []  # not settled
    assert rig.of(act.AskJudges)[-1].occasion is Occasion.PAUSE  # type: ignore[union-attr]
    rig.answer(0.99)
    assert rig.controller.state is State.YIELDED
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_what_was_excused_is_dropped_when_its_pause_settles_it() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.03)
    rig.quiet(0.25)
    rig.answer(0.1)
    assert len(rig.of(act.DiscardTurn)) == 1
    assert rig.controller.state is State.SPEAKING


def test_judges_who_say_nothing_are_not_waited_for_longer_than_stated() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    voice_ended = rig.now
    rig.quiet(1.0)
    assert rig.at(act.ResumePlayout) == pytest.approx(voice_ended + 0.128 + TurnTaking().judge_s, abs=W)
    assert len(rig.of(act.DiscardTurn)) == 1


def test_an_opinion_about_an_earlier_speech_changes_nothing() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    first = rig.of(act.AskJudges)[0]
    rig.answer(0.03)
    rig.quiet(0.25)
    rig.answer(0.03)
    rig.quiet(1.0)
    rig.speak(0.3)
    assert rig.controller.state is State.HELD
    rig.answer(0.99, first)
    assert rig.controller.state is State.HELD


def test_a_commit_by_the_application_closes_what_was_excused() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.03)
    rig.send(ev.CommitRequested(rig.now))
    rig.answer(0.99)
    assert len(rig.of(act.CommitTurn)) == 1
    assert rig.of(act.YieldFloor) == []


def test_a_hold_may_lower_the_voice_first() -> None:
    rig = Rig(TurnTaking(duck_db=12.0, duck_s=0.2))
    rig.reply()
    rig.speak(0.1)
    rig.quiet(0.5)
    assert [action.ducked for action in rig.of(act.HoldPlayout)] == [True]  # type: ignore[union-attr]
    assert len(rig.of(act.ResumePlayout)) == 1
    rig.quiet(1.0)
    rig.speak(0.3)
    assert [action.ducked for action in rig.of(act.HoldPlayout)] == [True, True, False]  # type: ignore[union-attr]
    rig.speak(0.3)
    assert rig.controller.state is State.YIELDED


def test_the_same_cough_does_not_hold_twice() -> None:
    rig = Rig()
    rig.reply()
    rig.speak(0.1)
    rig.quiet(0.3)
    assert rig.controller.state is State.SPEAKING
    rig.speak(0.1)
    rig.quiet(0.5)
    assert len(rig.of(act.HoldPlayout)) == 1
    assert len(rig.of(act.DiscardTurn)) == 2
    rig.quiet(0.5)
    rig.speak(0.1)
    assert len(rig.of(act.HoldPlayout)) == 2


def test_words_soon_after_a_cough_take_the_floor_all_the_same() -> None:
    rig = Rig()
    rig.reply()
    rig.speak(0.1)
    rig.quiet(0.3)
    rig.speak(0.6)
    assert rig.controller.state is State.YIELDED
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_the_agents_own_voice_coming_back_holds_nothing() -> None:
    rig = Rig()
    rig.reply()
    for _ in range(40):
        rig.advance(W)
        rig.send(ev.VadFrame(rig.now, 0.95, echo=0.9))
    assert rig.names() == []
    for _ in range(20):  # somebody speaks over it
        rig.advance(W)
        rig.send(ev.VadFrame(rig.now, 0.95, echo=0.3))
    assert rig.controller.state is State.YIELDED


def test_the_end_of_a_turn_is_asked_for_at_each_pause_of_it() -> None:
    rig = Rig()
    rig.speak(0.5)
    rig.quiet(0.25)
    rig.speak(0.5)
    rig.quiet(1.0)
    asked = rig.of(act.AskTurnEnd)
    assert len(asked) == 2
    assert all(0.08 < question.quiet_s < 0.1 for question in asked)  # type: ignore[union-attr]
    assert [question.pause for question in asked] == [1, 2]  # type: ignore[union-attr]


class _Told(FixedSilence):
    def __init__(self) -> None:
        super().__init__(0.48)
        self.told: list[float] = []

    def estimated(self, now: float, probability: float) -> None:
        self.told.append(probability)


def test_an_estimate_counts_for_the_pause_that_it_is_about() -> None:
    rig, endpointer = Rig(), _Told()
    rig.controller = InterruptionController(TurnTaking(), endpointer=endpointer, strict=True)
    rig.speak(0.5)
    rig.quiet(0.13)
    rig.speak(0.2)
    rig.send(ev.EndOfTurnEstimated(rig.now, 0.1, pause=1))  # the person has gone on
    rig.quiet(0.13)
    rig.send(ev.EndOfTurnEstimated(rig.now, 0.2, pause=1))
    rig.send(ev.EndOfTurnEstimated(rig.now, 0.3, pause=2))
    rig.send(ev.EndOfTurnEstimated(rig.now, 0.4))  # a model's own detection, about what is on
    assert endpointer.told == [0.3, 0.4]


def test_a_soft_opening_that_stands_out_holds_sooner() -> None:
    held = []
    for level in (None, -30.0):
        rig = Rig(TurnTaking(onset_rising=0.3))
        rig.reply()
        for _ in range(16):
            rig.advance(W)
            rig.send(ev.VadFrame(rig.now, 0.02, level_dbfs=level and -70.0))
        began = rig.now
        for speech in [0.3] * 6 + [0.9] * 6:
            rig.advance(W)
            rig.send(ev.VadFrame(rig.now, speech, level_dbfs=level))
        held.append(rig.at(act.HoldPlayout) - began)
    assert held[1] < held[0] - 0.1


def test_a_reply_that_is_asked_for_while_the_person_speaks_is_held_before_it_sounds() -> None:
    rig = Rig()
    rig.speak(1.0)
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    assert rig.controller.state is State.HELD
    rig.speak(0.2)
    rig.quiet(0.3)
    assert rig.controller.state is State.THINKING
    assert rig.of(act.DiscardTurn) == []
    rig.quiet(0.3)
    assert len(rig.of(act.CommitTurn)) == 1


def test_the_last_of_an_endless_turn_is_judged_by_its_own_voice() -> None:
    rig = Rig(TurnTaking(max_turn_s=1.0))
    rig.speak(1.06)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert len(rig.of(act.DiscardTurn)) == 1


def test_what_ended_long_before_an_uninterruptible_reply_is_no_part_of_the_turn_after_it() -> None:
    rig = Rig()
    rig.reply(interruptible=False)
    rig.speak(0.6)
    rig.quiet(1.0)
    assert len(rig.of(act.DiscardTurn)) == 1
    rig.speak(0.6)
    rig.end()
    rig.speak(0.5)
    rig.quiet(1.0)
    assert [n for n in rig.names() if n != "ReportSpeech"] == [
        "BufferTurn", "DiscardTurn", "BufferTurn", "ReleaseTurn", "CloseGate", "CommitTurn",
    ]  # fmt: skip


def test_words_that_are_being_read_are_waited_for_before_the_agent_goes_on() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.2)
    rig.speak(0.7)  # past the patience, and nobody has said what the words are
    assert rig.controller.state is State.HELD
    rig.answer(0.99)
    assert rig.controller.state is State.YIELDED
    assert rig.of(act.ResumePlayout) == []


def test_a_sound_that_nobody_takes_for_a_turn_is_not_held_for_long() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    held_at = rig.at(act.HoldPlayout)
    rig.answer(0.2)  # not clear enough to resume at once
    rig.speak(0.45)
    assert rig.of(act.AskJudges)[-1].occasion is Occasion.LONG  # type: ignore[union-attr]
    rig.answer(None)  # no words
    assert rig.controller.state is State.HELD
    rig.speak(0.35)  # a laugh that goes on
    assert rig.controller.state is State.SPEAKING
    assert rig.at(act.ResumePlayout) == pytest.approx(held_at + 0.85, abs=W)
    assert rig.of(act.DiscardTurn) == []  # it may become words
    rig.quiet(0.16)
    rig.answer(0.2)
    rig.quiet(0.3)
    assert len(rig.of(act.DiscardTurn)) == 1
    assert len(rig.of(act.HoldPlayout)) == 1


def test_what_leans_to_a_turn_is_held_on() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.6)
    rig.speak(0.9)
    assert rig.controller.state is State.HELD
    assert rig.of(act.ResumePlayout) == []


def test_what_was_let_go_on_is_held_again_once_when_it_leans_to_a_turn() -> None:
    rig = Judged()
    rig.reply()
    rig.speak(0.3)
    rig.answer(0.2)
    rig.speak(0.45)
    rig.answer(None)
    rig.speak(0.15)
    assert rig.controller.state is State.SPEAKING
    rig.answer(0.55)
    assert rig.controller.state is State.SPEAKING  # not within `rehold_s` of the resume
    rig.speak(0.45)
    rig.answer(0.55)
    rig.speak(W)
    assert rig.controller.state is State.HELD
    assert len(rig.of(act.HoldPlayout)) == 2
    rig.answer(0.02)
    rig.send(ev.VerdictReached(rig.now, Verdict.BACKCHANNEL, "x"))
    assert rig.controller.state is State.SPEAKING
    rig.answer(0.6)
    rig.speak(0.5)
    assert len(rig.of(act.HoldPlayout)) == 2
    rig.answer(0.99)
    rig.quiet(1.0)
    assert len(rig.of(act.YieldFloor)) == len(rig.of(act.CommitTurn)) == 1


def test_a_hold_that_ends_in_a_pause_stays_open_until_the_judges_have_answered() -> None:
    for probability, taken in ((0.02, False), (0.98, True)):
        rig = Judged()
        rig.reply()
        rig.speak(0.3)
        rig.answer(0.2)
        rig.speak(0.4)
        rig.quiet(0.3)  # `patience_s` is over in the pause
        assert rig.controller.state is State.SPEAKING
        assert rig.of(act.DiscardTurn) == []
        rig.answer(probability)
        assert len(rig.of(act.YieldFloor)) == taken
        assert len(rig.of(act.DiscardTurn)) == (not taken)


class Aside(Rig):
    """With a judge who is asked about sounds to a silent agent, and answered for by the test."""

    def __init__(self) -> None:
        super().__init__()
        options = TurnTaking()
        arbiter = FusionArbiter(options, {Occasion.ASIDE: frozenset({"lexical"})})
        self.controller = InterruptionController(options, arbiter=arbiter, strict=True)
        self.greet()

    def greet(self) -> None:
        """The agent has spoken, and is silent."""
        self.reply("greeting")
        self.send(ev.PlayoutEnded(self.now, "greeting"))
        self.send(ev.ReplyEnded(self.now, "greeting", "done"))
        assert self.controller.state is State.QUIET
        self.log.clear()

    def asked(self) -> list[act.AskJudges]:
        return [action for _, action in self.log if isinstance(action, act.AskJudges)]

    def answer(self, probability: float | None) -> None:
        opinion = Opinion("lexical", Occasion.ASIDE, probability)
        self.send(ev.OpinionReached(self.now, self.asked()[-1].speech, opinion))


def test_a_hum_to_a_silent_agent_is_dropped_and_a_word_committed() -> None:
    for probability, kind in ((0.1, act.DiscardTurn), (0.9, act.CommitTurn), (None, act.CommitTurn)):
        rig = Aside()
        rig.speak(0.4)
        spoken_until = rig.now
        rig.quiet(0.13)
        (question,) = rig.asked()
        assert (question.occasion, question.voiced_s) == (Occasion.ASIDE, pytest.approx(0.384))
        rig.answer(probability)
        rig.quiet(1.0)
        assert [type(a) for a in rig.of(act.DiscardTurn) + rig.of(act.CommitTurn)] == [kind]
        assert rig.at(kind) == pytest.approx(spoken_until + 0.48, abs=0.02)  # nobody waits longer for it


def test_what_is_said_before_the_agent_has_spoken_is_no_aside() -> None:
    rig = Rig()
    arbiter = FusionArbiter(TurnTaking(), {Occasion.ASIDE: frozenset({"lexical"})})
    rig.controller = InterruptionController(TurnTaking(), arbiter=arbiter, strict=True)
    rig.speak(0.4)
    rig.quiet(1.0)
    assert rig.of(act.AskJudges) == []
    assert len(rig.of(act.CommitTurn)) == 1


def test_a_turn_is_dropped_only_when_all_who_were_asked_have_said_so() -> None:
    for second, kind in ((0.1, act.DiscardTurn), (0.9, act.CommitTurn), ("late", act.CommitTurn)):
        rig = Aside()
        both = FusionArbiter(TurnTaking(), {Occasion.ASIDE: frozenset({"acoustic", "lexical"})})
        rig.controller = InterruptionController(TurnTaking(), arbiter=both, strict=True)
        rig.greet()
        rig.speak(0.4)
        rig.quiet(0.13)
        rig.answer(0.1)
        if isinstance(second, float):
            told = Opinion("acoustic", Occasion.ASIDE, second)
            rig.send(ev.OpinionReached(rig.now, rig.asked()[-1].speech, told))
        rig.quiet(1.0)
        assert [type(a) for a in rig.of(act.DiscardTurn) + rig.of(act.CommitTurn)] == [kind]


def test_a_short_turn_does_not_wait_for_the_judges() -> None:
    rig = Aside()
    rig.controller = InterruptionController(
        TurnTaking(),
        arbiter=FusionArbiter(TurnTaking(), {Occasion.ASIDE: frozenset({"lexical"})}),
        endpointer=FixedSilence(0.25),
        strict=True,
    )
    rig.greet()
    rig.speak(0.4)
    spoken_until = rig.now
    rig.quiet(0.35)
    assert rig.at(act.CommitTurn) == pytest.approx(spoken_until + 0.25, abs=0.02)


def test_a_person_who_goes_on_after_a_hum_has_said_words() -> None:
    rig = Aside()
    rig.speak(0.3)
    rig.quiet(0.13)
    rig.answer(0.05)
    rig.speak(0.4)
    rig.quiet(0.13)
    rig.answer(0.95)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1
    assert rig.of(act.DiscardTurn) == []


def test_a_long_turn_and_one_that_took_the_floor_are_never_asides() -> None:
    rig = Aside()
    rig.speak(2.0)
    rig.quiet(1.0)
    rig.reply()
    rig.speak(0.6)
    rig.send(ev.VerdictReached(rig.now, Verdict.TURN, "x"))
    rig.quiet(1.0)
    assert rig.asked() == [] or all(q.occasion is not Occasion.ASIDE for q in rig.asked())
    assert len(rig.of(act.CommitTurn)) == 2


def test_what_the_application_commits_is_no_aside() -> None:
    rig = Aside()
    rig.speak(0.4)
    rig.quiet(0.13)
    rig.answer(0.05)
    rig.send(ev.CommitRequested(rig.now))
    assert len(rig.of(act.CommitTurn)) == 1


def push_to_talk(**changes: float) -> Rig:
    return Rig(TurnTaking(push_to_talk=True, **changes))


def said(rig: Rig) -> list[str]:
    return [name for name in rig.names() if name != "ReportSpeech"]


def test_with_push_to_talk_a_voice_alone_neither_holds_nor_commits() -> None:
    rig = push_to_talk()
    rig.speak(1.0)
    rig.quiet(1.0)
    rig.reply()
    rig.speak(1.0)
    rig.quiet(1.0)
    assert rig.names() == []
    assert rig.controller.state is State.SPEAKING


def test_a_press_silences_at_once_and_is_meant_a_little_later() -> None:
    rig = push_to_talk()
    rig.reply()
    rig.quiet(0.5)
    pressed_at = rig.now
    rig.send(ev.TurnPressed(rig.now))
    assert said(rig) == ["HoldPlayout", "BufferTurn"] or said(rig) == ["BufferTurn", "HoldPlayout"]
    rig.quiet(0.2)
    assert rig.at(act.YieldFloor) == pytest.approx(pressed_at + 0.1, abs=0.001)
    rig.speak(1.0)
    rig.quiet(2.0)  # the silence of a whole turn, and the key still down
    assert rig.of(act.CommitTurn) == []
    rig.send(ev.TurnReleased(rig.now))
    assert rig.log[-1] == (rig.now, act.CommitTurn(rig.now))
    assert said(rig)[2:] == ["YieldFloor", "ReleaseTurn", "CloseGate", "CommitTurn"]


def test_a_press_that_was_none_leaves_the_reply_where_it_was() -> None:
    rig = push_to_talk()
    rig.reply()
    rig.send(ev.TurnPressed(rig.now))
    rig.advance(0.09)
    rig.send(ev.TurnReleased(rig.now))
    assert rig.controller.state is State.SPEAKING
    assert said(rig) == ["BufferTurn", "HoldPlayout", "ResumePlayout", "DiscardTurn"]
    assert rig.log[-1][1] == act.DiscardTurn("key let go", as_if_unheard=True)
    rig.send(ev.TurnPressed(rig.now))  # and again at once, for long
    rig.advance(0.2)
    assert rig.controller.state is State.YIELDED


def _quiet(rig: Rig) -> None: ...


def _thinking(rig: Rig) -> None:
    rig.send(ev.ReplyRequested(rig.now, "r1"))


def _speaking(rig: Rig) -> None:
    rig.reply()


def _yielded(rig: Rig) -> None:
    rig.reply()
    rig.send(ev.InterruptRequested(rig.now))


@pytest.mark.parametrize("before", [_quiet, _thinking, _speaking, _yielded])
@pytest.mark.parametrize("press_s", [0.05, 0.3])
def test_a_press_in_each_state_is_committed_once_or_was_none(
    before: Callable[[Rig], None], press_s: float
) -> None:
    rig = push_to_talk()
    before(rig)
    was = rig.controller.state
    rig.send(ev.TurnPressed(rig.now))
    rig.advance(press_s)
    rig.send(ev.TurnReleased(rig.now))
    rig.send(ev.TurnReleased(rig.now))
    meant = press_s > 0.1
    assert len(rig.of(act.CommitTurn)) == meant
    if not meant:
        assert rig.controller.state is was
    assert not rig.held
    assert len(rig.of(act.YieldFloor)) == (was is State.YIELDED or (meant and was is not State.QUIET))


def test_a_second_press_is_the_same_and_a_release_without_one_is_none() -> None:
    rig = push_to_talk()
    rig.send(ev.TurnReleased(rig.now))
    rig.send(ev.TurnCancelled(rig.now))
    assert rig.names() == []
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.3)
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.05)  # no short press of its own
    rig.send(ev.TurnReleased(rig.now))
    rig.send(ev.TurnReleased(rig.now))
    assert said(rig) == ["BufferTurn", "ReleaseTurn", "CloseGate", "CommitTurn"]


def test_a_cancelled_press_is_dropped_and_its_release_is_none() -> None:
    for held_down_s, rest in ((0.3, State.YIELDED), (0.05, State.SPEAKING)):
        rig = push_to_talk()
        rig.reply()
        rig.send(ev.TurnPressed(rig.now))
        rig.speak(held_down_s)
        rig.send(ev.TurnCancelled(rig.now))
        rig.send(ev.TurnReleased(rig.now))
        assert rig.of(act.DiscardTurn) == [act.DiscardTurn("cancelled")]
        assert rig.of(act.CommitTurn) == []
        assert rig.controller.state is rest


def test_a_release_that_never_comes_is_made_up_for() -> None:
    rig = push_to_talk(max_press_s=2.0)
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(1.0)
    rig.advance(3.0)  # no audio either
    assert rig.at(act.CommitTurn) == pytest.approx(2.0, abs=0.001)
    rig.send(ev.TurnReleased(rig.now))
    assert len(rig.of(act.CommitTurn)) == 1
    assert rig.controller.deadline() is None


def test_a_release_over_what_may_not_be_interrupted_is_committed_after_it() -> None:
    rig = push_to_talk()
    rig.reply(interruptible=False)
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.5)
    released_at = rig.now
    rig.send(ev.TurnReleased(rig.now))
    rig.quiet(0.5)
    rig.send(ev.TurnPressed(rig.now))  # the key bounces: nothing is lost
    rig.send(ev.TurnReleased(rig.now))
    assert rig.of(act.YieldFloor) == rig.of(act.HoldPlayout) == rig.of(act.CommitTurn) == []
    rig.end()
    assert said(rig)[:2] == ["BufferTurn", "CloseGate"]
    assert rig.of(act.CommitTurn) == [act.CommitTurn(pytest.approx(released_at))]
    assert rig.of(act.DiscardTurn) == []


def test_what_is_asked_for_while_the_key_is_down_is_not_heard() -> None:
    rig = push_to_talk()
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.5)
    rig.send(ev.ReplyRequested(rig.now, "r1"))
    assert rig.controller.state is State.YIELDED
    assert len(rig.of(act.YieldFloor)) == 1
    rig.send(ev.TurnReleased(rig.now))
    assert len(rig.of(act.CommitTurn)) == 1


def test_the_application_commits_and_clears_a_press() -> None:
    for request, kind in ((ev.CommitRequested, act.CommitTurn), (ev.ClearRequested, act.DiscardTurn)):
        rig = push_to_talk()
        rig.send(ev.TurnPressed(rig.now))
        rig.quiet(0.5)
        rig.send(request(rig.now))
        rig.send(ev.TurnReleased(rig.now))
        assert [type(a) for a in rig.of(act.CommitTurn) + rig.of(act.DiscardTurn)] == [kind]


def test_an_open_microphone_ignores_the_key() -> None:
    rig = Rig()
    rig.reply()
    for event in (ev.TurnPressed, ev.TurnReleased, ev.TurnCancelled):
        rig.send(event(rig.now))
    assert rig.names() == []


TO_KEY, TO_VOICE = TurnTaking(push_to_talk=True), TurnTaking()


def test_a_turn_is_committed_as_it_stands_when_the_key_takes_over() -> None:
    rig = Rig()
    rig.speak(1.0)
    rig.send(ev.OptionsChanged(rig.now, TO_KEY))
    assert len(rig.of(act.CommitTurn)) == 1
    rig.speak(1.0)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == 1


def test_what_nobody_decided_on_is_dropped_when_the_key_takes_over() -> None:
    rig = Rig()
    rig.reply()
    rig.speak(0.2)
    assert rig.held
    rig.send(ev.OptionsChanged(rig.now, TO_KEY))
    assert rig.controller.state is State.SPEAKING
    rig.speak(1.0)
    assert said(rig) == ["BufferTurn", "HoldPlayout", "ResumePlayout", "DiscardTurn"]


def test_a_voice_that_goes_on_keeps_its_turn_when_the_microphone_opens() -> None:
    rig = Rig(TO_KEY)
    rig.reply()
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.5)
    rig.send(ev.OptionsChanged(rig.now, TO_VOICE))
    rig.speak(0.5)
    rig.send(ev.TurnReleased(rig.now))
    rig.quiet(1.0)
    assert said(rig) == ["BufferTurn", "HoldPlayout", "YieldFloor", "ReleaseTurn", "CloseGate", "CommitTurn"]


def test_a_silent_press_is_released_when_the_microphone_opens() -> None:
    rig = Rig(TO_KEY)
    rig.send(ev.TurnPressed(rig.now))
    rig.speak(0.5)
    rig.quiet(0.5)
    rig.send(ev.OptionsChanged(rig.now, TO_VOICE))
    assert len(rig.of(act.CommitTurn)) == 1


@pytest.mark.parametrize("speech_s", [0.2, 1.0])
def test_a_press_too_young_to_be_meant_is_judged_by_its_voice_when_the_microphone_opens(
    speech_s: float,
) -> None:
    rig = Rig(TO_KEY)
    rig.reply()
    rig.speak(0.1)
    rig.send(ev.TurnPressed(rig.now))
    rig.send(ev.OptionsChanged(rig.now, TO_VOICE))
    assert rig.held
    rig.speak(speech_s)
    rig.quiet(1.0)
    assert len(rig.of(act.CommitTurn)) == (speech_s > 0.5)
    assert len(rig.of(act.ResumePlayout)) == (speech_s < 0.5)


def test_other_numbers_count_from_now_on() -> None:
    rig = Rig()
    rig.send(ev.OptionsChanged(rig.now, TurnTaking(silence_s=1.0, yield_after_s=0.8, hold_s=3.0)))
    rig.speak(0.5)
    spoken_until = rig.now
    rig.quiet(1.5)
    assert rig.at(act.CommitTurn) == pytest.approx(spoken_until + 1.0, abs=0.001)
    rig.reply()
    rig.speak(0.7)
    assert rig.of(act.YieldFloor) == []
    rig.speak(0.2)
    assert len(rig.of(act.YieldFloor)) == 1


class Anything(RuleBasedStateMachine):
    """Any order of anything. The rig's own assertions hold throughout; see also the invariants."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig()
        self.twin = Rig()
        self.count = 0

    def both(self, do: Callable[[Rig], None]) -> None:
        do(self.rig)
        do(self.twin)
        # An extra deadline changes nothing, and the same events give the same actions.
        now = self.rig.now
        due = self.rig.controller.deadline()
        if due is None or due.at > now:
            self.rig.send(ev.DeadlineReached(now, ev.Reason.STALL))
        assert self.rig.log == self.twin.log

    @rule(seconds=st.floats(0.03, 1.5))
    def speak(self, seconds: float) -> None:
        self.both(lambda rig: rig.speak(seconds))

    @rule(seconds=st.floats(0.03, 2.0))
    def quiet(self, seconds: float) -> None:
        self.both(lambda rig: rig.quiet(seconds))

    @rule(seconds=st.floats(0.0, 3.0))
    def no_audio(self, seconds: float) -> None:
        self.both(lambda rig: rig.advance(seconds))

    @rule(interruptible=st.booleans())
    def request(self, interruptible: bool) -> None:
        self.count += 1
        self.both(lambda rig: rig.send(ev.ReplyRequested(rig.now, f"r{self.count}", interruptible)))

    @precondition(lambda self: self.rig.playing is None and not self.rig.held and self.count)
    @rule(interruptible=st.booleans())
    def start(self, interruptible: bool) -> None:
        name = f"r{self.count}"
        over = name in self.rig.controller._replies._over
        if not over:
            self.both(lambda rig: rig.start(name, interruptible))

    @precondition(lambda self: self.rig.playing is not None and not self.rig.held)
    @rule()
    def end(self) -> None:
        self.both(lambda rig: rig.end())

    @precondition(lambda self: self.count)
    @rule(kind=st.sampled_from(["done", "cancelled", "failed"]))
    def over(self, kind: str) -> None:
        if self.rig.playing != f"r{self.count}":
            self.both(lambda rig: rig.send(ev.ReplyEnded(rig.now, f"r{self.count}", kind)))  # type: ignore[arg-type]

    @precondition(lambda self: self.count)
    @rule(back=st.integers(0, 2))
    def interrupt_one(self, back: int) -> None:
        self.both(lambda rig: rig.send(ev.InterruptRequested(rig.now, f"r{max(self.count - back, 1)}")))

    @precondition(lambda self: self.rig.playing is not None and not self.rig.held)
    @rule(seconds=st.floats(2.0, 5.0), speech=st.sampled_from([0.0, 0.95]))
    def stand_still(self, seconds: float, speech: float) -> None:
        def stall(rig: Rig) -> None:
            name, rig.playing = rig.playing, None
            rig.windows(seconds, speech)
            yielded = {action.reply_id for action in rig.of(act.YieldFloor)}  # type: ignore[union-attr]
            rig.playing = name if name not in yielded else None

        self.both(stall)

    @rule(which=st.sampled_from(["lost", "commit", "clear", "interrupt", "turn", "backchannel"]))
    def other(self, which: str) -> None:
        make: dict[str, Callable[[float], ev.Event]] = {
            "lost": ev.InputLost,
            "commit": ev.CommitRequested,
            "clear": ev.ClearRequested,
            "interrupt": ev.InterruptRequested,
            "turn": lambda now: ev.VerdictReached(now, Verdict.TURN, "x"),
            "backchannel": lambda now: ev.VerdictReached(now, Verdict.BACKCHANNEL, "x"),
        }
        self.both(lambda rig: rig.send(make[which](rig.now)))

    @rule(which=st.sampled_from([ev.TurnPressed, ev.TurnReleased, ev.TurnCancelled]))
    def key(self, which: type[ev.TurnPressed | ev.TurnReleased | ev.TurnCancelled]) -> None:
        self.both(lambda rig: rig.send(which(rig.now)))

    @rule(press_s=st.sampled_from([0.05, 0.3, 2.0]), speech=st.sampled_from([0.0, 0.95]))
    def press(self, press_s: float, speech: float) -> None:
        def pressed(rig: Rig) -> None:
            before = len(rig.of(act.CommitTurn))
            was_down, by_key = rig.controller._key.down, rig.controller._options.push_to_talk
            rig.send(ev.TurnPressed(rig.now))
            rig.windows(press_s, speech)
            waits = rig.controller.state in (
                State.SPEAKING,
                State.THINKING,
            )  # for what may not be interrupted
            rig.send(ev.TurnReleased(rig.now))
            if (
                by_key and not was_down and press_s > 0.1 and not waits
            ):  # what was said while pressed is not lost
                assert len(rig.of(act.CommitTurn)) > before

        self.both(pressed)

    @rule(push_to_talk=st.booleans())
    def switch(self, push_to_talk: bool) -> None:
        options = TurnTaking(push_to_talk=push_to_talk)
        self.both(lambda rig: rig.send(ev.OptionsChanged(rig.now, options)))

    @invariant()
    def a_hold_is_a_state_with_an_end(self) -> None:
        rig = self.rig
        assert rig.held == (rig.controller.state is State.HELD)
        if rig.controller._speaking:  # nothing said is lost: it is kept or at the model
            assert rig.keeping or rig.gate == "open"
        if rig.controller.state is not State.QUIET:
            assert rig.controller.deadline() is not None
        yielded = [action.reply_id for action in rig.of(act.YieldFloor)]  # type: ignore[union-attr]
        assert len(yielded) == len(set(yielded))
        for action in rig.of(act.YieldFloor):
            assert action.heard_samples >= 0  # type: ignore[union-attr]

    def teardown(self) -> None:
        # Whatever went before: with nobody speaking and nothing playing, everything comes to rest.
        rig = self.rig
        if rig.playing is not None and not rig.held:
            rig.end()
        rig.send(ev.TurnReleased(rig.now))
        rig.quiet(4.0)
        rig.playing = None
        rig.advance(16.0 * (self.count + 2))  # each reply that never comes is waited for in turn
        assert rig.controller.state is State.QUIET
        assert not rig.held
        assert rig.gate == "closed"
        assert not rig.kept
        assert not rig.controller.faults


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=200, stateful_step_count=40, deadline=None, derandomize=True)
