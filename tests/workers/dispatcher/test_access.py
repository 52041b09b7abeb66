"""Who may do what."""

from __future__ import annotations

import pytest
from livekit import api

from antiphon.workers.dispatcher.access import AccessError, Role, check_access, make_access

KEY, SECRET = "key", "a-secret-of-at-least-32-characters"


def check(token: str, *roles: Role) -> str:
    return check_access(f"Bearer {token}", KEY, SECRET, *roles)


def test_a_token_opens_what_it_is_for_and_an_operators_opens_everything() -> None:
    assert check(make_access(KEY, SECRET, Role.WORKER, name="w1"), Role.WORKER) == "w1"
    assert check(make_access(KEY, SECRET, Role.OPERATOR), Role.WORKER) == "operator"


def test_a_token_opens_nothing_else() -> None:
    with pytest.raises(AccessError, match="calls or operator") as caught:
        check(make_access(KEY, SECRET, Role.WORKER), Role.CALLS)
    assert caught.value.status == 403


def test_a_token_that_lets_a_person_into_a_room_opens_nothing() -> None:
    token = (
        api.AccessToken(KEY, SECRET).with_identity("p").with_grants(api.VideoGrants(room_join=True, room="r"))
    )
    with pytest.raises(AccessError) as caught:
        check(token.to_jwt(), Role.CALLS)
    assert caught.value.status == 403


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer nonsense", "Bearer a.b.c"])
def test_what_is_no_token_is_refused(header: str) -> None:
    with pytest.raises(AccessError) as caught:
        check_access(header, KEY, SECRET, Role.CALLS)
    assert caught.value.status == 401


def test_a_forged_or_old_token_is_refused() -> None:
    forged = make_access(KEY, "another-secret-of-at-least-32-chars", Role.OPERATOR)
    other_key = make_access("other", SECRET, Role.OPERATOR)
    old = make_access(KEY, SECRET, Role.OPERATOR, ttl_s=-120)
    for token in (forged, other_key, old):
        with pytest.raises(AccessError) as caught:
            check(token, Role.CALLS)
        assert caught.value.status == 401
        assert token not in str(caught.value)
