"""What the built-in brain can talk about: patterns and answers, and sums.

Each topic has several answers, given in turn as the topic comes up again. The story is long on purpose:
about half a minute, for people who want to try to interrupt it.
"""

from __future__ import annotations

import re

from antiphon.plugins.local.brain_tools import NUMBERS

__all__ = ["STORY", "TOPICS", "directive", "small_sum"]

STORY = (
    "Here is a story. On a bay in the north there was a lighthouse, and in it lived a keeper who talked "
    "to every ship that passed. He did not use a radio; he used the light, long and short, and the ships "
    "answered with their lamps. One winter a fog came that lasted for nine days, and nobody could see the "
    "light at all. So the keeper took a bell up to the gallery and rang it, and listened, and rang again. "
    "On the ninth night a small horn answered, very faint. He rang once, and waited, and the horn came "
    "closer; he rang twice, and it turned away from the rocks. In the morning the fog lifted, and a "
    "fishing boat lay in the bay, and its captain said: I could not see you, but you always stopped to "
    "listen, and that is how I knew where to go. Since then the keeper has kept the bell beside the lamp."
)

_T = tuple[re.Pattern[str], tuple[str, ...]]


def _topic(pattern: str, *answers: str) -> _T:
    return re.compile(pattern, re.IGNORECASE), answers


TOPICS: tuple[_T, ...] = (
    _topic(r"\b(story|tale)\b", STORY),
    _topic(
        r"\bjoke\b|\bfunny\b|\blaugh\b",
        "Why did the packet cross the network? It had no time to live on this side.",
        "I would tell you a joke about echo cancellation, but you would hear only half of it.",
    ),
    _topic(
        r"\bcount\b",
        "One, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, fourteen, "
        "fifteen, sixteen, seventeen, eighteen, nineteen, twenty.",
    ),
    _topic(
        r"\b(weather|rain|raining|sunny|forecast|temperature)\b",
        "I have no weather data here: this is a demonstration model without a network. With a weather tool "
        "I would call it for you.",
        "I still have no weather data, I am sorry. A look out of the window is your best forecast.",
    ),
    _topic(
        r"\b(what can you do|help me|what do you do|your abilities)\b",
        "I can tell a story, make a small joke, do sums, tell the time, and use the tools that my "
        "application gives me. Interrupt me whenever you like.",
    ),
    _topic(
        r"\b(who are you|what are you|are you (?:a )?(?:robot|human|real|ai)|language model)\b",
        "I am the demonstration brain of Antiphon's local model: a few rules, no language model, so that "
        "you can try a call without a key.",
    ),
    _topic(
        r"\b(livekit|web ?rtc|s ?f ?u)\b",
        "LiveKit is an open source server for realtime audio and video. Each of us sends sound to it over "
        "WebRTC, and it forwards the packets without decoding them.",
    ),
    _topic(
        r"\b(interrupt|barge|stop talking)\b",
        "When you speak over me I fall silent at once, and if it was only a cough I go on where I stopped.",
    ),
    _topic(r"\b(thank|thanks|thank you|cheers)\b", "You are welcome.", "My pleasure."),
    _topic(r"\b(goodbye|bye|see you|good night|hang up)\b", "Goodbye, and thank you for calling."),
    _topic(
        r"\b(how are you|how do you do|how's it going)\b",
        "I am well, thank you. What can I do for you?",
    ),
    _topic(
        r"^\W*(hello|hi|hey|good (?:morning|afternoon|evening))\b",
        "Hello! What can I do for you?",
        "Hello again! Go ahead.",
    ),
    _topic(r"^\W*(yes|yeah|sure|okay|ok|right|please)\W*$", "Good. What would you like to hear about?"),
    _topic(
        r"^\W*(?:please )?(no|nope|nothing|stop|(?:wait|hold on|hang on)(?: a (?:second|moment|minute))?"
        r"|never mind|(?:cancel|forget)(?: that| it)?)\W*$",
        "All right.",
    ),
    _topic(
        r"\b(?:do not|don't|didn't) (?:understand|follow)\b",
        "I am sorry, that was too fast. Ask me again, and I shall keep it short.",
    ),
    _topic(
        r"\bask not\b|\bcountry can do\b",
        "I know that one: President Kennedy said it at his inauguration in January 1961.",
    ),
)

_WHO = r"(?:the )?(?:user|caller|person|customer|guest)"
_SAY = re.compile(r"^(?:please )?say(?: exactly)?:\s*(.+)$", re.I)
_TELL = re.compile(rf"^(?:please )?(?:tell|remind|inform|let) {_WHO}(?: know)?(?: that)?[:,]?\s+(.+)$", re.I)
_ASK = re.compile(rf"^(?:please )?ask {_WHO}[:,]?\s+(.+)$", re.I)
_BYE = re.compile(r"^(?:please )?say (?:goodbye|good-bye|bye)\b|^end the (?:call|conversation)\b", re.I)
_SORRY = re.compile(r"^(?:please )?apologi[sz]e\b", re.I)
_TO_YOU = (
    (r"\b(?:they|he|she|the (?:user|caller|person|customer|guest)) (?:are|is)\b", "you are"),
    (r"\b(?:they|he|she|the (?:user|caller|person|customer|guest)) (?:have|has)\b", "you have"),
    (r"\b(?:they|them|he|him|she)\b", "you"),
    (r"\b(?:their|his|her)\b", "your"),
)


def directive(instructions: str) -> str | None:
    """What to say where the last line of the instructions orders it, as ``generate_reply`` does; else None.

    Orders to say, tell, ask, apologise and end are understood; greeting is the caller's business.
    """
    line = (instructions.strip().splitlines() or [""])[-1].strip()
    if found := _SAY.match(line):
        return found.group(1).strip().strip("\"'“”") or None
    if _BYE.match(line):
        return "Goodbye, and thank you for calling."
    if _SORRY.match(line):
        return "I am sorry about that."
    for pattern, before, end in ((_TELL, "", "."), (_ASK, "May I ask ", "?")):
        if found := pattern.match(line):
            words = found.group(1).strip().rstrip(".?!")
            for theirs, yours in _TO_YOU:
                words = re.sub(theirs, yours, words, flags=re.I)
            text = f"{before}{words}{end}"
            return text[:1].upper() + text[1:]
    return None


_NUMBER = rf"(-?\d+(?:\.\d+)?|{'|'.join(NUMBERS)})"
_SUM = re.compile(
    rf"\b{_NUMBER}\s*(\+|plus|and|-|minus|take away|\*|x|times|multiplied by|/|divided by|over)"
    rf"\s*{_NUMBER}\b",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\bhow much|what(?:'s| is)|calculate|add|sum|equals?\b|^\W*\S+\s*\S+\s*\S+\W*$", re.I)


def small_sum(said: str) -> str | None:
    """The answer to a sum of two numbers, or None if none was asked for."""
    found = _SUM.search(said)
    if found is None or not _ASKS.search(said):
        return None
    left, sign, right = _value(found[1]), found[2].lower(), _value(found[3])
    if sign in ("+", "plus", "and"):
        result, word = left + right, "plus"
    elif sign in ("-", "minus", "take away"):
        result, word = left - right, "minus"
    elif sign in ("*", "x", "times", "multiplied by"):
        result, word = left * right, "times"
    elif right == 0:
        return "Nothing can be divided by zero."
    else:
        result, word = left / right, "divided by"
    return f"{_shown(left)} {word} {_shown(right)} is {_shown(round(result, 3))}."


def _value(text: str) -> float:
    return float(NUMBERS.get(text.lower(), 0)) if text.lower() in NUMBERS else float(text)


def _shown(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
