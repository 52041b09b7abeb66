"""The session: a client's events and the engines' results in, server events and effects out.

Here are the settings, the client's events, and whose turn it is; the conversation and its items, the input
buffer, the ears' work, the responses in progress and the track are each a part of their own. What any of
them has to say goes into one `Outbox`, and what the caller gets is what has come into it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec

from antiphon.plugins.local.engines import RATE_HZ, CutReason, Heard, Samples
from antiphon.plugins.local.protocol.audio import decode
from antiphon.plugins.local.protocol.config import default_session, merge_session
from antiphon.plugins.local.protocol.conversation import Conversation
from antiphon.plugins.local.protocol.hearing import Hearing
from antiphon.plugins.local.protocol.inbox import Inbox, SpeechStarted, Turn
from antiphon.plugins.local.protocol.items import Items
from antiphon.plugins.local.protocol.outputs import Close, Outbox, Output, Refusal, Send
from antiphon.plugins.local.protocol.playout import Playout
from antiphon.plugins.local.protocol.response import Response
from antiphon.plugins.local.protocol.responses import Responses

__all__ = ["Core"]

P = ParamSpec("P")
Handler = Callable[["Core", Mapping[str, Any], float], None]

EXPIRED = "Your session hit the maximum duration of {minutes:g} minutes."
_COMMON = {"type", "event_id"}  # keys of every event


class Core:
    """One session.

    Args:
        model: The name the client asked for.
        new_id: Makes an id with a prefix, e.g. ``item`` -> ``item_3f…``.
        now: s, monotonic, when the session begins.
        wall: Unix time at ``now``.
        limit_s: The session's longest duration, s.
        await_ears: Whether a reply waits until its audio has been heard, as a cascade's brain must. Else
            transcripts come when they come, as from a model that hears for itself.
        track: Whether audio travels on a track each way, as over WebRTC, and not in events.
        settings: Of the session, as in a ``session.update``, before it begins.

    Raises:
        Refusal: Something of ``settings`` cannot be.
    """

    def __init__(
        self,
        *,
        model: str,
        new_id: Callable[[str], str],
        now: float,
        wall: float,
        limit_s: float,
        await_ears: bool = True,
        track: bool = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self._new_id = new_id
        self._limit_s = limit_s
        self._ends_at = now + limit_s
        self._outbox = Outbox(new_id)
        self._emit = self._outbox.emit
        self._drain = self._outbox.drain
        self.session = default_session(new_id("sess"), model, int(wall + limit_s))
        if settings is not None:
            self.session = merge_session(self.session, settings, has_spoken=False)
        self._conversation_id = new_id("conv")
        self.conversation = Conversation()
        self._hearing = Hearing(self.conversation, self._outbox)
        self._items = Items(self.conversation, self._hearing, self._outbox, new_id)
        self._playout = Playout(self._outbox) if track else None
        self._responses = Responses(
            self.conversation,
            self._conversation_id,
            self._hearing,
            self._outbox,
            new_id,
            await_ears=await_ears,
            playout=self._playout,
        )
        self._inbox = Inbox(self._outbox, new_id)
        self._idle_at: float | None = None
        self._spoken_until = now
        self._closed = False
        self._set_detection()

    @property
    def detects_turns(self) -> bool:
        """Whether speech is looked for; else the shell forgets what it has not looked through."""
        return self._inbox.detection is not None

    def start(self) -> tuple[Output, ...]:
        """What a new session is greeted with."""
        self._emit("session.created", session=self.session)
        self._emit(
            "conversation.created",
            conversation={"id": self._conversation_id, "object": "realtime.conversation"},
        )
        if self.session["tools"]:
            self._list_tools(self.session["tools"])
        return self._drain()

    def joined(self) -> Send:
        """What another connection to the session is greeted with."""
        return Send(
            {
                "type": "session.created",
                "event_id": self._new_id("event"),
                "session": copy.deepcopy(self.session),
            }
        )

    def hear(self, audio: Samples) -> tuple[Output, ...]:
        """Audio from the client's track, int16 at 24 kHz."""
        if not self._closed:
            self._inbox.append(audio)
        return self._drain()

    def played(self, position: int) -> tuple[Output, ...]:
        """The track to the client has come so far, samples; what was dropped counts as passed."""
        if self._playout is not None:
            self._playout.played(position)
        return self._drain()

    def handle(self, event: object, now: float) -> tuple[Output, ...]:
        """A client's event, decoded from JSON."""
        if self._closed:
            return ()
        client_id = event.get("event_id") if isinstance(event, dict) else None
        try:
            if not isinstance(event, dict) or not isinstance(event.get("type"), str):
                raise Refusal("invalid_event", "An event is a JSON object with a 'type'.", "type")
            if event["type"] not in self._HANDLERS:
                raise Refusal("invalid_value", f"Invalid value: '{event['type']}'.", "type")
            handler, keys = self._HANDLERS[event["type"]]
            if unknown := next((key for key in event if key not in keys | _COMMON), None):
                raise Refusal("unknown_parameter", f"Unknown parameter: '{unknown}'.", unknown)
            handler(self, event, now)
        except Refusal as refusal:
            self._error(refusal, client_id if isinstance(client_id, str) else None)
        except RecursionError:  # JSON may nest deeper than what copies it
            deep = Refusal("invalid_event", "The event is nested too deeply.")
            self._error(deep, client_id if isinstance(client_id, str) else None)
        return self._drain()

    def refuse(self, message: str) -> tuple[Output, ...]:
        """Something came that was no event at all."""
        self._error(Refusal("invalid_event", message), None)
        return self._drain()

    def speech(self, probability: float, end_ms: int, now: float) -> tuple[Output, ...]:
        """The speech probability of a 32 ms window of input that ends at ``end_ms``."""
        if self._closed:
            return ()
        found = self._inbox.speech(probability, end_ms)
        settings = self._inbox.detection or {}
        if isinstance(found, SpeechStarted):
            self._idle_at = None
            if settings["interrupt_response"]:
                self._silence(now)
                if current := self._responses.default:
                    self._cancel(current, "turn_detected", now)
        elif found is not None:
            self._commit(found)
            if settings["create_response"]:
                self._answer(now)
        return self._drain()

    def deadline(self) -> float:
        """When to call `tick`, s; never, once the session is over."""
        if self._closed:
            return math.inf
        return self._ends_at if self._idle_at is None else min(self._ends_at, self._idle_at)

    def tick(self, now: float) -> tuple[Output, ...]:
        """A deadline passed."""
        if self._closed:
            return ()
        if now >= self._ends_at:
            return self.expire()
        if self._idle_at is not None and now >= self._idle_at:
            self._idle_at = None
            self._commit(self._inbox.time_out())
            self._answer(now)
        return self._drain()

    def expire(self) -> tuple[Output, ...]:
        """Ends the session as its limit does."""
        self._error(Refusal("session_expired", EXPIRED.format(minutes=self._limit_s / 60)), None)
        self._responses.cancel_work()
        self._outbox.do(Close(1001, "session_expired"))
        self._closed = True
        return self._drain()

    # The engines' results. Those of a response that is over change nothing.

    def heard(self, item_id: str, heard: Heard, seconds: float, now: float) -> tuple[Output, ...]:
        """The ears are through with an item."""
        self._hearing.heard(item_id, heard.text, seconds, self.session["audio"]["input"])
        self._responses.start_ready()
        return self._drain()

    def deaf(self, item_id: str, message: str, now: float) -> tuple[Output, ...]:
        """The ears failed on an item."""
        self._hearing.deaf(item_id, message, self.session["audio"]["input"])
        self._responses.start_ready()
        return self._drain()

    def reply_text(self, response_id: str, delta: str, now: float) -> tuple[Output, ...]:
        """Words of a reply."""
        self._reply(now, self._responses.text, response_id, delta)
        return self._drain()

    def reply_audio(self, response_id: str, samples: Samples, now: float) -> tuple[Output, ...]:
        """Audio of a reply, int16 at 24 kHz."""
        if self._responses.get(response_id):
            self._spoken_until = max(self._spoken_until, now) + len(samples) / RATE_HZ
        self._reply(now, self._responses.sound, response_id, samples)
        return self._drain()

    def reply_tool(self, response_id: str, name: str, arguments: str, now: float) -> tuple[Output, ...]:
        """A tool call of a reply."""
        self._reply(now, self._responses.tool, response_id, name, arguments)
        return self._drain()

    def reply_next_message(self, response_id: str) -> tuple[Output, ...]:
        """What follows of a reply is another message."""
        if response := self._responses.get(response_id):
            response.end_message()
        return self._drain()

    def reply_cut(self, response_id: str, reason: CutReason, now: float) -> tuple[Output, ...]:
        """The brain had to stop."""
        self._reply(now, self._responses.cut_short, response_id, reason)
        return self._drain()

    def reply_done(self, response_id: str, now: float) -> tuple[Output, ...]:
        """A reply is complete."""
        self._reply(now, self._responses.finish, response_id, "completed")
        return self._drain()

    def reply_failed(self, response_id: str, code: str, message: str, now: float) -> tuple[Output, ...]:
        """A reply could not be made."""
        details = {"type": "failed", "error": {"type": "server_error", "code": code, "message": message}}
        self._reply(now, self._responses.finish, response_id, "failed", details)
        return self._drain()

    # Client events.

    def _on_session_update(self, event: Mapping[str, Any], now: float) -> None:
        self.session = merge_session(self.session, event.get("session"), has_spoken=self._responses.spoke)
        self._set_detection()
        self._emit("session.updated", session=self.session)
        if "tools" in event["session"]:
            self._list_tools(self.session["tools"])

    def _on_append(self, event: Mapping[str, Any], now: float) -> None:
        if self._playout is not None:
            raise Refusal("invalid_value", "The audio of this session comes on its WebRTC track.", "type")
        self._inbox.append(decode(event.get("audio"), self.session["audio"]["input"]["format"]))

    def _on_commit(self, event: Mapping[str, Any], now: float) -> None:
        self.conversation.make_room()
        self._commit(self._inbox.commit())

    def _on_clear(self, event: Mapping[str, Any], now: float) -> None:
        self._inbox.clear()

    def _on_item_create(self, event: Mapping[str, Any], now: float) -> None:
        self._items.create(event, self.session["audio"]["input"])

    def _on_item_retrieve(self, event: Mapping[str, Any], now: float) -> None:
        self._items.retrieve(event)

    def _on_item_truncate(self, event: Mapping[str, Any], now: float) -> None:
        self._items.truncate(event)

    def _on_item_delete(self, event: Mapping[str, Any], now: float) -> None:
        self._items.delete(event)
        self._responses.start_ready()

    def _on_response_create(self, event: Mapping[str, Any], now: float) -> None:
        self._respond(event.get("response"), now)

    def _on_response_cancel(self, event: Mapping[str, Any], now: float) -> None:
        wanted = event.get("response_id")
        response = self._responses.get(str(wanted)) if wanted is not None else self._responses.default
        if response is None:
            raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
        self._cancel(response, "client_cancelled", now)

    def _on_output_clear(self, event: Mapping[str, Any], now: float) -> None:
        if self._playout is None:
            text = "output_audio_buffer.clear is for WebRTC and SIP connections only."
            raise Refusal("invalid_value", text, "type")
        self._silence(now)

    # What each event may say besides its type and id; anything else is refused, as OpenAI's server does.
    _HANDLERS: ClassVar[dict[str, tuple[Handler, frozenset[str]]]] = {
        "session.update": (_on_session_update, frozenset({"session"})),
        "input_audio_buffer.append": (_on_append, frozenset({"audio"})),
        "input_audio_buffer.commit": (_on_commit, frozenset()),
        "input_audio_buffer.clear": (_on_clear, frozenset()),
        "conversation.item.create": (_on_item_create, frozenset({"item", "previous_item_id"})),
        "conversation.item.retrieve": (_on_item_retrieve, frozenset({"item_id"})),
        "conversation.item.truncate": (
            _on_item_truncate,
            frozenset({"item_id", "content_index", "audio_end_ms"}),
        ),
        "conversation.item.delete": (_on_item_delete, frozenset({"item_id"})),
        "response.create": (_on_response_create, frozenset({"response"})),
        "response.cancel": (_on_response_cancel, frozenset({"response_id"})),
        "output_audio_buffer.clear": (_on_output_clear, frozenset()),
    }

    # Turns.

    def _set_detection(self) -> None:
        settings = self.session["audio"]["input"]["turn_detection"]
        self._inbox.detect(settings)
        if not (settings or {}).get("idle_timeout_ms"):
            self._idle_at = None

    def _commit(self, turn: Turn) -> None:
        self._items.commit(turn, self.session["audio"]["input"])

    def _answer(self, now: float) -> None:
        """Replies to a turn, unless a reply is under way."""
        if self._responses.default is None:
            self._respond(None, now)

    # Responses.

    def _respond(self, given: object, now: float) -> None:
        response = self._responses.create(self.session, given)
        if response is self._responses.default:
            self._idle_at = None
        if isinstance(given, dict):
            self._list_tools(given.get("tools") or ())

    def _cancel(self, response: Response, reason: str, now: float) -> None:
        if response is self._responses.default:
            self._spoken_until = now  # the client drops what it has not played
        self._reply(now, self._responses.cancel, response, reason)

    def _silence(self, now: float) -> None:
        """Stops the track, if there is one; the idle time begins with the silence."""
        if self._playout is not None:
            self._playout.clear()
            if self._idle_at is not None:
                self._idle_at -= max(self._spoken_until - now, 0.0)
            self._spoken_until = min(self._spoken_until, now)

    def _reply(self, now: float, do: Callable[P, None], *args: P.args, **kw: P.kwargs) -> None:
        """Does what belongs to a reply. With the conversation's, the idle time begins, once it is played."""
        default = self._responses.default
        do(*args, **kw)
        idle = (self._inbox.detection or {}).get("idle_timeout_ms")
        if idle and default is not None and self._responses.default is None:
            self._idle_at = max(self._spoken_until, now) + idle / 1000

    def _list_tools(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """Tells, as the protocol does, that nobody here asks an MCP server for its tools."""
        for tool in tools:
            if tool["type"] == "mcp":
                item_id = self._new_id("item")
                for state in ("in_progress", "failed"):
                    self._emit(f"mcp_list_tools.{state}", item_id=item_id)

    # Sending.

    def _error(self, refusal: Refusal, client_id: str | None) -> None:
        self._emit(
            "error",
            error={
                "type": refusal.kind,
                "code": refusal.code,
                "message": refusal.message,
                "param": refusal.param,
                "event_id": client_id,
            },
        )
