"""Tokens carry who, where, and which agent to bring."""

from __future__ import annotations

from livekit import api

from antiphon.workers.tokens import make_token

KEY, SECRET = "key", "s" * 32


def claims(token: str) -> api.Claims:
    return api.TokenVerifier(KEY, SECRET).verify(token)


def test_a_person_may_join_speak_listen_and_send_data() -> None:
    token = claims(make_token(api_key=KEY, api_secret=SECRET, room="r", identity="ann"))
    assert (token.identity, token.name) == ("ann", "ann")
    assert token.video is not None
    assert (token.video.room_join, token.video.room) == (True, "r")
    assert (token.video.can_publish, token.video.can_subscribe, token.video.can_publish_data) == (True,) * 3
    assert not token.video.room_admin
    assert not token.room_config


def test_an_agent_by_name_comes_with_its_metadata() -> None:
    token = claims(
        make_token(
            api_key=KEY, api_secret=SECRET, room="r", identity="ann", agent="desk", metadata="m", name="Ann"
        )
    )
    assert token.name == "Ann"
    assert token.room_config is not None
    assert [(part.agent_name, part.metadata) for part in token.room_config.agents] == [("desk", "m")]


def test_attributes_and_kind_are_kept() -> None:
    token = claims(
        make_token(
            api_key=KEY, api_secret=SECRET, room="r", identity="a", attributes={"x": "1"}, kind="agent"
        )
    )
    assert token.attributes == {"x": "1"}
    assert token.kind == "agent"
    assert token.video is not None
    assert token.video.agent
