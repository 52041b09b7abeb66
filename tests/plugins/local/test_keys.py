"""Keys that are taken, and for how long."""

from __future__ import annotations

from antiphon.plugins.local import keys
from antiphon.plugins.local.keys import Keys, Secret


def test_a_servers_key_is_taken_and_no_other() -> None:
    mine = Keys("right")
    assert mine.check("right", 0.0) is True
    assert [mine.check(key, 0.0) for key in ("", "wrong", "right ", "ek_right", "ключ")] == [False] * 5
    assert not mine.any


def test_without_one_any_is_taken_but_an_unknown_ephemeral() -> None:
    any_key = Keys(None)
    assert any_key.any
    assert any_key.check("whatever", 0.0) is True
    assert any_key.check("", 0.0) is False
    assert any_key.check("ek_0123", 0.0) is False


def test_an_ephemeral_key_opens_until_it_expires() -> None:
    mine = Keys("right")
    secret = mine.make({"type": "realtime"}, 10, 100.0)
    assert secret.value.startswith("ek_")
    assert secret.expires_at == 110.0
    for wall in (100.0, 109.9):
        assert mine.check(secret.value, wall) == secret
    assert mine.check(secret.value, 110.0) is False
    assert mine.make({}, 10, 100.0).value != secret.value


def test_a_flood_of_them_takes_bounded_memory() -> None:
    mine = Keys("right")
    made = [mine.make({}, 100, 0.0) for _ in range(keys._MAX_SECRETS + 5)]
    assert mine.check(made[4].value, 1.0) is False
    assert isinstance(mine.check(made[5].value, 1.0), Secret)
    mine.make({}, 100, 200.0)
    assert len(mine._secrets) == 1
