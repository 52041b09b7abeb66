from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.plugins.judges.words import Group, languages, lexicon, opinion_of_text, units

TURNS = {
    "en": [
        "Stop.",
        "Wait, wait!",
        "Hold on a second.",
        "No.",
        "No, no, no.",
        "Nooooo!",
        "Actually...",
        "Excuse me?",
        "Yeah, but what about Tuesday?",
        "Yeah, but",
        "Right, so",
        "Okay, stop.",
        "uh, wait",
        "What?",
        "What do you mean?",
        "I'd like to change my order.",
        "Can you repeat that?",
        "Hang on a moment please",
        "Two coffees with milk",
        "That's not what I said",
        "okay I have a question",
    ],
    "de": [
        "Stopp!",
        "Moment mal.",
        "Nein, nein.",
        "Ja, aber ...",
        "Entschuldigung, wie bitte?",
        "Was kostet das?",
        "Hör auf",
    ],
    "fr": [
        "Arrêtez !",
        "Attendez",
        "Non non non",
        "Oui, mais...",
        "Excusez-moi",
        "Combien ça coûte ?",
        "une seconde",
    ],
    "es": ["¡Para!", "Espera", "No, no", "Sí, pero...", "Perdón", "¿Cuánto cuesta?", "Un momento, por favor"],
    "zh": [
        "停！",
        "等一下",
        "等等",
        "不对",
        "不是，不是",
        "对，但是……",
        "嗯，我想问一下",
        "为什么？",
        "你好",
        "对不起",
        "請等一下",
        "今天天气怎么样",
    ],
}
LISTENERS = {
    "en": [
        "Yeah.",
        "Uh-huh.",
        "Mm-hmm.",
        "Mmmmm.",
        "Hmm",
        "Okay, okay.",
        "Yeah, yeah, yeah.",
        "'kay",
        "Right.",
        "Right, right, okay.",
        "I see.",
        "Oh, I see.",
        "Got it.",
        "Sure.",
        "Wow!",
        "Oh no.",
        "No problem.",
        "No way!",
        "That's right.",
        "Um, okay.",
        "Yep",
        "(coughs) yeah",
        "OKAY",
        "I see what you mean.",
        "Haha.",
        "Oh, really?",
        "Ahhh",
        "That makes sense",
    ],
    "de": ["Ja.", "Mhm.", "Ach so!", "Genau, genau.", "Ja, klar.", "Verstehe", "Natürlich.", "Oh nein"],
    "fr": ["Oui.", "D'accord", "Ah oui, oui.", "Je vois.", "Tout à fait.", "Mhm", "Voilà"],
    "es": ["Sí.", "Vale, vale.", "Ya veo", "Claro que sí.", "Ajá", "Entiendo", "No hay problema"],
    "zh": [
        "嗯。",
        "嗯嗯嗯",
        "对对对",
        "好的",
        "是的，是的。",
        "明白了",
        "没问题",
        "哦，原来如此",
        "知道了",
        "真的吗？",
        "對",
        "OK",
    ],
}
NEITHER = {
    "en": [
        "",
        "...",
        "Thank you.",
        "Thanks for watching!",
        "You",
        "[MUSIC]",
        "um",
        "Uh...",
        "謝謝",
        "Спасибо",
        "♪ ♪",
    ],
    "de": ["Vielen Dank.", "Äh"],
    "fr": ["Sous-titres réalisés par la communauté d'Amara.org", "euh"],
    "es": ["Gracias.", "eh"],
    "zh": ["谢谢观看", "呃", "Спасибо", "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目"],
}


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(language, text) for language, texts in table.items() for text in texts]


@pytest.mark.parametrize(("language", "text"), cases(TURNS))
def test_who_wants_the_floor_is_heard(language: str, text: str) -> None:
    opinion = opinion_of_text(text, language)
    assert opinion is not None
    assert opinion >= 0.75


@pytest.mark.parametrize(("language", "text"), cases(LISTENERS))
def test_a_listener_is_let_be(language: str, text: str) -> None:
    opinion = opinion_of_text(text, language)
    assert opinion is not None
    assert opinion <= 0.25


@pytest.mark.parametrize(("language", "text"), cases(NEITHER))
def test_what_says_nothing_is_no_opinion(language: str, text: str) -> None:
    assert opinion_of_text(text, language) is None


def test_content_speaks_for_a_turn_the_more_the_more() -> None:
    said = ["tickets", "tickets Berlin", "tickets Berlin tomorrow", "tickets Berlin tomorrow evening"]
    opinions = [opinion_of_text(text, "en") or 0.0 for text in said]
    assert opinions == sorted(opinions)
    assert opinions[0] < 0.7 < opinions[1]
    assert opinions[3] > 0.95
    after = opinion_of_text("yeah tickets", "en")
    assert after is not None
    assert 0.5 < after < 0.7


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "I"), ("en", "that's"), ("en", "yeah I"), ("en", "right, so"), ("en", "yeah tick"), ("zh", "知")],
)
def test_what_may_yet_become_a_listeners_phrase_is_waited_for(language: str, text: str) -> None:
    assert opinion_of_text(text, language, more_to_come=True) is None
    assert (opinion_of_text(text, language) or 0.0) > 0.5


@pytest.mark.parametrize("text", ["no", "wait", "stop ri", "yeah but I thi", "can you tell me abo"])
def test_what_is_told_already_is_not_waited_for(text: str) -> None:
    assert (opinion_of_text(text, "en", more_to_come=True) or 0.0) > 0.8


@pytest.mark.parametrize("text", ["oh", "that's right, yes", "uh-huh, mm"])
def test_a_listeners_word_that_may_become_a_longer_one_is_one(text: str) -> None:
    assert (opinion_of_text(text, "en", more_to_come=True) or 1.0) < 0.3


def test_a_listener_who_goes_on_is_less_sure_to_be_one() -> None:
    ended, going_on = (opinion_of_text("yeah", "en", more_to_come=more) for more in (False, True))
    assert ended is not None
    assert going_on is not None
    assert ended < going_on < 0.3


@pytest.mark.parametrize("tag", ["en", "en-GB", "EN_us", "zh-Hant-TW", "cmn"])
def test_a_language_is_known_by_its_tag(tag: str) -> None:
    assert opinion_of_text("ok", tag) == pytest.approx(0.04)


@pytest.mark.parametrize("tag", ["", "tlh", "x"])
def test_no_lists_no_opinion(tag: str) -> None:
    assert lexicon(tag) is None
    assert units("stop", tag) == ()
    assert opinion_of_text("stop", tag) is None


def test_the_longest_phrase_wins() -> None:
    assert [unit.group for unit in units("No problem, no!", "en")] == [Group.ASSENT, Group.COMMAND]
    assert units("Mm-hmm, I'm thirsty", "en")[0].tokens == ("mm", "hmm")


@pytest.mark.parametrize("language", sorted(languages()))
def test_the_lists_are_in_order(language: str) -> None:
    """Each phrase in one group, written as it is looked up, and none that another rule would swallow."""
    import tomllib
    from pathlib import Path

    from antiphon.plugins.judges import words

    table = tomllib.loads(Path(words.__file__).with_name("words.toml").read_text(encoding="utf-8"))[language]
    groups = [group.value for group in Group if group is not Group.CONTENT]
    assert set(table) == {*groups, "invented", "sounds", "words_per_token"}
    seen: dict[str, str] = {}
    for group in groups:
        assert table[group], group
        for text in table[group]:
            read = " ".join(token for unit in units(text, language) for token in unit.tokens)
            assert read not in seen, f"{text!r} is in {seen.get(read)} and {group}"
            seen[read] = group
            (unit,) = units(text, language)
            assert unit.group.value == group


@given(st.text(max_size=60), st.sampled_from(sorted(languages())), st.booleans())
def test_any_text_gives_a_probability_or_none(text: str, language: str, more: bool) -> None:
    opinion = opinion_of_text(text, language, more_to_come=more)
    assert opinion is None or 0.0 < opinion < 1.0


@given(st.lists(st.sampled_from(["yeah", "okay", "mm-hmm", "right", "I see"]), min_size=1, max_size=8))
def test_listeners_words_stay_so_in_any_number(said: list[str]) -> None:
    assert opinion_of_text(", ".join(said), "en") == pytest.approx(0.04)


@given(
    st.lists(st.sampled_from(["yeah", "okay", "mm-hmm", "right"]), max_size=4),
    st.sampled_from(["stop", "wait", "no", "hold on"]),
)
def test_a_command_is_heard_after_any_listeners_words(before: list[str], command: str) -> None:
    assert (opinion_of_text(" ".join([*before, command]), "en") or 0.0) > 0.9
