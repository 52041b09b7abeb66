from __future__ import annotations

import pickle

import pytest

from antiphon.agents import errors
from antiphon.agents.errors import AntiphonError, ConfigError, ModelUnavailable, ServerUnavailable


def test_a_message_says_what_happened_the_value_and_what_to_do() -> None:
    error = ServerUnavailable("the server did not answer", value="ws://127.0.0.1:1", hint="Start one.")
    assert str(error) == "the server did not answer (ws://127.0.0.1:1). Start one."
    assert str(AntiphonError("it broke")) == "it broke"


def test_a_wrong_setting_names_field_value_and_range() -> None:
    error = ConfigError("TurnTaking.silence_s", -1, "0.1 to 5 s")
    assert str(error) == "TurnTaking.silence_s cannot be -1. Allowed: 0.1 to 5 s."
    assert (error.field, error.value, error.allowed) == ("TurnTaking.silence_s", -1, "0.1 to 5 s")


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_crosses_a_pipe_with_its_fields(name: str) -> None:
    kind = getattr(errors, name)
    made = kind("field", 3, "1 to 2") if kind is ConfigError else kind("what", value=3, hint="Do it.")
    copy = pickle.loads(pickle.dumps(made))
    assert type(copy) is kind
    assert str(copy) == str(made)
    assert copy.__dict__ == made.__dict__


def test_whether_a_retry_may_help_needs_no_look_at_the_text() -> None:
    assert ModelUnavailable("x").retryable
    assert not ConfigError("a", 1, "b").retryable


def test_the_tree_has_one_root_and_is_exported_whole() -> None:
    kinds = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, AntiphonError)
    }
    assert kinds == set(errors.__all__)
