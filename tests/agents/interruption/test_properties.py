"""Properties of the whole controller: its table, the fusion, the endpointer, and judges who answer in any
order, late, twice, or with nonsense. `test_controller.py` says what each row does; here anything goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon.agents.endpointing import AdaptiveSilence
from antiphon.agents.interruption import InterruptionController, State, Verdict
from antiphon.agents.interruption import actions as act
from antiphon.agents.interruption import events as ev
from antiphon.agents.interruption.arbiter import Opinion
from antiphon.agents.interruption.fusion import FusionArbiter
from antiphon.agents.interruption.judges import Occasion
from antiphon.agents.options import TurnTaking

W = 0.032
RATE_HZ = 24_000
JUDGES = {
    Occasion.EARLY: frozenset({"acoustic"}),
    Occasion.PAUSE: frozenset({"acoustic", "lexical"}),
    Occasion.LONG: frozenset({"acoustic", "lexical", "semantic"}),
}

OPTIONS = {
    "as they are": TurnTaking(),
    "ducking": TurnTaking(duck_db=12.0),
    "attentive": TurnTaking.policy("attentive", rehold_s=0.0),
    "determined": TurnTaking.policy("determined", rehold_s=2.0),
    "impatient": TurnTaking(hold_s=0.5, judge_s=0.05, cancel_s=0.05, stall_s=0.5),
}

probabilities = st.one_of(
    st.none(), st.floats(0.0, 1.0), st.sampled_from([math.nan, math.inf, -1.0, 2.0, 0.02, 0.5, 0.98])
)
ANY_TIME = st.floats(0.0, 3.0)


def controller(options: TurnTaking) -> InterruptionController:
    """One as a call has it, that raises where its table was wrong."""
    return InterruptionController(
        options, arbiter=FusionArbiter(options, JUDGES), endpointer=AdaptiveSilence(), strict=True
    )


class Shell:
    """A shell without a world. Plays its replies in its own time, serves deadlines when they are due, keeps
    all events and what they led to, and fails at an action that makes no sense."""

    def __init__(self, options: TurnTaking) -> None:
        self.options = options
        self.controller = controller(options)
        self.now = 0.0
        self.events: list[ev.Event] = []
        self.actions: list[tuple[act.Action, ...]] = []
        self.playing: str | None = None
        self.heard: dict[str, int] = {}
        self.over: set[str] = set()
        """Replies of which nothing more may be heard."""
        self.yielded: set[str] = set()
        self.held_at: float | None = None
        self.silent = False
        self.gate_open = False
        self.kept = self.keeping = False  # what is kept stays when no more of it is
        self.questions: list[act.AskJudges] = []
        self.pauses: list[int] = []

    def send(self, event: ev.Event) -> None:
        self.events.append(event)
        made = self.controller.handle(event)
        self.actions.append(made)
        for action in made:
            self.perform(action)

    def perform(self, action: act.Action) -> None:
        match action:
            case act.HoldPlayout(ducked):
                assert not self.silent, "held twice"
                assert not (ducked and self.held_at is not None), "ducked twice"
                self.silent = not ducked
                if self.held_at is None:
                    self.held_at = self.now
            case act.ResumePlayout():
                assert self.held_at is not None, "resumed what was not held"
                self.held_at, self.silent = None, False
            case act.YieldFloor(reply_id, heard):
                assert reply_id not in self.yielded, "a reply was cancelled twice"
                assert heard == self.heard.get(reply_id, 0), "cut where nothing was reported"
                self.yielded.add(reply_id)
                self.over.add(reply_id)
                if self.playing in (None, reply_id):  # as Playout.drop
                    self.held_at, self.silent, self.playing = None, False, None
            case act.AskJudges():
                self.questions.append(action)
            case act.AskTurnEnd(pause):
                self.pauses.append(pause)
            case act.OpenGate():
                assert not self.gate_open
                assert not self.kept
                self.gate_open = True
            case act.BufferTurn():
                assert not self.gate_open
                assert not self.keeping
                self.kept = self.keeping = True
            case act.ReleaseTurn():
                assert self.kept
                self.kept, self.keeping, self.gate_open = False, False, True
            case act.CloseGate():
                assert self.gate_open or self.keeping
                self.gate_open = self.keeping = False
            case act.CommitTurn() | act.DiscardTurn():
                assert not self.gate_open
                self.kept = self.keeping = False

    def pass_time(self, seconds: float) -> None:
        end, served = self.now + seconds, 0
        while (due := self.controller.deadline()) is not None and due.at <= end:
            served += 1
            assert served < 1000, f"deadlines without end: {due}"
            self.now = max(self.now, due.at)
            self.send(ev.DeadlineReached(self.now, due.reason))
        self.now = end
        if self.playing is not None and not self.silent:
            self.heard[self.playing] += round(seconds * RATE_HZ)
            self.send(ev.PlayoutAdvanced(self.now, self.playing, self.heard[self.playing]))

    def windows(self, seconds: float, speech: float, echo: float = 0.0) -> None:
        for _ in range(max(round(seconds / W), 1)):
            self.pass_time(W)
            self.send(ev.VadFrame(self.now, speech, echo))

    def start(self, reply_id: str, interruptible: bool) -> None:
        self.playing = reply_id
        self.heard.setdefault(reply_id, 0)
        self.send(ev.PlayoutStarted(self.now, reply_id, interruptible))

    def end(self) -> None:
        assert self.playing is not None
        reply_id, self.playing = self.playing, None
        self.over.add(reply_id)
        self.send(ev.PlayoutEnded(self.now, reply_id))


class Floor(RuleBasedStateMachine):
    """A call in which everything may happen in any order that a shell can bring it in."""

    shell: Shell
    first: TurnTaking

    def __init__(self) -> None:
        super().__init__()
        self.requested: list[str] = []

    @initialize(name=st.sampled_from(sorted(OPTIONS)))
    def begin(self, name: str) -> None:
        self.first = OPTIONS[name]
        self.shell = Shell(self.first)

    # The person.

    @rule(seconds=st.floats(0.03, 1.6), speech=st.sampled_from([0.4, 0.6, 0.95]))
    def voice(self, seconds: float, speech: float) -> None:
        self.shell.windows(seconds, speech)

    @rule(seconds=st.floats(0.03, 1.5))
    def quiet(self, seconds: float) -> None:
        self.shell.windows(seconds, 0.02)

    @rule(seconds=st.floats(0.03, 0.8))
    def echo(self, seconds: float) -> None:
        self.shell.windows(seconds, 0.95, echo=0.9)

    @rule(seconds=ANY_TIME)
    def no_audio(self, seconds: float) -> None:
        self.shell.pass_time(seconds)

    @rule()
    def lost(self) -> None:
        self.shell.send(ev.InputLost(self.shell.now))

    # The judges and the estimator, who need not keep to any order.

    @precondition(lambda self: self.shell.questions)
    @rule(
        back=st.integers(0, 5),
        judge=st.sampled_from(["acoustic", "lexical", "semantic", "somebody"]),
        p=probabilities,
        twice=st.booleans(),
    )
    def answer(self, back: int, judge: str, p: float | None, twice: bool) -> None:
        asked = self.shell.questions[-1 - min(back, len(self.shell.questions) - 1)]
        for _ in range(1 + twice):
            opinion = Opinion(judge, asked.occasion, p, 0.1)
            self.shell.send(ev.OpinionReached(self.shell.now, asked.speech, opinion))

    @rule(speech=st.integers(0, 6), occasion=st.sampled_from(Occasion), p=probabilities)
    def answer_without_a_question(self, speech: int, occasion: Occasion, p: float | None) -> None:
        opinion = Opinion("transcript", occasion, p)
        self.shell.send(ev.OpinionReached(self.shell.now, speech, opinion))

    @rule(p=st.floats(allow_nan=True), back=st.integers(0, 2))
    def estimate(self, p: float, back: int) -> None:
        pause = (self.shell.pauses or [0])[-1] - back
        self.shell.send(ev.EndOfTurnEstimated(self.shell.now, p, pause))

    @rule(verdict=st.sampled_from(Verdict), speech=st.sampled_from([None, 1, 2]))
    def verdict(self, verdict: Verdict, speech: int | None) -> None:
        self.shell.send(ev.VerdictReached(self.shell.now, verdict, "the model's", speech))

    # The agent and the application.

    @rule(interruptible=st.booleans())
    def request(self, interruptible: bool) -> None:
        self.requested.append(f"r{len(self.requested) + 1}")
        self.shell.send(ev.ReplyRequested(self.shell.now, self.requested[-1], interruptible))

    @precondition(lambda self: self.requested and self.shell.playing is None)
    @rule(back=st.integers(0, 2), interruptible=st.booleans())
    def start(self, back: int, interruptible: bool) -> None:
        reply_id = self.requested[max(len(self.requested) - 1 - back, 0)]
        if reply_id not in self.shell.over and not self.shell.silent:
            self.shell.start(reply_id, interruptible)

    @precondition(lambda self: self.shell.playing is not None and not self.shell.silent)
    @rule()
    def end(self) -> None:
        self.shell.end()

    @precondition(lambda self: self.requested)
    @rule(back=st.integers(0, 2), kind=st.sampled_from(["done", "cancelled", "failed"]))
    def over(self, back: int, kind: str) -> None:
        reply_id = self.requested[max(len(self.requested) - 1 - back, 0)]
        if reply_id != self.shell.playing:
            self.shell.over.add(reply_id)
            self.shell.send(ev.ReplyEnded(self.shell.now, reply_id, kind))  # type: ignore[arg-type]

    @rule(back=st.one_of(st.none(), st.integers(0, 2)))
    def interrupt(self, back: int | None) -> None:
        one = None if back is None or not self.requested else self.requested[-1 - back % len(self.requested)]
        self.shell.send(ev.InterruptRequested(self.shell.now, one))

    @rule(make=st.sampled_from([ev.CommitRequested, ev.ClearRequested]))
    def application(self, make: Callable[[float], ev.Event]) -> None:
        self.shell.send(make(self.shell.now))

    @rule(make=st.sampled_from([ev.TurnPressed, ev.TurnReleased, ev.TurnCancelled]))
    def key(self, make: Callable[[float], ev.Event]) -> None:
        self.shell.send(make(self.shell.now))

    @rule(name=st.sampled_from(sorted(OPTIONS)), key=st.booleans())
    def change(self, name: str, key: bool) -> None:
        self.shell.options = replace(OPTIONS[name], push_to_talk=key)
        self.shell.send(ev.OptionsChanged(self.shell.now, self.shell.options))

    @rule(reason=st.sampled_from(ev.Reason), back=st.floats(0.0, 2.0))
    def deadline_out_of_turn(self, reason: ev.Reason, back: float) -> None:
        """One that nobody asked for, of a clock that steps back even."""
        before = self.shell.controller.state, self.shell.controller.deadline()
        self.shell.send(ev.DeadlineReached(self.shell.now - back, reason))
        assert self.shell.actions[-1] == ()
        assert (self.shell.controller.state, self.shell.controller.deadline()) == before

    # What holds at all times.

    @invariant()
    def a_hold_has_an_end(self) -> None:
        shell = self.shell
        assert (shell.held_at is not None) == (shell.controller.state is State.HELD)
        if shell.held_at is not None:
            assert shell.now - shell.held_at <= max(taking.hold_s for taking in OPTIONS.values()) + 1e-6
        if shell.controller.state is not State.QUIET:
            assert shell.controller.deadline() is not None

    @invariant()
    def no_voice_is_lost(self) -> None:
        if self.shell.controller._onset.speaking and not self.shell.options.push_to_talk:
            assert self.shell.kept or self.shell.gate_open

    @invariant()
    def judges_are_asked_about_what_can_still_be_decided(self) -> None:
        numbers = [question.speech for question in self.shell.questions]
        assert numbers == sorted(numbers)
        assert all(q.voiced_s >= 0.0 and q.quiet_s >= 0.0 for q in self.shell.questions)

    def teardown(self) -> None:
        """With nobody speaking and nothing playing it comes to rest, and it would all happen again."""
        if not hasattr(self, "shell"):
            return
        shell = self.shell
        shell.send(ev.TurnReleased(shell.now))
        shell.windows(4.0, 0.02)
        if shell.playing is not None:
            assert not shell.silent, "held with nobody speaking"
            shell.end()
        shell.pass_time(16.0 * (len(self.requested) + 2))
        assert shell.controller.state is State.QUIET
        assert shell.held_at is None
        assert not shell.gate_open
        assert not shell.kept
        assert not shell.controller.faults
        again = controller(self.first)
        assert repr([again.handle(event) for event in shell.events]) == repr(shell.actions)


TestFloor = Floor.TestCase
TestFloor.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)


def test_what_is_excused_waits_for_its_verdict_and_not_for_an_end_of_turn() -> None:
    """Its deadline comes before the judges have answered, and is nobody's to serve."""
    shell = Shell(OPTIONS["as they are"])
    shell.send(ev.ReplyRequested(0.0, "r1"))
    shell.start("r1", True)
    shell.windows(0.3, 0.95)
    asked = shell.questions[-1]
    shell.send(ev.OpinionReached(shell.now, asked.speech, Opinion("acoustic", asked.occasion, 0.01)))
    assert shell.controller.state is State.SPEAKING  # a backchannel, and it is still on
    shell.windows(0.3, 0.95)
    shell.windows(1.0, 0.02)  # `Shell.pass_time` fails at deadlines without end
    assert shell.controller.state is State.SPEAKING
    assert not shell.kept


ids = st.sampled_from(["", "a", "b"])
times = st.floats(0.0, 30.0)
opinions = st.builds(Opinion, ids, st.sampled_from(Occasion), probabilities)
raw_events: st.SearchStrategy[ev.Event] = st.one_of(
    st.builds(ev.VadFrame, times, st.floats(allow_nan=True), st.floats(0.0, 1.0), st.floats(-90.0, 0.0)),
    st.builds(ev.VadFrame, times, st.just(0.9)),
    st.builds(ev.InputLost, times),
    st.builds(ev.ReplyRequested, times, ids, st.booleans()),
    st.builds(ev.PlayoutStarted, times, ids, st.booleans()),
    st.builds(ev.PlayoutAdvanced, times, ids, st.integers(0, 10**6)),
    st.builds(ev.PlayoutEnded, times, ids),
    st.builds(ev.ReplyEnded, times, ids, st.sampled_from(["done", "cancelled", "failed"])),
    st.builds(ev.OpinionReached, times, st.integers(0, 4), opinions),
    st.builds(ev.VerdictReached, times, st.sampled_from(Verdict), st.just("x"), st.none()),
    st.builds(ev.EndOfTurnEstimated, times, st.floats(allow_nan=True), st.none()),
    st.builds(ev.CommitRequested, times),
    st.builds(ev.ClearRequested, times),
    st.builds(ev.InterruptRequested, times, st.one_of(st.none(), ids)),
    st.builds(ev.TurnPressed, times),
    st.builds(ev.TurnReleased, times),
    st.builds(ev.TurnCancelled, times),
    st.builds(ev.OptionsChanged, times, st.sampled_from([*OPTIONS.values(), TurnTaking(push_to_talk=True)])),
    st.builds(ev.DeadlineReached, times, st.sampled_from(ev.Reason)),
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True)
@given(events=st.lists(raw_events, max_size=60), name=st.sampled_from(sorted(OPTIONS)))
def test_events_in_no_order_at_all_break_nothing(events: list[ev.Event], name: str) -> None:
    """Times that jump about, replies that end before they begin, strangers' opinions."""
    one, other = controller(OPTIONS[name]), controller(OPTIONS[name])
    made = [one.handle(event) for event in events]
    assert repr([other.handle(event) for event in events]) == repr(made)
    actions = [action for some in made for action in some]
    silenced = False
    for action in actions:
        if isinstance(action, act.HoldPlayout) and not action.ducked:
            assert not silenced
            silenced = True
        elif isinstance(action, act.ResumePlayout | act.YieldFloor):
            silenced = False
    # Whatever came, it does not hang: deadlines alone bring it to rest.
    now, served = max((event.now for event in events), default=0.0), 0
    while (due := one.deadline()) is not None:
        served += 1
        assert served < 200, f"deadlines without end: {due}, {one.state}"
        now = max(now, due.at)
        one.handle(ev.DeadlineReached(now, due.reason))
    assert one.state is State.QUIET
    assert not one.faults
