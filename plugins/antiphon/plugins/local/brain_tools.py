"""How the built-in brain finds a tool for what was said, and its arguments.

By words, not by meaning: a tool is wanted when enough words of its name, description and parameters
were said. Arguments come from the JSON Schema: values of an enum that were said, numbers in digits or
words, days, times, places and names after their usual prepositions. What is required and was not said
is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["NUMBERS", "arguments", "choose", "gathered", "may_be_a_name", "missing", "question", "stems"]

_words = re.compile(r"\w+").findall
NUMBERS = {
    word: value
    for value, word in enumerate(
        _words(
            "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
            "sixteen seventeen eighteen nineteen twenty"
        )
    )
}
"""Number words, 0 to 20."""
_DAYS = _words("monday tuesday wednesday thursday friday saturday sunday today tomorrow tonight weekend")
_STOP = frozenset(
    _words(
        "a an the of for to in on at is are do does did what when which who how it i you my me we and or can "
        "could would will please tell about get gets give given call use this that with your any be has have "
        "from by if as its person user caller returns return string number name"
    )
)
_NO_NAME = frozenset(
    _words(
        "at in on for under the a an and or but no not yes yeah yep nope okay ok sure right please thanks "
        "thank hello hi hey bye goodbye stop wait never mind cancel that this it what who how when where why "
        "i we you me my our your they people persons guests pm am noon midnight half quarter past o'clock "
        "which hmm mm um uh well actually tell can could would do does is are"
    )
)
_HOUR = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|noon|midnight"
_PART = r"(?: (?:thirty|fifteen|o'clock|am|pm|in the (?:morning|evening|afternoon)))"
_TIMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:at|around|by|about)\s+((?:half past |quarter past |quarter to )?"
        rf"(?:{_HOUR}|\d{{1,2}}(?::\d{{2}})?)"
        rf"(?:\s*(?:am|pm|a\.m\.|p\.m\.|o'clock)|{_PART})?)\b",
        r"\b(\d{1,2}(?::\d{2})?\s*(?:am|pm|a\.m\.|p\.m\.|o'clock)|\d{1,2}:\d{2})",
        rf"\b((?:half past |quarter past |quarter to )(?:{_HOUR})|(?:{_HOUR}){_PART}|noon|midnight)\b",
    )
)
_PLACE = re.compile(r"\b(?:in|for|at|near|from|to)\s+((?:[A-Z][\w'-]+)(?:\s+[A-Z][\w'-]+)*)")
_NAME = re.compile(
    r"\b(?:my name is|name's|name is|i am|i'm|this is|under|for)\s+([A-Z][\w'-]+(?:\s+[A-Z][\w'-]+)?)"
)


def stems(text: str) -> set[str]:
    """The words that carry meaning, cut to a rough stem."""
    words = re.findall(r"[a-z0-9']+", re.sub(r"([a-z])([A-Z])", r"\1 \2", text).replace("_", " ").lower())
    return {_stem(word) for word in words if word not in _STOP and len(word) > 1}


def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ers", "er", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)].rstrip("e")
    return word.rstrip("e")


def choose(said: str, tools: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The tool that what was said asks for, or None."""
    words = stems(said)
    best, best_score = None, 0.0
    for tool in tools:
        if tool.get("type") != "function":
            continue
        name = stems(str(tool.get("name")))
        about = stems(str(tool.get("description") or ""))
        properties = (tool.get("parameters") or {}).get("properties") or {}
        around = set().union(*(stems(key) for key in properties)) if properties else set()
        score = 2.0 * len(words & name) + 1.0 * len(words & about - name) + 0.5 * len(words & around)
        enough = 2.0 if len(name) > 1 or len(about) > 2 else 1.0
        if score >= enough and score > best_score:
            best, best_score = tool, score
    return best


def may_be_a_name(text: str) -> bool:
    """Whether one to three words may name a person or a place: no number, day, hour or common word."""
    words = [word.strip(".,?!").lower() for word in text.split()]
    return 1 <= len(words) <= 3 and not any(
        word in _NO_NAME or word in NUMBERS or word in _DAYS or not word[:1].isalpha() for word in words
    )


def gathered(said: Sequence[str], tool: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments found in several utterances, newest first: what was said last stands."""
    found: dict[str, Any] = {}
    for text in reversed(said):
        found.update(arguments(text, tool, loose=False))
    # A text parameter of no known kind takes what is left, and only where nothing better was said.
    return {**arguments(". ".join(said), tool), **found}


def arguments(said: str, tool: Mapping[str, Any], *, loose: bool = True) -> dict[str, Any]:
    """What of the tool's parameters was said, as values of the right types.

    ``loose`` lets a text parameter of no known kind take the whole of what was said.
    """
    schema = tool.get("parameters") or {}
    found: dict[str, Any] = {}
    taken: set[str] = set()
    for name, spec in (schema.get("properties") or {}).items():
        value = _value(name, _plain(spec), said, taken, loose)
        if value is not None:
            found[name] = value
            taken.add(str(value).lower())
    return found


def missing(tool: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """The required parameters that were not said."""
    return [name for name in (tool.get("parameters") or {}).get("required") or [] if name not in found]


def question(tool: Mapping[str, Any], name: str) -> str:
    """Asks for a parameter."""
    spec = _plain(((tool.get("parameters") or {}).get("properties") or {}).get(name) or {})
    label = name.replace("_", " ")
    if spec.get("enum"):
        return f"Which {label}? I can take {_either([str(v) for v in spec['enum']])}."
    if spec.get("type") in ("integer", "number"):
        return (
            f"How many {label} shall I put down?"
            if label.endswith("s") or label == "people"
            else (f"What number shall I use for {label}?")
        )
    return _QUESTIONS.get(label, f"Could you tell me the {label}?")


_QUESTIONS = {
    "time": "At what time?",
    "day": "On which day?",
    "date": "On which day?",
    "name": "Under what name?",
}


def _either(values: list[str]) -> str:
    return values[0] if len(values) == 1 else f"{', '.join(values[:-1])} or {values[-1]}"


def _plain(given: object) -> dict[str, Any]:
    """The schema of a value, with ``anyOf`` null taken off."""
    spec: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    for option in spec.get("anyOf") or spec.get("oneOf") or []:
        if isinstance(option, Mapping) and option.get("type") != "null":
            return {**spec, **option}
    kind = spec.get("type")
    if isinstance(kind, list):
        spec["type"] = next((entry for entry in kind if entry != "null"), "string")
    return spec


def _value(name: str, spec: dict[str, Any], said: str, taken: set[str], loose: bool) -> Any:
    low = said.lower()
    if spec.get("enum"):
        for value in spec["enum"]:
            if re.search(rf"\b{re.escape(str(value).lower())}\b", low):
                return value
        return None
    kind = spec.get("type", "string")
    if kind in ("integer", "number"):
        return _number(name, kind, low)
    if kind == "boolean":
        if re.search(r"\b(yes|yeah|sure|please do|true)\b", low):
            return True
        return False if re.search(r"\b(no|not|don't|false)\b", low) else None
    return _text(name, said, taken, loose) if kind == "string" else None


def _number(name: str, kind: str, low: str) -> int | float | None:
    without_times = low
    for pattern in _TIMES:
        without_times = pattern.sub(" ", without_times)
    if digits := re.search(r"-?\d+(?:\.\d+)?", without_times):
        return int(float(digits.group())) if kind == "integer" else float(digits.group())
    for word, value in NUMBERS.items():
        if re.search(rf"\b{word}\b", without_times):
            return value
    return None


def _text(name: str, said: str, taken: set[str], loose: bool) -> str | None:
    low, label = said.lower(), name.lower()
    if any(part in label for part in ("time", "hour", "when")):
        found = next((match for pattern in _TIMES if (match := pattern.search(said))), None)
        return found.group(1).strip() if found else None
    if any(part in label for part in ("day", "date")):
        days = re.findall(rf"\b({'|'.join(_DAYS)})\b", low)
        return days[0] if days else None
    if any(part in label for part in ("city", "place", "location", "where", "town", "country")):
        places = [p for p in _PLACE.findall(said) if p.lower() not in taken and p.lower() not in _DAYS]
        return places[-1] if places else None
    if "name" in label or label in ("person", "guest", "who", "caller"):
        names = [n for n in _NAME.findall(said) if n.lower() not in _DAYS and n.lower() not in taken]
        return names[-1] if names else None
    if not loose:
        return None
    found = re.search(r"\b(?:about|for|on|called|of)\s+(.+?)[.?!]*$", said)
    return found.group(1).strip() if found else said.strip(" .?!") or None
