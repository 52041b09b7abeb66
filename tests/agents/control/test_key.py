"""The key, with a media plane that notes what a controller would."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import cast

import pytest

from antiphon.agents import timeline as tl
from antiphon.agents.control import key as module
from antiphon.agents.control.key import TalkKey
from antiphon.agents.errors import MisuseError
from antiphon.agents.media.call import MediaCall
from antiphon.agents.media.thread import MediaThread
from antiphon.agents.options import TurnTaking

KEY = TurnTaking(push_to_talk=True, press_min_s=0.0)


class Plane:
    """Answers on the media thread with the notes it was given."""

    def __init__(self, timeline: tl.Timeline) -> None:
        self.timeline = timeline
        self.done: list[str] = []
        self.notes: dict[str, list[tl.Event]] = {}
        self.voice_at = 0.0

    def _do(self, name: str) -> None:
        self.done.append(name)
        MediaThread.shared().call(self._note, name)

    def _note(self, name: str) -> None:
        for event in self.notes.get(name, []):
            self.timeline.append(event)

    def press_turn(self) -> None:
        self._do("press")

    def release_turn(self) -> None:
        self._do("release")

    def cancel_turn(self) -> None:
        self._do("cancel")


@pytest.fixture
async def timeline() -> tl.Timeline:
    return tl.Timeline()


@pytest.fixture
def plane(timeline: tl.Timeline) -> Plane:
    return Plane(timeline)


@pytest.fixture
def options() -> list[TurnTaking]:
    return [KEY]


@pytest.fixture
async def key(timeline: tl.Timeline, plane: Plane, options: list[TurnTaking]) -> AsyncIterator[TalkKey]:
    made = TalkKey(cast("MediaCall", plane), MediaThread.shared(), timeline, lambda: options[0])
    yield made
    made.close()


async def test_a_press_and_a_release_say_what_was_done(
    key: TalkKey, plane: Plane, timeline: tl.Timeline
) -> None:
    plane.notes = {
        "press": [tl.Hold(time.monotonic() + 60, 500)],
        "release": [tl.SpeechEnded(2.0, 2.0, 1.0), tl.Commit(2.0, 2.0, 1.25)],
    }
    pressed = await key.press("rpc")
    assert (pressed.done, pressed.silenced) == ("pressed", True)
    released = await key.release("rpc")
    assert (released.done, released.audio_s) == ("committed", 1.25)
    assert released.to_dict()["done"] == "committed"
    assert not key.down
    (press,), (release,) = timeline.of(tl.Press), timeline.of(tl.Release)
    assert (press.by, release.by, release.cancelled) == ("rpc", "rpc", False)
    assert release.held_s == pytest.approx(release.at - press.at)


async def test_a_second_press_and_a_release_of_nothing_do_nothing(key: TalkKey, plane: Plane) -> None:
    assert (await key.release()).done == "nothing"
    await key.press()
    again = await key.press()
    assert (again.done, again.reason) == ("nothing", "the key was down already")
    assert plane.done == ["press"]


async def test_with_an_open_microphone_a_press_is_refused(key: TalkKey, options: list[TurnTaking]) -> None:
    options[0] = TurnTaking()
    with pytest.raises(MisuseError, match="push-to-talk is off"):
        await key.press()


async def test_what_was_dropped_says_why(
    key: TalkKey, plane: Plane, timeline: tl.Timeline, options: list[TurnTaking]
) -> None:
    plane.notes = {"cancel": [tl.Discard(1.0, "cancelled", 0.4)]}
    await key.press()
    cancelled = await key.cancel()
    assert (cancelled.done, cancelled.reason, cancelled.audio_s) == ("dropped", "cancelled", 0.4)
    assert timeline.of(tl.Release)[0].cancelled
    options[0] = TurnTaking(push_to_talk=True, press_min_s=0.2)
    await key.press()
    assert (await key.release()).reason == "pressed too shortly"
    options[0] = KEY
    await key.press()
    assert (await key.release()).done == "waiting"  # neither committed nor dropped: over what is protected


async def test_a_press_that_the_controller_ends_is_over(
    key: TalkKey, plane: Plane, timeline: tl.Timeline
) -> None:
    await key.press()
    over = asyncio.Event()
    timeline.subscribe(lambda event: over.set() if isinstance(event, tl.Release) else None)
    MediaThread.shared().call(timeline.append, tl.SpeechEnded(9.0, 9.0, 60.0))
    await asyncio.wait_for(over.wait(), 5)
    assert not key.down
    assert timeline.of(tl.Release)[0].by == "limit"
    assert (await key.release()).done == "nothing"


async def test_the_end_of_a_release_does_not_end_the_press_after_it(key: TalkKey, plane: Plane) -> None:
    plane.notes = {"release": [tl.SpeechEnded(1.0, 1.0, 1.0)]}
    await key.press()
    releasing = asyncio.create_task(key.release())
    await asyncio.sleep(0)  # it is on its way to the media plane
    pressed = await key.press()
    await releasing
    assert pressed.done == "pressed"
    assert key.down
    assert plane.done == ["press", "release", "press"]


async def test_a_release_amid_a_word_waits_for_it_and_a_press_for_nothing(
    key: TalkKey, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ON_ITS_WAY_S", 30.0)
    await key.press()
    plane.voice_at = time.monotonic()
    releasing = asyncio.create_task(key.release())
    await asyncio.sleep(0)
    assert plane.done == ["press"]
    assert not key.down
    await key.press()  # does not wait for it, and comes after it
    await releasing
    assert plane.done == ["press", "release", "press"]


async def test_a_cancel_waits_for_nothing(
    key: TalkKey, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ON_ITS_WAY_S", 30.0)
    await key.press()
    plane.voice_at = time.monotonic()
    await key.cancel()
    assert plane.done == ["press", "cancel"]


async def test_an_opened_microphone_ends_the_press(key: TalkKey, timeline: tl.Timeline) -> None:
    await key.press()
    key.opened()
    key.opened()
    assert not key.down
    assert len(timeline.of(tl.Release)) == 1


async def test_an_early_press_is_followed_up_by_the_one_that_is_answered(
    key: TalkKey, plane: Plane, timeline: tl.Timeline
) -> None:
    key.press_early()
    assert key.down
    at = time.monotonic()
    timeline.append(tl.Hold(at, 500))  # before the application's loop had a moment
    pressed = await key.press("rpc")
    assert (pressed.done, pressed.silenced) == ("pressed", True)
    assert timeline.of(tl.Press)[0].at <= at
    assert plane.done == ["press", "press"]  # the second finds the key down
    key.press_early()
    assert plane.done == ["press", "press"]
    await key.release()
    assert not key.down


async def test_an_early_press_that_nobody_follows_up_can_be_released(
    key: TalkKey, plane: Plane, options: list[TurnTaking]
) -> None:
    key.press_early()
    await key.cancel("left")
    assert not key.down
    assert plane.done == ["press", "cancel"]
    options[0] = TurnTaking()
    key.press_early()
    assert plane.done == ["press", "cancel"]
