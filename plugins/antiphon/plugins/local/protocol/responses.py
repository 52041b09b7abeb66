"""The responses in progress: which there are, what they wait for, how they end.

One at a time writes to the default conversation; any number, within reason, runs out of band. A response
that needs user audio still with the ears is announced at once and started when they have heard it. The
engines' results for a response that is over change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from antiphon.plugins.local.engines import BrainRequest, CutReason, Samples
from antiphon.plugins.local.protocol.config import response_settings
from antiphon.plugins.local.protocol.conversation import Conversation, Item, checked, public
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.outputs import CancelReply, Outbox, Refusal, StartReply, Transcribe
from antiphon.plugins.local.protocol.playout import Playout
from antiphon.plugins.local.protocol.response import Response

__all__ = ["Responses"]

_MAX_OUT_OF_BAND = 32  # chosen: bounds one session's work


class Responses:
    """The responses of one session.

    Args:
        conversation: The default conversation.
        conversation_id: Its id.
        hearing: The ears' work.
        outbox: Takes what is to be done.
        new_id: Makes an id with a prefix.
        await_ears: Whether a reply waits until its audio has been heard.
        playout: Where sound goes; None for into events.
    """

    def __init__(
        self,
        conversation: Conversation,
        conversation_id: str,
        hearing: Hearing,
        outbox: Outbox,
        new_id: Callable[[str], str],
        *,
        await_ears: bool,
        playout: Playout | None = None,
    ) -> None:
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._hearing = hearing
        self._outbox = outbox
        self._new_id = new_id
        self._await_ears = await_ears
        self._playout = playout
        self._active: dict[str, Response] = {}
        self._waiting: dict[str, list[Item]] = {}
        self.default: Response | None = None
        """The one that writes to the default conversation."""
        self.spoke = False
        """Whether any has produced audio."""

    def create(self, session: Mapping[str, Any], given: object) -> Response:
        """Announces a response, and starts it if it has nothing to wait for.

        Args:
            session: The session's settings.
            given: The ``response`` of a ``response.create``; None for all as the session has it.

        Raises:
            Refusal: It asks for what cannot be, or another one writes to the conversation.
        """
        settings = response_settings(session, given)
        out_of_band = settings["conversation"] == "none"
        if not out_of_band and self.default is not None:
            raise Refusal(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self.default.id}. Wait until the response is finished before creating a new one.",
            )
        if out_of_band and len(self._active) >= _MAX_OUT_OF_BAND:
            raise Refusal("rate_limit_exceeded", f"At most {_MAX_OUT_OF_BAND} responses at a time.")
        items = self._items(settings["input"], session["audio"]["input"])
        response = Response(
            self._new_id("resp"),
            settings,
            None if out_of_band else self._conversation,
            None if out_of_band else self._conversation_id,
            self._outbox.emit,
            self._new_id,
            self._playout,
        )
        self._active[response.id] = response
        if not out_of_band:
            self.default = response
        response.start()
        self._outbox.emit(
            "rate_limits.updated",
            rate_limits=[{"name": "requests", "limit": 1000, "remaining": 999, "reset_seconds": 0.06}],
        )
        self._waiting[response.id] = items
        self.start_ready()
        return response

    def get(self, response_id: str) -> Response | None:
        """The response of that id, while it is in progress."""
        return self._active.get(response_id)

    def start_ready(self) -> None:
        """Starts the responses whose audio has been heard, or will not be: its item was deleted."""
        for response_id, items in list(self._waiting.items()):
            if self._await_ears and any(self._hearing.awaits(item) for item in items):
                continue
            del self._waiting[response_id]
            self._start(self._active[response_id], items)

    # What replies are made of. Each may be more than the response's limit of tokens, which ends it.

    def text(self, response_id: str, delta: str) -> None:
        """Words of a reply."""
        if response := self._active.get(response_id):
            response.text(delta)
            self._heed_limit(response)

    def sound(self, response_id: str, samples: Samples) -> None:
        """Audio of a reply, int16 at 24 kHz."""
        if response := self._active.get(response_id):
            response.sound(samples)
            self.spoke = self.spoke or response.spoke
            self._heed_limit(response)

    def tool(self, response_id: str, name: str, arguments: str) -> None:
        """A tool call of a reply."""
        if response := self._active.get(response_id):
            response.tool(name, arguments)
            self._heed_limit(response)

    # How they end.

    def cut_short(self, response_id: str, reason: CutReason) -> None:
        """Ends one as incomplete, and the work behind it."""
        self._outbox.do(CancelReply(response_id))
        self.finish(response_id, "incomplete", {"type": "incomplete", "reason": reason})

    def cancel(self, response: Response, reason: str) -> None:
        """Ends one as cancelled, and the work behind it."""
        self._outbox.do(CancelReply(response.id))
        self.finish(response.id, "cancelled", {"type": "cancelled", "reason": reason})

    def cancel_work(self) -> None:
        """Ends the work behind all of them, without a word to the client."""
        self._outbox.do(*(CancelReply(response_id) for response_id in self._active))

    def finish(self, response_id: str, status: str, details: Mapping[str, Any] | None = None) -> None:
        """Ends one."""
        response = self._active.pop(response_id, None)
        self._waiting.pop(response_id, None)
        if response is None:
            return
        response.finish(status, details)
        if response is self.default:
            self.default = None

    def _heed_limit(self, response: Response) -> None:
        if response.cut:
            self.cut_short(response.id, "max_output_tokens")

    def _items(self, given: object, inputs: Mapping[str, Any]) -> list[Item]:
        """The items a response sees: those it names, else the whole conversation."""
        if given is None:
            return list(self._conversation)
        assert isinstance(given, list)
        items: list[Item] = []
        inlined: list[Item] = []
        jobs: list[Transcribe] = []
        for entry in given:
            if isinstance(entry, dict) and entry.get("type") == "item_reference":
                items.append(
                    self._conversation.get(entry.get("id"), "item_reference_invalid_item_id", "referencing")
                )
            else:
                # An id of its own, whatever it came with: it must not be taken for another's.
                inline = Item({**checked(entry, ""), "id": self._new_id("item")})
                if work := self._hearing.work(inline, inputs):
                    inlined.append(inline)
                    jobs += work
                items.append(inline)
        self._hearing.bring_along(inlined)
        self._outbox.do(*jobs)
        return items

    def _start(self, response: Response, items: list[Item]) -> None:
        settings = response.settings
        response.tokens.read(settings["instructions"] or "", items)
        limit, voice = settings["max_output_tokens"], settings["output"]["voice"]
        request = BrainRequest(
            instructions=settings["instructions"] or "",
            items=[public(item) for item in items],
            tools=[tool for tool in settings["tools"] if tool["type"] == "function"],
            tool_choice=settings["tool_choice"],
            metadata=settings["metadata"] or {},
            max_output_tokens=None if limit == "inf" else limit,
        )
        name = voice if isinstance(voice, str) else str(voice.get("id"))
        self._outbox.do(StartReply(response.id, request, response.audio, name))
