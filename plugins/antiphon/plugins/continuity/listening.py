"""What a line tells: its events, read, and passed on to the application as one session's.

Ids are turned into the conversation's; what the application was told before, by another session, is not
told again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from livekit.agents import llm
from livekit.agents.metrics import RealtimeModelMetrics

from antiphon.agents.logs import get_logger
from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.exchange import Exchange
from antiphon.plugins.continuity.failures import CODES, Failure, Kind, classify
from antiphon.plugins.continuity.flood import Flood
from antiphon.plugins.continuity.line import RAW, Line
from antiphon.plugins.continuity.replies import Replies

__all__ = ["Listening"]

log = get_logger(__name__)

_EVENTS_MOST, _EVENTS_S = 3000, 3.0  # of the wire; ten times what a reply at 8 times real time makes; chosen
_ERRORS_MOST, _ERRORS_S = 50, 10.0  # chosen
_BEGUN_MOST, _BEGUN_S = 20, 10.0  # replies that nobody asked for; chosen
_SKEW_S = 5.0  # s; an end nearer than this is a clock that is off, and not believed; chosen


class Emit(Protocol):
    """The session's `emit`."""

    def __call__(self, event: Any, /, *args: Any) -> None: ...


class Listening:
    """Handlers for the events of one call's lines.

    Args:
        exchange: The lines.
        replies: Of the call.
        emit: Emits to the application.
    """

    def __init__(self, exchange: Exchange, replies: Replies, emit: Emit) -> None:
        self._exchange = exchange
        self._replies = replies
        self._emit = emit

    def handlers(self, line: Line) -> dict[str, Callable[[Any], None]]:
        """What listens to a line."""
        ears = _Ears(line)
        return {
            "error": lambda event: self._error(ears, event),
            "generation_created": lambda event: self._begun(ears, event),
            "input_speech_started": lambda event: self._speech(line, event),
            "input_speech_stopped": lambda event: self._stopped(line, event),
            "input_audio_transcription_completed": lambda event: self._transcribed(line, event),
            "remote_item_added": lambda event: self._item(line, event),
            "metrics_collected": lambda event: self._metrics(line, event),
            "session_reconnected": lambda _: self._reconnected(line),
            RAW: lambda event: self._raw(ears, event),
        }

    def _is_active(self, line: Line) -> bool:
        return line is self._exchange.active

    # Its health.

    def _error(self, ears: _Ears, event: llm.RealtimeModelError) -> None:
        line, exchange = ears.line, self._exchange
        failure = classify(event.error, recoverable=event.recoverable, live=line.live)
        if failure.recovery.leaves:
            exchange.fail(line.number, failure)
            if not exchange.over:
                self._emit("error", event.model_copy(update={"recoverable": True}))
            return
        exchange.counters.errors_passed += 1
        if ears.errors.add(exchange.now):
            exchange.fail(line.number, Failure(Kind.CONFUSED, "it floods the call with errors"))
            return
        for reply in self._replies.of_line(line):
            reply.suspect = failure
        log.info("a session reported an error and goes on", code=failure.code, reason=failure.reason)
        self._emit("error", event)

    def _reconnected(self, line: Line) -> None:
        # Its own way of reconnecting replays its own record, in which words stand that nobody heard, and
        # loses the speech that was not committed. So it is left, as any session that dropped.
        self._exchange.fail(line.number, Failure(Kind.LOST, "it reconnected by itself"))

    def _raw(self, ears: _Ears, event: Mapping[str, Any]) -> None:
        line, exchange = ears.line, self._exchange
        line.signed.set()
        if ears.events.add(exchange.now):
            exchange.fail(line.number, Failure(Kind.CONFUSED, "it floods the call with events"))
            return
        kind = event.get("type")
        if kind in ("session.created", "session.updated"):
            self._limit(line, event.get("session"))
        elif kind == "response.done":
            self._done(line, event.get("response"))
        elif isinstance(kind, str) and kind.startswith("response."):
            self._replies.moved_on(line)

    def _limit(self, line: Line, session: object) -> None:
        ends = session.get("expires_at") if isinstance(session, Mapping) else None
        if not isinstance(ends, int | float) or isinstance(ends, bool) or ends <= 0:
            return
        left = ends - time.time()
        if left < _SKEW_S:
            log.warning(
                "a session says that it is over already; is this clock right?", remaining_s=round(left)
            )
            return
        self._exchange.tell(f.LimitKnown(self._exchange.now, line.number, left))

    def _done(self, line: Line, response: object) -> None:
        if not isinstance(response, Mapping) or response.get("status") != "failed":
            return
        details = response.get("status_details")
        error = details.get("error") if isinstance(details, Mapping) else None
        code = str((error or {}).get("code") or "") if isinstance(error, Mapping | None) else ""
        message = str((error or {}).get("message") or code or "no reason given")
        kind = CODES.get(code, Kind.BUSY)
        for reply in self._replies.of_line(line):
            reply.failure = Failure(Kind.BUSY if kind is Kind.BENIGN else kind, message, code)

    # The conversation.

    def _begun(self, ears: _Ears, event: llm.GenerationCreatedEvent) -> None:
        ears.line.signed.set()
        if event.user_initiated:
            return  # comes by the future of the request
        if ears.begun.add(self._exchange.now):
            reason = "it floods the call with replies that nobody asked for"
            self._exchange.fail(ears.line.number, Failure(Kind.CONFUSED, reason))
            return
        self._replies.begun(ears.line, event)

    def _speech(self, line: Line, event: llm.InputSpeechStartedEvent) -> None:
        if self._is_active(line):
            self._exchange.speech.began()
            self._exchange.tell(f.VoiceHeard(self._exchange.now))
            self._emit("input_speech_started", event)

    def _stopped(self, line: Line, event: llm.InputSpeechStoppedEvent) -> None:
        if self._is_active(line):
            self._exchange.speech.ended()
            self._emit("input_speech_stopped", event)

    def _item(self, line: Line, event: llm.RemoteItemAddedEvent) -> None:
        line.signed.set()
        item, exchange = event.item, self._exchange
        if item.id in line.given:
            return  # it was given this one
        if _is_spoken(item):
            if line.replayed:
                if (name := line.replayed.popleft()) is not None:
                    line.names[item.id] = name
                    return
            elif line.session.capabilities.turn_detection:
                exchange.speech.commit()  # the provider's own doing
                exchange.tell(f.Committed(exchange.now, line.session.capabilities.user_transcription))
            exchange.speech.became(item.id)
        line.born.add(item.id)
        after = line.name(event.previous_item_id) if event.previous_item_id is not None else None
        exchange.ledger.place(item, after)
        self._emit("remote_item_added", llm.RemoteItemAddedEvent(previous_item_id=after, item=item))
        exchange.changed()

    def _transcribed(self, line: Line, event: llm.InputTranscriptionCompleted) -> None:
        exchange = self._exchange
        name = line.name(event.item_id)
        if event.is_final:
            news = exchange.ledger.user_said(name, event.transcript)
            exchange.speech.written(name)
            if all(turn.written for turn in exchange.speech.turns):
                exchange.tell(f.Transcribed(exchange.now))
            exchange.changed()
            if not news and name != event.item_id:
                return  # it was replayed, and the application knows its words
        elif name != event.item_id and _has_words(exchange.ledger.get(name)):
            return
        event.item_id = name
        self._emit("input_audio_transcription_completed", event)

    def _metrics(self, line: Line, event: object) -> None:
        line.signed.set()
        self._emit("metrics_collected", event)
        if isinstance(event, RealtimeModelMetrics) and event.input_tokens and self._is_active(line):
            self._exchange.grew(event.input_tokens)


class _Ears:
    """What is counted of one line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.errors = Flood(_ERRORS_MOST, _ERRORS_S)
        self.events = Flood(_EVENTS_MOST, _EVENTS_S)
        self.begun = Flood(_BEGUN_MOST, _BEGUN_S)


def _has_words(item: llm.ChatItem | None) -> bool:
    return item is not None and item.type == "message" and bool(item.raw_text_content)


def _is_spoken(item: llm.ChatItem) -> bool:
    if item.type != "message" or item.role != "user":
        return False
    return not any(isinstance(part, llm.ImageContent) for part in item.content)
