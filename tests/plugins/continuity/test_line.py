from __future__ import annotations

from typing import Any

from livekit.agents import llm

from antiphon.plugins.continuity.facts import Reason
from antiphon.plugins.continuity.ledger import Ledger
from antiphon.plugins.continuity.line import Line, Setup
from tests.plugins.continuity.rig import FakeModel, FakeSession, run_virtual


def line(session: Any) -> Line:
    return Line(1, 0, Reason.FIRST, session)


def message(item_id: str, text: str, role: Any = "assistant") -> llm.ChatMessage:
    return llm.ChatMessage(id=item_id, role=role, content=[text] if text else [])


def test_it_is_set_up_given_the_conversation_and_seen_to_be_open() -> None:
    async def check() -> None:
        session = FakeSession(FakeModel())
        made = line(session)
        await made.set_up(Setup(instructions="be brief", tools=[]))
        assert session.instructions == "be brief"
        await made.give(llm.ChatContext([message("u1", "hi", "user")]), 7)
        assert made.version == 7
        assert made.given == {"u1"}
        assert [item.id for item in session.items] == ["u1"]
        await made.close()
        assert session.dead

    run_virtual(check())


def test_handlers_are_taken_away_again_and_go_with_it_to_another_session() -> None:
    async def check() -> None:
        model = FakeModel()
        first, second = FakeSession(model), FakeSession(model)
        made, heard = line(first), []
        made.attach({"peculiar": heard.append})
        first.emit("peculiar", 1)
        assert made.renew(second) is first
        first.emit("peculiar", 2)
        second.emit("peculiar", 3)
        made.detach()
        second.emit("peculiar", 4)
        assert heard == [1, 3]
        for session in (first, second):
            await session.aclose()

    run_virtual(check())


def test_its_own_record_stands_for_what_was_made_in_it() -> None:
    async def check() -> None:
        session = FakeSession(FakeModel())
        made, ledger = line(session), Ledger()
        ledger.place(message("old", "said before"), None)
        ledger.place(message("u1", "hello", "user"), "old")
        ledger.place(message("a1", "as heard"), "u1")
        session.items = [
            message("old", "all of it"),
            message("u1-here", "", "user"),
            message("a1", "in full"),
        ]
        made.born = {"a1"}
        made.names = {"u1-here": "u1"}
        view = made.view(ledger, ledger.seed())
        assert [(i.id, i.text_content or "") for i in view.items if i.type == "message"] == [
            ("old", "said before"),
            ("u1-here", ""),
            ("a1", "in full"),
        ]
        assert made.name("u1-here") == "u1"
        await session.aclose()

    run_virtual(check())


def test_a_session_that_raises_as_it_is_closed_does_no_harm() -> None:
    class Broken(FakeSession):
        async def aclose(self) -> None:
            await super().aclose()
            raise RuntimeError("what ended it")

    async def check() -> None:
        await line(Broken(FakeModel())).close()

    run_virtual(check())
