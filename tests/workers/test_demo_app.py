from __future__ import annotations

from livekit.agents import AgentServer

from antiphon.workers.appfile import load_app
from antiphon.workers.demo_app import Receptionist, server


async def test_it_is_an_app_whose_agent_has_two_tools() -> None:
    assert isinstance(server, AgentServer)
    agent = Receptionist()
    assert {tool.info.name for tool in agent.tools} == {"weather", "opening_hours"}
    assert "eighteen degrees" in await agent.weather("Paris")
    assert "closed" in await agent.opening_hours("Monday")
    assert "noon" in await agent.opening_hours("Friday")


def test_the_command_finds_its_server() -> None:
    from antiphon.workers import demo_app

    assert isinstance(load_app(str(demo_app.__file__)), AgentServer)
