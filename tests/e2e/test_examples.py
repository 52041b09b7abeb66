"""The examples run as they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from livekit.agents import AgentServer
from numpy.typing import NDArray

from antiphon.agents import timeline as tl
from antiphon.plugins.local.testing import Say
from antiphon.workers.appfile import load_app

ROOT = Path(__file__).parents[2]


@pytest.mark.sfu
async def test_the_receptionist_greets_and_books(open_call: Any, question: NDArray[np.int16]) -> None:
    server = load_app(str(ROOT / "examples" / "receptionist.py"))
    assert isinstance(server, AgentServer)
    import receptionist

    script = [
        Say("Welcome, how can I help?"),
        Say(tools=[("book_table", '{"name": "Anna", "people": 4, "time": "seven"}')]),
        Say("Your table is booked."),
    ]
    async with open_call(script, agent=receptionist.Receptionist()) as call:
        assert await call.until(lambda: any("Welcome" in line.text for line in call.caller.lines))
        assert await call.until(lambda: call.caller.states[-1][1] == "listening")
        await call.caller.play(question)
        assert await call.until(lambda: any("booked" in line.text for line in call.caller.lines))
        assert receptionist.TABLES == ["Anna"]
        assert call.session.timeline.of(tl.ToolCall)[0].name == "book_table"


def test_the_readmes_agent_is_an_app(tmp_path: Path) -> None:
    code = (ROOT / "README.md").read_text().split("```python\n")[1].split("```")[0]
    app = tmp_path / "readme_bot.py"
    app.write_text(code)
    assert isinstance(load_app(str(app)), AgentServer)


def test_the_servers_configuration_is_yaml_that_names_no_secret() -> None:
    import yaml

    made = yaml.safe_load((ROOT / "livekit.yaml").read_text())
    assert made["audio"]["active_red_encoding"] is True
    assert "keys" not in made
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert set(compose["services"]) == {"livekit", "model", "worker"}


@pytest.mark.sfu
async def test_the_shopping_list_is_talked_to_with_a_key(
    open_call: Any, question: NDArray[np.int16], capsys: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(load_app(str(ROOT / "examples" / "push_to_talk.py")), AgentServer)
    import push_to_talk

    script = [Say(tools=[("add", '{"item": "milk"}')]), Say("Milk is on the list.")]
    assistant = push_to_talk.Assistant()
    async with open_call(script, agent=assistant, make_session=push_to_talk.new_session) as call:
        await call.caller.say(question)
        assert await call.until(lambda: any("Milk" in line.text for line in call.caller.lines))
        assert assistant.items == ["milk"]
        changed = await call.caller.request("antiphon.update", '{"tools": {"add": false}}')
        assert changed == '{"changed": ["tools"]}'
        assert assistant.tools == []
    assert "tokens in" in capsys.readouterr().out
