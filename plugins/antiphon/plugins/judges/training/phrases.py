"""What is said over an agent: words that want the floor, a listener's words, and written laughs.

English, as the packaged voice speaks it. The texts are ours. Among the first kind are many that begin with
a listener's word ("yeah, but…"), and single words of every sort: a name, a number and a place want the
floor as much as "stop" does.
"""

from __future__ import annotations

from typing import Final

__all__ = ["BACKCHANNELS", "COMMANDS", "TURNS", "VOCALS", "texts"]

COMMANDS: Final = (
    "Stop.", "Stop!", "Wait.", "Wait!", "No.", "No!", "Hold on.", "Hang on.", "Hang on a second.",
    "One second.", "Just a second.", "One moment.", "One moment please.", "Wait a minute.", "Excuse me.",
    "Sorry?", "Pardon?", "What?", "What!", "Hello?", "Hey!", "Listen.", "Look.", "Actually.", "But.",
    "Stop it.", "Stop talking.", "Please stop.", "Be quiet.", "Quiet!", "Enough.", "That's enough.",
    "No no no.", "No, wait.", "Wait, wait.", "Wait, stop.", "Never mind.", "Cancel.", "Cancel that.",
    "Go back.", "Go.", "Next.", "Skip.", "Skip it.", "Pause.", "Repeat.", "Again.", "Say that again.",
    "Slow down.", "Louder.", "Help.", "Who?", "Why?", "When?", "Where?", "How?", "How much?", "Hang up.",
    "Let me speak.", "Wrong.", "Not that.", "Operator.", "Don't.", "Nope.", "Continue later.", "Forget it.",
    "Time out.", "Hold it.", "Hold on a minute.", "Give me a second.", "I'm sorry?", "Come again?",
)  # fmt: skip

TURNS: Final = (
    "No, that's not what I asked.", "Can I ask you something?", "I have a question.",
    "What about tomorrow?", "Could you repeat that please?", "I don't need that.",
    "Let me stop you there.", "Yeah, but I wanted the other one.", "Okay, but what does it cost?",
    "That's wrong.", "I already told you my name.", "Can you speak more slowly?", "I don't understand.",
    "Actually, I changed my mind.", "Can I talk to a person?", "My number is four two seven.",
    "I'd like to book a table for two.", "What time do you close?", "Where are you located?",
    "How long does it take?", "Is it open on Sunday?", "Right, but that was last week.",
    "Okay so let's do the other thing.", "Yes, and I also need a receipt.", "Sure, but not today.",
    "I want to change my address.", "Who is speaking please?", "Which one is cheaper?",
    "The blue one.", "Tuesday.", "Chicago.", "Seven.", "Forty two.", "Maria.", "Large, please.",
    "With milk.", "Two tickets.", "Tomorrow morning.", "The first one.", "Not really.", "I can't hear you.",
    "You already said that.", "Tell me about the price instead.", "What do you mean by that?",
    "Let's talk about something else.", "Can we go back to the beginning?", "It doesn't work.",
    "I need to leave in five minutes.", "Hmm, I don't think so.", "Uh, what was the second option?",
    "Yeah no, that won't work for me.", "Okay okay, I get it, move on.", "Well, I think it's too expensive.",
    "And what happens after that?", "Does it come in black?", "Could you send me an email?",
    "I was calling about my order.", "Please cancel the appointment.", "How do you spell that?",
    "Just give me the short version.", "Wait, which day did you say?", "Stop, I meant the other account.",
    "Hello, are you there?", "Sorry, go back to the second one.", "So what should I do now?",
)  # fmt: skip

# Written so that espeak-ng, which reads them to Piper, does not spell them: "mm-hm" becomes four letters.
BACKCHANNELS: Final = (
    "Um-hum.", "Umhum.", "Umm hum.", "Hmm.", "Hmmm.", "Uh-huh.", "Uh huh.", "Unh-hunh.", "Yeah.", "Yes.",
    "Yep.", "Yup.", "Okay.", "Ok.", "Kay.", "Right.", "Sure.", "I see.", "Got it.", "Ah.", "Oh.",
    "Oh okay.", "Oh really.", "Alright.", "Of course.", "True.", "Exactly.", "Yeah yeah.", "Yeah, okay.",
    "Okay, great.", "Right, right.", "Wow.", "Cool.", "Nice.", "Great.", "Good.", "Gotcha.", "Makes sense.",
    "Uh-huh, yeah.", "Um-hum, um-hum.", "Ah, okay.", "Interesting.", "Absolutely.", "Yeah, sure.",
    "Yes, yes.", "Ah yeah.", "Oh, I see.", "Okay okay.", "Hmm, yeah.", "Aha.", "Ooh.", "Oh wow.", "Fine.",
    "Yeah, right.",
)  # fmt: skip

VOCALS: Final = (
    "Ha ha ha.", "Hahaha!", "Ha ha ha ha ha!", "Heh heh heh.", "Hee hee hee.", "Ahem.", "Achoo!", "Ugh.",
    "Haah.", "Ho ho ho.", "Phew.",
)  # fmt: skip


def texts() -> dict[str, tuple[str, ...]]:
    """All texts by kind, as `antiphon.plugins.judges.acoustic.KINDS` names them."""
    return {"turn": COMMANDS + TURNS, "backchannel": BACKCHANNELS, "vocal": VOCALS}
