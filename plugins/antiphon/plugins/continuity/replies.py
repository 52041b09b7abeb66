"""The replies that the application waits for: asked for once by it, of as many sessions as it takes.

A reply of which nothing was passed on is asked for again as it was. One that was cut amid its words is
taken up from what was passed on, unless the person had interrupted it, it has called a tool (the tool's
result brings the next reply), or `Continuity.continue_replies` is off.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from livekit.agents import NOT_GIVEN, llm
from livekit.agents.utils import is_given

from antiphon.agents.logs import get_logger
from antiphon.plugins.continuity import facts as f
from antiphon.plugins.continuity.exchange import Exchange
from antiphon.plugins.continuity.failures import CODES, Failure, Kind, classify
from antiphon.plugins.continuity.line import Line
from antiphon.plugins.continuity.pacing import Pace
from antiphon.plugins.continuity.reply import Reply, Request, Said

__all__ = ["Replies"]

log = get_logger(__name__)

_DRAIN_S = 0.3  # s; how long what a lost session had sent may take to be passed on; chosen
_MOVED_EVERY_S = 0.25  # s; how often the core is told that a reply comes; chosen
_TAKE_UP = (
    "A technical fault cut off what you were saying. The person heard you say, last: \u201c{heard}\u201d. "
    "Go on from exactly there. Do not repeat any of it, do not greet, and do not mention the fault."
)
_TAIL = 400  # characters of it that are quoted; the whole stands in the conversation


class Replies:
    """A call's.

    Args:
        exchange: Its lines.
        emit: Emits ``generation_created`` to the application.
    """

    def __init__(self, exchange: Exchange, emit: Callable[[llm.GenerationCreatedEvent], None]) -> None:
        self._exchange = exchange
        self._emit = emit
        self._all: dict[str, Reply] = {}
        self._made = 0
        self._pace = Pace()
        self._moved_at: dict[str, float] = {}
        self._heard: list[list[Said]] = []
        """Of the last replies, what was passed on."""

    def ask(self, request: Request) -> asyncio.Future[llm.GenerationCreatedEvent]:
        """The application wants a reply."""
        reply = self._new(request)
        if self._exchange.over:
            self._end(reply, llm.RealtimeError("the realtime session is over"))
            return reply.future
        reply.future.add_done_callback(partial(self._app_done, reply))
        self._send(reply)
        return reply.future

    def begun(self, line: Line, event: llm.GenerationCreatedEvent) -> None:
        """A provider began a reply by itself."""
        reply = self._new(None)
        reply.line = line.number
        self._exchange.tell(f.ReplyAsked(self._exchange.now, reply.name, line.number))
        self._take(reply, line, event)

    def interrupt(self) -> None:
        """The application wants no more of what is being said."""
        for reply in list(self._all.values()):
            if not reply.future.done():
                continue  # it cancels the future of one that is not made yet
            reply.cancelled = True
            if reply.line is None and reply.pump is None:
                self._end(reply)

    def of_line(self, line: Line) -> list[Reply]:
        """Those that come from a line."""
        return [reply for reply in self._all.values() if reply.line == line.number]

    def owed(self) -> int:
        """Number of the last turn that a reply is owed to, of which nothing was passed on; 0 for none."""
        return max((r.upto for r in self._all.values() if not r.passed and not r.cancelled), default=0)

    def later_messages(self, message_id: str) -> list[Said]:
        """What follows a message in the same reply: nobody hears it when that message was cut."""
        for said in self._heard:
            ids = [one.message_id for one in said]
            if message_id in ids:
                return said[ids.index(message_id) + 1 :]
        return []

    # What the core wants.

    def again(self, name: str) -> None:
        """Ask for one again, of the active line."""
        if (reply := self._all.get(name)) is not None:
            self._exchange.counters.replies_again += 1
            self._send(reply)

    def fail(self, name: str, failure: Failure) -> None:
        """One will not come."""
        if (reply := self._all.get(name)) is not None:
            self._end(reply, llm.RealtimeError(failure.reason, code=failure.code or None))

    def take_over(self, line: Line) -> int:
        """Asks a line that took over for all that is owed."""
        owed = [r for r in self._all.values() if r.line is None and r.pump is None]
        for reply in owed:
            self._send(reply)
        return len(owed)

    def left(self, line: Line) -> None:
        """A line failed."""
        for reply in self.of_line(line):
            reply.cut, reply.line = True, None
            asked, reply.asked = reply.asked, None
            if asked is not None:
                asked.cancel()
            if reply.pump is None:
                self._owe(reply)
            else:
                self._exchange.tasks.spawn(self._drain(reply, reply.pump))

    def give_up(self, error: Exception) -> None:
        """None will come any more."""
        for reply in list(self._all.values()):
            self._end(reply, llm.RealtimeError(str(error)))

    # One reply.

    def _new(self, request: Request | None) -> Reply:
        self._made += 1
        reply = Reply(
            f"reply-{self._made}",
            request,
            self._exchange.speech.number,
            self._pace,
            moved=self._moved,
            said=self._said,
            called=self._called,
        )
        self._all[reply.name] = reply
        return reply

    def _send(self, reply: Reply) -> None:
        """Asks the active line for it, or lets it wait for one."""
        line, now = self._exchange.active, self._exchange.now
        if reply.over:
            return
        if line is None:
            self._exchange.tell(f.ReplyAsked(now, reply.name, None))
            return
        reply.line = line.number
        self._exchange.tell(f.ReplyAsked(now, reply.name, line.number))
        if line.synced.is_set():
            self._request(reply, line)
        else:
            self._exchange.tasks.spawn(self._when_synced(reply, line))

    async def _when_synced(self, reply: Reply, line: Line) -> None:
        await line.synced.wait()
        if not reply.over and reply.line == line.number and not line.lost.is_set():
            self._request(reply, line)

    def _request(self, reply: Reply, line: Line) -> None:
        taking_up = reply.unfinished if reply.cut else None
        reply.cut, reply.failure, reply.suspect = False, None, None
        request = reply.request or Request()
        if taking_up is not None:
            self._exchange.counters.replies_taken_up += 1
            said = " ".join(one.text.strip() for one in reply.messages)
            told = _TAKE_UP.format(heard=said[-_TAIL:])
            if is_given(request.instructions):
                told = f"{request.instructions}\n{told}"
            request = Request(told, request.tool_choice, request.tools)
        try:
            asked = self._ask_session(line, request)
        except Exception as error:  # a plugin's; the line is not to be trusted after it
            log.warning("a session raised", line=line.number, error=f"{type(error).__name__}: {error}")
            self._exchange.fail(line.number, classify(error, recoverable=False, live=True))
            return
        reply.asked = asked
        asked.add_done_callback(partial(self._asked_done, reply, line))

    def _ask_session(self, line: Line, request: Request) -> asyncio.Future[llm.GenerationCreatedEvent]:
        if request.say is not None:
            return line.session.say(request.say)
        per_reply = line.session.realtime_model.capabilities.per_response_tool_choice
        return line.session.generate_reply(
            instructions=request.instructions,
            tool_choice=request.tool_choice if per_reply else NOT_GIVEN,
            tools=request.tools if per_reply else NOT_GIVEN,
        )

    def _asked_done(self, reply: Reply, line: Line, asked: asyncio.Future[Any]) -> None:
        error = None if asked.cancelled() else asked.exception()
        if reply.asked is not asked:
            return  # it was left, or is over
        reply.asked = None
        if asked.cancelled() or reply.over:
            return
        if error is None:
            self._take(reply, line, asked.result())
        else:
            self._exchange.tell(f.ReplyFailed(self._exchange.now, reply.name, _read(error)))

    def _take(self, reply: Reply, line: Line, event: llm.GenerationCreatedEvent) -> None:
        if not reply.future.done():
            made = reply.made(event)
            reply.future.set_result(made)
            self._emit(made)
        self._moved(reply)
        reply.pump = self._exchange.tasks.spawn(self._pump(reply, line, event))

    async def _pump(self, reply: Reply, line: Line, event: llm.GenerationCreatedEvent) -> None:
        try:
            await reply.take(event, line.number)
        except ExceptionGroup as group:  # the session's streams raised: as good as a failure of the reply
            error = group.exceptions[0]
            reply.failure = reply.failure or Failure(Kind.BUSY, f"{type(error).__name__}: {error}")
        finally:
            reply.pump = None
        self._taken(reply)

    async def _drain(self, reply: Reply, pump: asyncio.Task[None]) -> None:
        """What a lost session had sent already is passed on."""
        _, late = await asyncio.wait([pump], timeout=_DRAIN_S)
        if late:
            pump.cancel()
            await asyncio.wait([pump])
            self._taken(reply)

    def _taken(self, reply: Reply) -> None:
        """A session has nothing more of it."""
        if reply.over:
            return
        failure = reply.failure
        if failure is None and not reply.passed and not reply.cut:
            failure = reply.suspect
        if reply.cancelled:
            self._end(reply)
        elif reply.cut:
            self._owe(reply)
        elif failure is not None:
            reply.cut = True
            if self._owes(reply):
                self._exchange.tell(f.ReplyFailed(self._exchange.now, reply.name, failure))
            else:
                self._end(reply)
        else:
            self._end(reply)

    def _owe(self, reply: Reply) -> None:
        """Its session is gone."""
        if not self._owes(reply):
            self._end(reply)
            return
        reply.line = None
        if self._exchange.active is not None:
            self._send(reply)
        else:
            self._exchange.tell(f.ReplyAsked(self._exchange.now, reply.name, None))

    def _owes(self, reply: Reply) -> bool:
        if reply.over or reply.cancelled or reply.future.cancelled():
            return False
        if not reply.passed:
            return reply.request is not None  # what a provider began, it begins again when it hears the turn
        if reply.calls or reply.unfinished is None:
            return False
        return self._exchange.continues

    def _app_done(self, reply: Reply, future: asyncio.Future[Any]) -> None:
        if future.cancelled() and not reply.over:
            reply.cancelled = True
            if reply.asked is not None:
                reply.asked.cancel()  # the session cancels the response, or discards it when it comes
            if reply.pump is None:
                self._end(reply)

    def _end(self, reply: Reply, error: Exception | None = None) -> None:
        if reply.over:
            return
        self._all.pop(reply.name, None)
        self._moved_at.pop(reply.name, None)
        reply.close()
        if not reply.future.done():
            reply.future.set_exception(error or llm.RealtimeError("the reply was given up"))
            reply.future.exception()  # it may have nobody who waits for it
        if error is None and not reply.cancelled and (reply.passed or not reply.cut):
            self._exchange.answered(reply.upto)
        self._exchange.tell(f.ReplyOver(self._exchange.now, reply.name))
        self._exchange.grew()

    # What comes of it.

    def _moved(self, reply: Reply) -> None:
        now = self._exchange.now
        if now - self._moved_at.get(reply.name, -1e9) >= _MOVED_EVERY_S:
            self._moved_at[reply.name] = now
            self._exchange.tell(f.ReplyProgressed(now, reply.name))

    def moved_on(self, line: Line) -> None:
        """Something came from a line that replies come from."""
        for reply in self.of_line(line):
            self._moved(reply)

    def _said(self, reply: Reply, said: Said) -> None:
        if reply.cancelled:
            return  # what is heard of it, `RealtimeSession.truncate` says
        if len(reply.messages) == 1 and said is reply.messages[0]:
            self._remember(reply)
        self._exchange.ledger.agent_said(said.message_id, said.text, said.audio_s)
        if len(reply.messages) == 1:
            self._exchange.answered(reply.upto)

    def _called(self, reply: Reply, call: llm.FunctionCall) -> None:
        self._exchange.ledger.called(call)
        self._exchange.answered(reply.upto)
        self._exchange.changed()

    def _remember(self, reply: Reply) -> None:
        if not self._heard or self._heard[-1] is not reply.messages:
            self._heard.append(reply.messages)
            del self._heard[:-8]  # only the last few can still be cut


def _read(error: BaseException) -> Failure:
    """What a request that a session refused means."""
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in CODES:
        kind = CODES[code]
        return Failure(Kind.BUSY if kind is Kind.BENIGN else kind, str(error), code)
    if "timed out" in str(error):
        return Failure(Kind.STALLED, str(error))
    return Failure(Kind.BUSY, str(error) or type(error).__name__, code if isinstance(code, str) else "")
