"""The conversation as it was heard, from which a session that takes over is given its past.

No provider keeps that: after an interruption its own record has words nobody heard, or none at all. It is
a list of livekit's chat items with their own ids, which are kept from session to session. `version` grows
with each change that a session given an earlier version has to be told of.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from livekit import rtc
from livekit.agents import llm

__all__ = ["Cut", "Ledger", "shortened"]

_EXTRA = ("agent_handoff", "agent_config_update")  # notes of livekit-agents, not conversation


@dataclass(frozen=True, slots=True)
class Cut:
    """What a compaction takes out of a conversation."""

    ids: frozenset[str]
    """Of the items that go."""
    summary: tuple[llm.ChatItem, ...]
    """What stands at its beginning instead."""


class Ledger:
    """The conversation."""

    def __init__(self) -> None:
        self._items: list[llm.ChatItem] = []
        self._by_id: dict[str, llm.ChatItem] = {}
        self._spoken_s: dict[str, float] = {}
        self._forgotten: set[str] = set()
        self.version = 0
        """Grows with each change."""

    def __len__(self) -> int:
        return len(self._items)

    def context(self) -> llm.ChatContext:
        """All of it that was not forgotten, as copies of the items."""
        return llm.ChatContext([_copy(item) for item in self._items])

    def get(self, item_id: str) -> llm.ChatItem | None:
        """An item by its id."""
        return self._by_id.get(item_id)

    def replace(self, context: llm.ChatContext) -> None:
        """The application's version of it; what was forgotten stays so."""
        self._set(
            [
                _copy(item)
                for item in context.items
                if item.id not in self._forgotten and item.type not in _EXTRA and not _is_instructions(item)
            ]
        )

    def place(self, item: llm.ChatItem, after: str | None) -> bool:
        """A message that a session made. Returns whether it is new."""
        if item.id in self._forgotten or self.get(item.id) is not None:
            return False
        # Nearly always the last.
        at = next((i for i in reversed(range(len(self._items))) if self._items[i].id == after), None)
        self._add(_copy(item), len(self._items) if at is None else at + 1)
        return True

    def user_said(self, item_id: str, text: str) -> bool:
        """A transcript. Returns whether it is news: the message had none."""
        item = self.get(item_id)
        if item is None:
            self._add(llm.ChatMessage(id=item_id, role="user", content=[text]))
        elif item.type == "message" and not item.raw_text_content:
            item.content = [text]
        else:
            return False
        self.version += 1
        return True

    def agent_said(self, item_id: str, text: str, audio_s: float) -> None:
        """A message of the agent's, as far as it was passed on."""
        self._spoken_s[item_id] = audio_s
        item = self.get(item_id)
        if item is None:
            self._add(llm.ChatMessage(id=item_id, role="assistant", content=[text] if text else []))
        elif item.type == "message" and (item.raw_text_content or "") != text:
            item.content = [text]
        else:
            return
        self.version += 1

    def agent_heard(self, item_id: str, text: str | None, audio_s: float) -> llm.ChatItem | None:
        """A message of the agent's was cut; nothing heard of it removes it.

        Args:
            item_id: Its id.
            text: What was heard; when None it is taken from the share of the sound.
            audio_s: Sound that was heard, s.

        Returns:
            What is left of it.
        """
        item = self.get(item_id)
        if item is None or item.type != "message":
            return None
        if text is None:
            text = _share(item.raw_text_content or "", audio_s, self._spoken_s.get(item_id, 0.0))
        if not text:
            self.drop(item_id)
            return None
        self.version += 1
        item.content, item.interrupted = [text], True
        return item

    def called(self, call: llm.FunctionCall) -> None:
        """The agent called a tool; its arguments are complete."""
        known = self.get(call.id)
        if known is not None and known.type == "function_call":
            known.arguments = call.arguments
        else:
            self._add(_copy(call))
        self.version += 1

    def drop(self, item_id: str) -> None:
        """A message that nobody heard."""
        if item_id in self._by_id:
            self._set([item for item in self._items if item.id != item_id])

    def touch(self) -> None:
        """What a session is to be given changed, though no item did."""
        self.version += 1

    def forget(self, cut: Cut) -> None:
        """The conversation begins with a summary now, or just later."""
        self._forgotten |= cut.ids
        self._set([*map(_copy, cut.summary), *(i for i in self._items if i.id not in cut.ids)])

    def cut_to(self, kept: llm.ChatContext) -> Cut:
        """What has to be forgotten for the conversation to be ``kept``."""
        known, left = {item.id for item in self._items}, {item.id for item in kept.items}
        return Cut(frozenset(known - left), tuple(i for i in kept.items if i.id not in known))

    def seed(
        self,
        *,
        cut: Cut | None = None,
        leave_out: Collection[str] = (),
        audio_of: Callable[[str], list[rtc.AudioFrame] | None] = lambda _: None,
    ) -> llm.ChatContext:
        """What a fresh session is given.

        A person's message without words is given as its sound, where that was kept, and else left out, as
        is a tool call without arguments.

        Args:
            cut: What is to be forgotten with it.
            leave_out: Messages that are replayed as sound instead.
            audio_of: The sound of a person's message.
        """
        items: list[llm.ChatItem] = [*cut.summary] if cut is not None else []
        for item in self._items:
            if item.id in leave_out or (cut is not None and item.id in cut.ids):
                continue
            if item.type == "function_call" and not item.arguments:
                continue
            if item.type == "message" and _empty(item):
                frames = audio_of(item.id) if item.role == "user" else None
                if not frames:
                    continue
                item = item.model_copy(update={"content": [llm.AudioContent(frame=frames)]})
            items.append(_copy(item))
        return llm.ChatContext(items)

    def _set(self, items: list[llm.ChatItem]) -> None:
        self._items = items
        self._by_id = {item.id: item for item in items}
        self.version += 1

    def _add(self, item: llm.ChatItem, at: int | None = None) -> None:
        self._items.insert(len(self._items) if at is None else at, item)
        self._by_id[item.id] = item
        self.version += 1

    def __iter__(self) -> Iterator[llm.ChatItem]:
        return iter(self._items)


def shortened(context: llm.ChatContext, share: float) -> llm.ChatContext:
    """The newest part of a conversation, and what the application put in as system messages.

    It begins with a message, and holds no result of a tool whose call is not in it.

    Args:
        context: The conversation.
        share: Of its items that is kept, 0 to 1.
    """
    items = context.items
    start = len(items) - max(round(len(items) * share), 1)
    while start < len(items) and not (items[start].type == "message" and _role(items[start]) == "user"):
        start += 1
    if start == len(items):  # no turn of the person's in it: a round number instead
        start = len(items) - max(round(len(items) * share), 1)
    kept = [item for item in items[:start] if _role(item) in ("system", "developer")]
    tail = items[start:]
    calls = {item.call_id for item in tail if item.type == "function_call"}
    tail = [item for item in tail if item.type != "function_call_output" or item.call_id in calls]
    return llm.ChatContext([*kept, *tail])


def _role(item: llm.ChatItem) -> str:
    return item.role if item.type == "message" else ""


def _is_instructions(item: llm.ChatItem) -> bool:
    # livekit-agents keeps the agent's instructions under this id; sessions get them as such.
    return item.id == "lk.agent_task.instructions"


def _share(text: str, heard_s: float, whole_s: float) -> str:
    if whole_s <= 0 or heard_s >= whole_s:
        return text if heard_s > 0 else ""
    count = int(len(text) * heard_s / whole_s)
    end = text.find(" ", count)
    return text if end < 0 else text[:end] if count else ""


def _empty(item: llm.ChatMessage) -> bool:
    return not any(item.content)


def _copy(item: llm.ChatItem) -> llm.ChatItem:
    """With a list of its own: plugins append the transcript to the one they hold."""
    if item.type == "message":
        return item.model_copy(update={"content": list(item.content)})
    return item.model_copy()
