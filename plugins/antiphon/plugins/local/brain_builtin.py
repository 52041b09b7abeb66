"""The built-in demonstration brain: a few topics, some memory, and the session's tools.

It is no language model and says so when asked. It reads the conversation's items, as the protocol has
them, and answers the last thing said; what it remembers (a name, an open question about a tool) it finds
in those items again, so it keeps no state between replies. The same conversation gives the same reply.
"""

from __future__ import annotations

import datetime
import json
import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from antiphon.plugins.local import brain_tools as tools
from antiphon.plugins.local.brain_topics import TOPICS, directive, small_sum
from antiphon.plugins.local.engines import BrainRequest, NextMessage, TextDelta, ToolRequest

__all__ = ["BuiltinBrain"]

_SAY = re.compile(r"(?:say|repeat|reply with|answer with)(?: exactly)?[:,]?\s*[\"'“](.+?)[\"'”]", re.I | re.S)
_EXACTLY = re.compile(r"say exactly: \"(.+?)\"", re.I)  # of a response's own instructions, which come last
_NAME = re.compile(r"\b(?:my name is|my name's|i am called|call me)\s+([A-Za-z][\w'-]+)", re.I)
_ASKED = re.compile(r"(?:Which|What|How many|Under|On which|At what|Could you tell me).*\?$")
_FOLLOW = re.compile(r"^(?:and what about|and how about|what about|how about|and)\b\s*(.*)$", re.I)
_MORE_SUM = re.compile(r"^\W*(?:and |now |then )?(plus|minus|times|divided by)\s+\S+\W*$", re.I)
_RESULT = re.compile(r" is (-?\d+(?:\.\d+)?)\.$")


class BuiltinBrain:
    """Answers from the conversation alone.

    Args:
        clock: Local time, for questions about it.
    """

    def __init__(self, clock: Callable[[], time.struct_time] = time.localtime) -> None:
        self._clock = clock

    async def reply(
        self, request: BrainRequest
    ) -> AsyncGenerator[TextDelta | ToolRequest | NextMessage, None]:
        """One reply: a tool call, or some sentences, a word at a time."""
        for part in self.think(request):
            if isinstance(part, ToolRequest):
                yield part
                continue
            for word in re.findall(r"\S+\s*", part):
                yield TextDelta(word)

    def think(self, request: BrainRequest) -> list[str | ToolRequest]:
        """The whole reply at once."""
        items = list(request.items)
        if exact := _EXACTLY.match(request.instructions.rpartition("\n")[2]):
            return [exact.group(1)]
        last = items[-1] if items else {}
        if last.get("type") == "function_call_output":
            return [_report(items)]
        wanted = _SAY.search(_extra(request))
        said = _said(items)
        if not said or not _unanswered(items):
            if wanted:
                return [wanted.group(1)]
            return [directive(_extra(request)) or _greeting(request, bool(_turns(items)))]
        call = self._tool(request, items, said)
        if call is not None:
            return [call]
        return [self._talk(said, items, bool(request.tools))]

    def _tool(self, request: BrainRequest, items: Sequence[Mapping[str, Any]], said: str) -> Any:
        """A tool call, a question for what it lacks, or None."""
        choice = request.tool_choice
        if choice == "none" or not request.tools:
            return None
        usable = [tool for tool in request.tools if tool.get("type") == "function"]
        if isinstance(choice, Mapping):
            usable = [tool for tool in usable if tool.get("name") == choice.get("name")]
        tool = tools.choose(said, usable)
        spoken = [said]
        if tool is None:
            spoken, tool = self._open_question(items, usable, said)
        if tool is None and (choice == "required" or isinstance(choice, Mapping)) and usable:
            tool = usable[0]
        if tool is None:
            return None
        found = tools.gathered(spoken, tool)
        lacking = tools.missing(tool, found)
        if lacking and choice == "auto":
            return tools.question(tool, lacking[0])
        for name in lacking:  # a call is demanded: empty rather than invented
            spec = ((tool.get("parameters") or {}).get("properties") or {}).get(name) or {}
            found[name] = {"integer": 0, "number": 0, "boolean": False}.get(str(spec.get("type")), "")
        return ToolRequest(str(tool["name"]), json.dumps(found))

    def _open_question(
        self, items: Sequence[Mapping[str, Any]], usable: Sequence[Mapping[str, Any]], said: str
    ) -> tuple[list[str], Mapping[str, Any] | None]:
        """What was said, newest first, and the tool it is about: an answer to our question, or "and …?"."""
        turns = _turns(items)
        follow = _FOLLOW.match(said.strip())
        answering = len(turns) >= 2 and turns[-2][0] == "assistant" and _ASKED.search(turns[-2][1])
        if not (answering or follow):
            return [said], None
        newest = _framed(turns[-2][1], said) if answering else said
        if follow:
            newest = _placed(follow.group(1))
        before: list[str] = []
        for index in range(len(turns) - 2, -1, -1):
            role, text = turns[index]
            asked = turns[index - 1][1] if index and turns[index - 1][0] == "assistant" else ""
            if role == "assistant":
                if answering and not _ASKED.search(text):
                    break
                continue
            before.insert(0, _framed(asked, text) if _ASKED.search(asked) else text)
            tool = tools.choose(" ".join(before), usable)
            if tool is None:
                continue
            if not tools.arguments(newest, tool, loose=False) and _changes_the_subject(said):
                return [said], None
            return [newest, *reversed(before)], tool
        return [said], None

    def _talk(self, said: str, items: Sequence[Mapping[str, Any]], has_tools: bool) -> str:
        turns = _turns(items)
        before = [text for role, text in turns[:-1] if role == "assistant"]
        name = _remembered(items)
        if re.search(r"\b(repeat|say that again|what did you (?:just )?say|pardon)\b", said, re.I) and before:
            return f"I said: {before[-1]}"
        if found := _NAME.search(said):
            return f"Nice to meet you, {found.group(1).title()}. What can I do for you?"
        if re.search(r"\b(what(?:'s| is) my name|who am i|remember my name)\b", said, re.I):
            return f"You told me your name is {name}." if name else "You have not told me your name yet."
        if (result := small_sum(said)) is not None:
            return result
        if (more := _MORE_SUM.match(said)) and before and (last := _RESULT.search(before[-1])):
            return small_sum(f"{last.group(1)} {said[more.start(1) :]}") or "I lost count, I am afraid."
        now = self._clock()
        if re.search(r"\bwhat(?:'s| is)? (?:the )?time\b|\btime is it\b", said, re.I):
            return f"By my clock it is {time.strftime('%H:%M', now)}."
        if re.search(r"\bwhat(?:'s| is)? (?:the )?(?:date|day)\b|\bday is it\b", said, re.I):
            return _day(now, said)
        if (answer := _topic(said, before)) is not None:
            return answer
        earlier = [text for role, text in turns[:-1] if role == "user"]
        if _FOLLOW.match(said.strip()) and earlier and (answer := _topic(earlier[-1], before)) is not None:
            return answer  # "and tomorrow?" is about what was spoken of before
        short = said.strip().rstrip(".?!")
        if len(short) > 80:
            short = short[:80].rsplit(" ", 1)[0]
        return (
            f"I heard: {short}. I am only a small demonstration brain, so I cannot say much about that. "
            "Ask me for a story, a joke, the time or a sum."
        )


def _extra(request: BrainRequest) -> str:
    """What the instructions ask for last; livekit-agents adds a reply's own at the end."""
    system = [_text(item) for item in request.items if item.get("role") == "system"]
    return "\n".join([*system, request.instructions])[-2000:]


def _topic(said: str, before: Sequence[str]) -> str | None:
    """The next of the answers to what was said, or None."""
    for pattern, answers in TOPICS:
        if pattern.search(said):
            used = sum(text in answers for text in before)
            return answers[used % len(answers)]
    return None


def _changes_the_subject(said: str) -> bool:
    """Whether this is about something we can talk of, not an answer such as "yes, please"."""
    agrees = re.match(r"\W*(?:yes|yeah|sure|okay|ok|right|please)\b", said, re.I)
    return not agrees and any(pattern.search(said) for pattern, _ in TOPICS)


def _day(now: time.struct_time, said: str) -> str:
    today = datetime.date(now.tm_year, now.tm_mon, now.tm_mday)
    for word, verb, days in (("tomorrow", "Tomorrow is", 1), ("yesterday", "Yesterday was", -1)):
        if word in said.lower():
            other = today + datetime.timedelta(days=days)
            return f"{verb} {other:%A, %B} {other.day}."
    return f"Today is {today:%A, %B} {today.day}."


def _greeting(request: BrainRequest, begun: bool) -> str:
    if begun:
        return "I am still here. What else can I do for you?"
    asked = _extra(request).lower()
    if "offer" in asked or "help" in asked or "greet" in asked or not asked.strip():
        return "Hello! This is the demonstration agent speaking. How can I help you?"
    return "Hello! How can I help you?"


def _text(item: Mapping[str, Any]) -> str:
    parts = item.get("content") or []
    return " ".join(str(part.get("text") or part.get("transcript") or "") for part in parts).strip()


def _turns(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(role, words) of the messages, oldest first; those without words left out."""
    made: list[tuple[str, str]] = []
    answered = True  # since the person's last words, if only by a reply of which nothing was heard
    for item in items:
        role = str(item.get("role"))
        if item.get("type") != "message" or role == "system":
            continue
        text = _text(item)
        if text and role == "user" and not answered:
            made[-1] = (role, f"{made[-1][1]} {text}")  # two turns in a row are one thought
        elif text:
            made.append((role, text))
        answered = role == "assistant" or (answered and not text)
    return made


def _said(items: Sequence[Mapping[str, Any]]) -> str:
    return next((text for role, text in reversed(_turns(items)) if role == "user"), "")


def _unanswered(items: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the person had the last word."""
    turns = _turns(items)
    return bool(turns) and turns[-1][0] == "user"


def _remembered(items: Sequence[Mapping[str, Any]]) -> str | None:
    for role, text in reversed(_turns(items)):
        if role == "user" and (found := _NAME.search(text)):
            return found.group(1).title()
    return None


def _framed(asked: str, said: str) -> str:
    """An answer with the words that its question implies: a name, a time, a place."""
    bare = re.sub(
        r"(?i)^(?:it's|it is|that's|that is|under|in|um|uh)\b\W*|\W*\bplease$", "", said.strip(" .?!,")
    )
    if "name" in asked:
        return f"my name is {bare.title()}" if tools.may_be_a_name(bare) else said
    if "time" in asked:
        return bare if re.match(r"(?i)at\b", bare) else f"at {bare}"
    if re.search(r"\b(?:city|place|location|town|country)\b", asked):
        return f"in {bare.title()}" if tools.may_be_a_name(bare) else said
    return bare


def _placed(said: str) -> str:
    """What "what about …?" asks about, with the "in" that a place alone lacks."""
    bare = said.strip(" .?!,")
    return f"in {bare}" if bare[:1].isupper() and tools.may_be_a_name(bare) else bare


def _report(items: Sequence[Mapping[str, Any]]) -> str:
    """A tool's result in a sentence."""
    outputs: list[str] = []
    for item in reversed(items):
        if item.get("type") != "function_call_output":
            break
        outputs.insert(0, _speakable(str(item.get("output", ""))))
    return " ".join(outputs) or "That is done."


def _speakable(output: str) -> str:
    try:
        value = json.loads(output)
    except ValueError:
        value = output
    if isinstance(value, Mapping):
        said = ", ".join(f"{str(k).replace('_', ' ')} {_inline(v)}" for k, v in value.items())
        text = f"Here is what I found: {said}"
    elif isinstance(value, list):
        text = (
            f"Here is what I found: {', '.join(_inline(v) for v in value)}" if value else "I found nothing."
        )
    else:
        text = str(value).strip()
        text = text[:1].upper() + text[1:]
    if not text:
        return "That is done."
    return text if text[-1] in ".?!" else f"{text}."


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return " and ".join(f"{k} {_inline(v)}" for k, v in value.items())
    return str(value)
