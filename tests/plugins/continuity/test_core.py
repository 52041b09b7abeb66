"""When a session is handed over and what follows a failure: numbers for time, no clock."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.breaker import Breakers
from antiphon.plugins.continuity.core import Core
from antiphon.plugins.continuity.failures import Failure, Kind
from antiphon.plugins.continuity.options import Continuity

LOST = Failure(Kind.LOST, "gone")
DOWN = Failure(Kind.UNREACHABLE, "no route")
REFUSED = Failure(Kind.REFUSED, "no key", "invalid_api_key")


def core(*names: str, **options: Any) -> Core:
    return Core(names or ("a",), Continuity(**options), Breakers(), lambda: 1.0)


def kinds(actions: tuple[f.Action, ...]) -> list[type]:
    return [type(action) for action in actions]


def opened(made: Core, now: float = 0.0) -> None:
    """A call with its first line."""
    (action,) = made.handle(f.Started(now))
    assert isinstance(action, f.OpenLine)
    (action,) = made.handle(f.LineOpened(now + 0.1, action.line))
    assert action == f.TakeOver(1, f.Reason.FIRST, False, None, pytest.approx(0.1))


def test_ahead_of_the_cap_a_line_is_opened_and_takes_over_at_once_when_it_is_quiet() -> None:
    made = core(session_cap_s=3600)
    opened(made)
    assert made.deadline() == 3540.0
    assert made.handle(f.DeadlineReached(3539.0)) == ()
    assert made.handle(f.DeadlineReached(3540.0)) == (f.OpenLine(2, 0, f.Reason.CAP),)
    assert made.handle(f.LineOpened(3540.3, 2)) == (f.TakeOver(2, f.Reason.CAP, False), f.CloseLine(1))
    assert made.deadline() == 3540.0 + 3540.0


@pytest.mark.parametrize(
    ("busy", "free", "quiet_at"),
    [
        (f.VoiceHeard(3540.1), f.Cleared(3545.0), 3545.0),
        (f.VoiceHeard(3540.1), f.DeadlineReached(3543.2), 3543.2),
        (f.Committed(3540.1, True), f.DeadlineReached(3543.2), 3543.2),
        (f.ReplyAsked(3540.1, "r", 1), f.ReplyOver(3545.0, "r"), 3545.0),
    ],
    ids=["speech", "speech that lapsed", "a transcript that does not come", "a reply"],
)
def test_it_waits_for_a_quiet_moment(busy: f.Fact, free: f.Fact, quiet_at: float) -> None:
    made = core(session_cap_s=3600)
    opened(made)
    made.handle(f.DeadlineReached(3540.0))
    made.handle(busy)
    assert made.handle(f.LineOpened(3540.3, 2)) == ()
    deadline = made.deadline()
    assert deadline is not None
    assert deadline <= max(quiet_at, 3595.0)
    assert f.TakeOver(2, f.Reason.CAP, False) in made.handle(free)


def test_seconds_before_the_cap_it_takes_over_in_any_case_and_the_old_line_drains() -> None:
    made = core(session_cap_s=3600, stall_s=100)
    opened(made)
    made.handle(f.ReplyAsked(3539.0, "r", 1))
    made.handle(f.DeadlineReached(3540.0))
    made.handle(f.LineOpened(3541.0, 2))
    assert made.deadline() == 3595.0
    assert made.handle(f.DeadlineReached(3595.0)) == (f.TakeOver(2, f.Reason.CAP, True),)
    assert made.handle(f.ReplyOver(3598.0, "r")) == (f.CloseLine(1),)


def test_what_was_said_meanwhile_is_given_before_it_takes_over() -> None:
    made = core(session_cap_s=3600)
    opened(made)
    made.handle(f.DeadlineReached(3540.0))
    made.handle(f.VoiceHeard(3540.1))
    made.handle(f.LineOpened(3540.3, 2))
    made.handle(f.LineOutdated(3541.0, 2))
    assert made.handle(f.Cleared(3542.0)) == (f.SyncLine(2),)
    assert made.handle(f.LineOpened(3542.2, 2)) == (f.TakeOver(2, f.Reason.CAP, False), f.CloseLine(1))


def test_a_provider_that_says_how_long_it_has_is_believed_when_it_is_less() -> None:
    made = core()
    opened(made)
    assert made.deadline() is None
    made.handle(f.LimitKnown(1.0, 1, 1799.0))
    assert made.deadline() == 1740.0
    made.handle(f.LimitKnown(2.0, 1, 9999.0))
    assert made.deadline() == 1740.0


def test_a_short_cap_has_a_short_lead() -> None:
    made = core(session_cap_s=20)
    opened(made)
    assert made.deadline() == 15.0
    made.handle(f.DeadlineReached(15.0))
    made.handle(f.VoiceHeard(17.0))
    made.handle(f.LineOpened(17.0, 2))
    assert made.deadline() == 18.0


def test_a_lost_line_is_replaced_at_once_by_the_same_model() -> None:
    made = core("a", "b")
    opened(made)
    assert made.handle(f.LineFailed(9.0, 1, LOST)) == (f.Leave(1, LOST), f.OpenLine(2, 0, f.Reason.FAILURE))
    assert made.handle(f.LineOpened(9.4, 2)) == (
        f.TakeOver(2, f.Reason.FAILURE, False, LOST, pytest.approx(0.4)),
    )


def test_a_line_that_will_not_open_is_tried_elsewhere_at_once_and_here_after_a_while() -> None:
    made = core("a", "b", retry_s=0.5)
    opened(made)
    made.handle(f.LineFailed(9.0, 1, LOST))
    assert made.handle(f.LineFailed(9.2, 2, DOWN)) == (f.Leave(2, DOWN), f.OpenLine(3, 1, f.Reason.FAILURE))
    assert made.handle(f.LineFailed(9.3, 3, DOWN)) == (f.Leave(3, DOWN),)
    deadline = made.deadline()
    assert deadline == pytest.approx(9.8)
    assert kinds(made.handle(f.DeadlineReached(deadline))) == [f.OpenLine]


def test_one_that_waits_takes_over_at_once_from_one_that_fails() -> None:
    made = core(session_cap_s=3600)
    opened(made)
    made.handle(f.DeadlineReached(3540.0))
    made.handle(f.VoiceHeard(3540.1))
    made.handle(f.LineOpened(3540.3, 2))
    assert made.handle(f.LineFailed(3541.0, 1, LOST)) == (
        f.Leave(1, LOST),
        f.TakeOver(2, f.Reason.FAILURE, False, LOST, 0.0),
    )


def test_a_reply_of_which_nothing_comes_leaves_its_line_for_another_model() -> None:
    made = core("a", "b", stall_s=8)
    opened(made)
    made.handle(f.ReplyAsked(1.0, "r", 1))
    made.handle(f.ReplyProgressed(5.0, "r"))
    assert made.deadline() == 13.0
    leave, open_line = made.handle(f.DeadlineReached(13.0))
    assert isinstance(leave, f.Leave)
    assert leave.failure.kind is Kind.STALLED
    assert open_line == f.OpenLine(2, 1, f.Reason.FAILURE)


def test_a_reply_that_failed_is_asked_for_again_a_few_times() -> None:
    made = core(retries=2, retry_s=0.5)
    opened(made)
    busy = Failure(Kind.BUSY, "slow down", "inference_rate_limit_exceeded")
    made.handle(f.ReplyAsked(1.0, "r", 1))
    for at, wait in ((2.0, 0.5), (4.0, 1.0)):
        assert made.handle(f.ReplyFailed(at, "r", busy)) == ()
        assert made.deadline() == at + wait
        assert made.handle(f.DeadlineReached(at + wait)) == (f.Ask("r"),)
        made.handle(f.ReplyAsked(at + wait, "r", 1))
    assert made.handle(f.ReplyFailed(6.0, "r", busy)) == (f.FailReply("r", busy),)


def test_refused_everywhere_it_gives_up_at_once_with_the_reason() -> None:
    made = core("a", "b")
    made.handle(f.Started(0.0))
    assert made.handle(f.LineFailed(0.1, 1, REFUSED)) == (
        f.Leave(1, REFUSED),
        f.OpenLine(2, 1, f.Reason.FIRST),
    )
    assert made.handle(f.LineFailed(0.2, 2, REFUSED)) == (f.Leave(2, REFUSED), f.GiveUp(REFUSED))
    assert made.over
    assert made.deadline() is None
    assert made.handle(f.Started(1.0)) == ()


def test_without_any_session_it_gives_up_after_a_while() -> None:
    made = core(give_up_s=10, retry_most_s=1, rest_s=1)
    made.handle(f.Started(0.0))
    now, opens, out = 0.0, 1, ()
    while not made.over:
        if made.coming is not None:
            now += 0.1
            out = made.handle(f.LineFailed(now, made.coming, DOWN))
        else:
            deadline = made.deadline()
            assert deadline is not None
            assert deadline > now
            now = deadline
            out = made.handle(f.DeadlineReached(now))
        opens += kinds(out).count(f.OpenLine)
    assert 10.0 <= now < 11.0
    assert 4 <= opens <= 8
    assert isinstance(out[-1], f.GiveUp)
    assert "none for 10 s" in out[-1].failure.reason


def test_a_resting_endpoint_is_left_alone_and_tried_by_one_call_only() -> None:
    gate = Breakers()
    options = Continuity(trip_after=1, rest_s=10)
    first, other = (Core(("a",), options, gate, lambda: 1.0) for _ in range(2))
    first.handle(f.Started(0.0))
    first.handle(f.LineFailed(1.0, 1, DOWN))
    assert other.handle(f.Started(2.0)) == ()
    assert other.deadline() == 11.0
    assert kinds(first.handle(f.DeadlineReached(11.0))) == [f.OpenLine]
    assert other.handle(f.DeadlineReached(11.0)) == ()
    first.handle(f.LineOpened(11.5, 2))
    assert kinds(other.handle(f.DeadlineReached(12.0))) == [f.OpenLine]


def test_an_earlier_model_is_gone_back_to_when_it_is_well() -> None:
    made = core("a", "b", return_s=60, refused_s=1)
    made.handle(f.Started(0.0))
    made.handle(f.LineFailed(0.1, 1, REFUSED))
    made.handle(f.LineOpened(0.3, 2))
    assert made.deadline() == pytest.approx(60.3)
    assert made.handle(f.DeadlineReached(60.3)) == (f.OpenLine(3, 0, f.Reason.PREFERRED),)
    assert made.handle(f.LineFailed(60.4, 3, DOWN)) == (f.Leave(3, DOWN),)
    assert made.deadline() == pytest.approx(120.4)
    made.handle(f.DeadlineReached(120.4))
    assert kinds(made.handle(f.LineOpened(120.5, 4))) == [f.TakeOver, f.CloseLine]


def test_a_long_conversation_is_handed_over_and_not_at_once_again() -> None:
    made = core(compact_at_items=100, compact_at_tokens=9000)
    opened(made)
    assert made.handle(f.ContextGrew(1.0, 99)) == ()
    assert made.handle(f.ContextGrew(2.0, 1, 9000)) == (f.OpenLine(2, 0, f.Reason.COMPACTION),)
    made.handle(f.LineOpened(3.0, 2))
    assert made.handle(f.ContextGrew(4.0, 100)) == ()
    assert kinds(made.handle(f.ContextGrew(64.0, 100))) == [f.OpenLine]


class Calls(RuleBasedStateMachine):
    """Anything may happen at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        options = Continuity(session_cap_s=60, give_up_s=20, compact_at_items=50, return_s=15, rest_s=2)
        self.core = Core(("a", "b"), options, Breakers(), lambda: 0.5)
        self.open: set[int] = set()
        self.active: int | None = None
        self.replies: dict[str, int | None] = {}
        self.asked = 0
        self.gave_up = False
        self.later: list[f.Fact] = []
        self.tell(f.Started(0.0))

    def tell(self, fact: f.Fact) -> None:
        for action in self.core.handle(fact):
            assert not self.gave_up, "something after giving up"
            match action:
                case f.OpenLine(line):
                    assert line not in self.open
                    self.open.add(line)
                case f.TakeOver(line, _, forced):
                    assert line in self.open
                    assert line != self.active
                    if not forced and self.active is not None:
                        assert not any(at == self.active for at in self.replies.values())
                    self.active = line
                    for name, at in list(self.replies.items()):
                        if at is None:
                            self.ask(name)
                case f.Leave(line) | f.CloseLine(line):
                    assert line in self.open
                    self.open.remove(line)
                    if line == self.active:
                        self.active = None
                    for name, at in list(self.replies.items()):
                        if at == line:
                            self.replies[name] = None
                case f.SyncLine(line):
                    assert line in self.open
                case f.Ask(name):
                    assert name in self.replies
                    self.ask(name)
                case f.FailReply(name):
                    del self.replies[name]
                case f.GiveUp():
                    self.gave_up = True

    def ask(self, name: str) -> None:
        self.replies[name] = self.active
        self.later.append(f.ReplyAsked(self.now, name, self.active))

    def step(self, fact: f.Fact) -> None:
        self.later = []
        self.tell(fact)
        while self.later:
            rest, self.later = self.later, []
            for each in rest:
                self.tell(each)

    @rule(seconds=st.floats(0.01, 20.0))
    def time_passes(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(300):
            due = self.core.deadline()
            if due is None or due > end:
                break
            self.now = max(self.now, due) + 0.001
            self.step(f.DeadlineReached(self.now))
        else:
            raise AssertionError("the deadlines never end")
        self.now = max(self.now, end)

    @precondition(lambda self: self.core.coming is not None)
    @rule()
    def it_opens(self) -> None:
        self.step(f.LineOpened(self.now, self.core.coming or 0))

    @rule(kind=st.sampled_from(Kind), line=st.integers(1, 60))
    def a_line_fails(self, kind: Kind, line: int) -> None:
        if kind not in (Kind.BENIGN, Kind.BUSY):
            self.step(f.LineFailed(self.now, line, Failure(kind, "by chance")))

    @precondition(lambda self: self.active is not None)
    @rule()
    def the_active_fails(self) -> None:
        self.step(f.LineFailed(self.now, self.active or 0, LOST))

    @rule()
    def the_person_speaks(self) -> None:
        self.step(f.VoiceHeard(self.now))

    @rule(due=st.booleans())
    def the_turn_is_committed(self, due: bool) -> None:
        self.step(f.Committed(self.now, due))

    @rule(fact=st.sampled_from([f.Transcribed, f.Cleared, f.HandoffRequested]))
    def the_floor_changes(self, fact: type) -> None:
        self.step(fact(self.now))

    @rule()
    def a_reply_is_wanted(self) -> None:
        if self.gave_up:
            return
        self.asked += 1
        name = f"r{self.asked}"
        self.replies[name] = self.active
        self.step(f.ReplyAsked(self.now, name, self.active))

    @precondition(lambda self: bool(self.replies))
    @rule(data=st.data(), what=st.sampled_from(["moves", "fails", "over"]))
    def a_reply_goes_on(self, data: st.DataObject, what: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.replies)))
        if what == "moves":
            self.step(f.ReplyProgressed(self.now, name))
        elif what == "over":
            del self.replies[name]
            self.step(f.ReplyOver(self.now, name))
        elif self.replies[name] is not None:
            self.step(f.ReplyFailed(self.now, name, Failure(Kind.BUSY, "by chance")))

    @rule(items=st.integers(0, 80))
    def it_grows(self, items: int) -> None:
        self.step(f.ContextGrew(self.now, items))

    @rule()
    def it_is_outdated(self) -> None:
        self.step(f.LineOutdated(self.now, self.core.coming or 0))

    @invariant()
    def it_agrees(self) -> None:
        assert self.core.over == self.gave_up
        if not self.gave_up:
            assert self.core.active == self.active
            assert self.core.deadline() is not None or self.active is not None
            assert self.open <= {self.active, self.core.coming, *self.replies.values()}
        else:
            assert not self.open


Calls.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCalls = Calls.TestCase
