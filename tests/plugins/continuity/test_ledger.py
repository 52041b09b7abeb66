from __future__ import annotations

import pytest
from livekit.agents import llm

from antiphon.plugins.continuity.ledger import Ledger, shortened
from tests.plugins.continuity.rig import voice


def user(item_id: str, *content: str) -> llm.ChatMessage:
    return llm.ChatMessage(id=item_id, role="user", content=list(content))


def lines(context: llm.ChatContext) -> list[tuple[str, str]]:
    return [(i.id, (i.text_content or "") if i.type == "message" else i.type) for i in context.items]


def talked() -> Ledger:
    ledger = Ledger()
    ledger.place(user("u1"), None)
    ledger.user_said("u1", "hello")
    ledger.place(llm.ChatMessage(id="a1", role="assistant", content=[]), "u1")
    ledger.agent_said("a1", "hi there you", 2.0)
    return ledger


def test_it_is_what_was_said_under_the_ids_it_was_said_under() -> None:
    ledger = talked()
    assert lines(ledger.context()) == [("u1", "hello"), ("a1", "hi there you")]
    assert len(ledger) == 2
    assert not ledger.place(user("u1", "again"), None)
    assert not ledger.user_said("u1", "again")
    ledger.place(user("u0", "before"), None)
    ledger.place(user("u2", "between"), "u1")
    assert [i.id for i in ledger] == ["u1", "u2", "a1", "u0"]


def test_every_change_and_only_a_change_is_a_version() -> None:
    ledger = talked()
    before = ledger.version
    ledger.agent_said("a1", "hi there you", 2.5)
    ledger.drop("nobody")
    assert ledger.version == before
    ledger.agent_said("a1", "hi there you all", 2.5)
    assert ledger.version == before + 1


@pytest.mark.parametrize(
    ("text", "audio_s", "left"),
    [
        ("hi", 0.3, "hi"),
        (None, 1.0, "hi there"),
        (None, 9.0, "hi there you"),
        (None, 0.0, None),
        ("", 1.0, None),
    ],
)
def test_of_a_reply_that_was_cut_what_was_heard_stays(
    text: str | None, audio_s: float, left: str | None
) -> None:
    ledger = talked()
    ledger.agent_heard("a1", text, audio_s)
    item = ledger.get("a1")
    if left is None:
        assert item is None
    else:
        assert item is not None
        assert item.type == "message"
        assert item.text_content == left
        assert item.interrupted
    assert ledger.agent_heard("nobody", "x", 1.0) is None


def test_a_copy_is_given_and_a_copy_taken() -> None:
    ledger, mine = Ledger(), user("u1")
    ledger.place(mine, None)
    mine.content.append("a plugin adds its transcript")
    assert lines(ledger.context()) == [("u1", "")]
    ledger.context().items[0].content.append("nor this")  # type: ignore[union-attr]
    assert lines(ledger.context()) == [("u1", "")]


def test_a_session_is_given_no_empty_message_and_the_sound_of_one_without_words() -> None:
    ledger = talked()
    ledger.place(user("u2"), "a1")
    ledger.place(user("u3"), "u2")
    ledger.place(llm.FunctionCall(id="f1", call_id="c1", name="look", arguments=""), "u3")
    ledger.place(llm.ChatMessage(id="a2", role="assistant", content=[]), "f1")
    assert lines(ledger.seed(leave_out={"u1"})) == [("a1", "hi there you")]
    frames = voice(0.2)
    given = ledger.seed(audio_of={"u3": frames}.get).items[-1]
    assert given.type == "message"
    (content,) = given.content
    assert isinstance(content, llm.AudioContent)
    assert content.frame == frames
    ledger.called(llm.FunctionCall(id="f1", call_id="c1", name="look", arguments="{}"))
    assert ledger.seed().items[-1].type == "function_call"


def test_the_applications_version_replaces_it_but_what_is_forgotten_stays_so() -> None:
    ledger = talked()
    summary = llm.ChatMessage(id="s", role="system", content=["they greeted"])
    ledger.forget(ledger.cut_to(llm.ChatContext([summary])))
    assert lines(ledger.context()) == [("s", "they greeted")]
    ledger.replace(llm.ChatContext([summary, user("u1", "hello"), user("u9", "new")]))
    assert lines(ledger.context()) == [("s", "they greeted"), ("u9", "new")]


def test_a_cut_is_seen_by_the_session_that_comes_before_it_is_made() -> None:
    ledger = talked()
    kept = llm.ChatContext(
        [llm.ChatMessage(id="s", role="system", content=["sum"]), ledger.context().items[1]]
    )
    cut = ledger.cut_to(kept)
    ledger.user_said("u2", "and this came meanwhile")
    assert [i.id for i in ledger.seed(cut=cut).items] == ["s", "a1", "u2"]
    ledger.forget(cut)
    assert [i.id for i in ledger] == ["s", "a1", "u2"]


def test_a_shortened_conversation_begins_with_a_turn_and_has_no_result_without_its_call() -> None:
    items: list[llm.ChatItem] = [llm.ChatMessage(id="sys", role="system", content=["rules"])]
    for n in range(6):
        items += [
            user(f"u{n}", "x"),
            llm.FunctionCall(id=f"f{n}", call_id=f"c{n}", name="t", arguments="{}"),
            llm.FunctionCallOutput(id=f"o{n}", call_id=f"c{n}", name="t", output="", is_error=False),
            llm.ChatMessage(id=f"a{n}", role="assistant", content=["y"]),
        ]
    kept = [item.id for item in shortened(llm.ChatContext(items), 0.5).items]
    assert kept[:2] == ["sys", "u3"]
    assert len(kept) == 13
    no_turns = llm.ChatContext([i for i in items if i.type != "message"])
    assert [i.id for i in shortened(no_turns, 0.25).items] == ["f5", "o5"]
