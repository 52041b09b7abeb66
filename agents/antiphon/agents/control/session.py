"""`Controlled`: an `AgentSession` that can be steered while its call is on, and that counts what it uses.

The methods of `VoiceSession` that concern push-to-talk, live changes, usage and budget; the parts that do
the work are made when a call opens and closed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.events import EventTypes

from antiphon.agents import timeline as tl
from antiphon.agents.control.changes import LiveChanges
from antiphon.agents.control.key import KeyResult, TalkKey
from antiphon.agents.control.requests import Changes, check_remote, turn_taking_of
from antiphon.agents.control.room import RoomControl
from antiphon.agents.errors import MisuseError
from antiphon.agents.media.call import MediaCall
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.options import TurnTaking
from antiphon.agents.usage import Budget, PriceTable, UsageMeter, UsageReport
from antiphon.agents.usage.account import CallAccount

__all__ = ["Controlled"]

_T = TypeVar("_T")
_Events = EventTypes | Literal["budget_warning", "budget_reached"]


class Controlled(AgentSession[_T]):
    """See the module. Not to be made by itself: `VoiceSession` is."""

    turn_taking: TurnTaking
    """How turns are taken now."""
    timeline: tl.Timeline
    """What happened in the call."""
    _call: MediaCall | None
    _media: MediaThread

    def _set_up_control(
        self,
        remote_control: Collection[str],
        prices: PriceTable | str | Path | None,
        budget: Budget | None,
    ) -> None:
        self._remote = check_remote(remote_control)
        table = PriceTable.load(prices) if isinstance(prices, str | Path) else prices
        self._account = CallAccount(self, self.timeline, prices=table or PriceTable.shipped(), budget=budget)
        self._changes = LiveChanges(
            self, self.timeline, options=lambda: self.turn_taking, change_options=self._take_turns
        )
        self._key: TalkKey | None = None
        self._room_control: RoomControl | None = None

    def _open_control(self, room: rtc.Room, call: MediaCall) -> None:
        self._key = TalkKey(call, self._media, self.timeline, lambda: self.turn_taking)
        self._room_control = RoomControl(room, self._key, self._changes, self._remote)

    async def _close_control(self) -> None:
        if self._room_control is not None:
            await self._room_control.aclose()
        if self._key is not None:
            self._key.close()
        self._key = None
        await self._account.aclose()

    def on(self, event: _Events, callback: Callable[..., Any] | None = None) -> Callable[..., Any]:
        """As `AgentSession.on`; ``budget_warning`` and ``budget_reached`` come with a `BudgetNotice`."""
        made: Callable[..., Any] = super().on(cast("EventTypes", event), callback)
        return made

    # Push-to-talk.

    async def press_turn(self) -> KeyResult:
        """Push-to-talk: the key goes down. What the agent says is silenced at once; the person's turn begins,
        with what they said in the ``pre_roll_s`` before. Nothing if it is down already.

        Raises:
            MisuseError: Push-to-talk is off, or there is no call.
        """
        return await self._talk_key.press()

    async def release_turn(self) -> KeyResult:
        """Push-to-talk: the key goes up, and the turn is answered. A press under ``press_min_s`` was none.

        Raises:
            MisuseError: There is no call.
        """
        return await self._talk_key.release()

    async def cancel_turn(self) -> KeyResult:
        """Push-to-talk: the key goes up, and what was said since the press is dropped.

        Raises:
            MisuseError: There is no call.
        """
        return await self._talk_key.cancel()

    @property
    def _talk_key(self) -> TalkKey:
        if self._key is None:
            raise MisuseError("there is no call to talk in", hint="Await start(agent, room=...) first.")
        return self._key

    # Changes.

    def update_turn_taking(self, turn_taking: TurnTaking | str) -> None:
        """Takes turns otherwise from now on, mid-speech too; noted in the timeline.

        Args:
            turn_taking: All of it, or a policy's name, which leaves push-to-talk as it is.

        Raises:
            ConfigError: There is no such policy.
        """
        if isinstance(turn_taking, str):
            changes = Changes(policy=turn_taking)
        else:
            changes = Changes(turn_taking=turn_taking)
        self._changes.take_turns(turn_taking_of(self.turn_taking, changes), "application")

    async def change(
        self,
        *,
        instructions: str | None = None,
        tools: Mapping[str, bool] | None = None,
        voice: str | None = None,
        policy: str | None = None,
        turn_taking: TurnTaking | Mapping[str, object] | None = None,
        push_to_talk: bool | None = None,
    ) -> tuple[str, ...]:
        """Changes the call while it is on; waits until the model has taken what concerns it.

        Args:
            instructions: Of the current agent.
            tools: Of the current agent, by name: whether it has them.
            voice: Of the model. Most models allow it only before they have spoken.
            policy: A policy's name; leaves push-to-talk as it is.
            turn_taking: All of it, or the fields to change.
            push_to_talk: Whether a key takes turns.

        Returns:
            What was changed, of these names; without what was so already in turn taking.

        Raises:
            ConfigError: A value is wrong; nothing was changed.
            ModelRefused: The model refused, with its reason; turn taking stays as it was.
            ModelUnavailable: The model could not be told.
            MisuseError: The session is not running.
        """
        return await self._changes.apply(
            Changes(
                instructions=instructions,
                tools=tools,
                voice=voice,
                policy=policy,
                turn_taking=turn_taking,
                push_to_talk=push_to_talk,
            )
        )

    def _take_turns(self, options: TurnTaking) -> None:
        self.turn_taking = options
        if self._call is not None:
            self._call.change_options(options)
        if self._key is not None and not options.push_to_talk:
            self._key.opened()

    # Usage.

    @property
    def usage_meter(self) -> UsageMeter:
        """Counts what the call uses; give it the metrics of models that the session does not know of."""
        return self._account.meter

    @property
    def usage_report(self) -> UsageReport:
        """What the call used so far, and what that costs."""
        return self._account.report
