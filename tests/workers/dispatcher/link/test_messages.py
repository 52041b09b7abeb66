"""What is said on the link."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.workers.dispatcher.link.messages import (
    MAX_FRAME,
    Answer,
    Ask,
    Checkpoint,
    Drain,
    HandOver,
    Hello,
    LinkError,
    Message,
    Settled,
    State,
    Welcome,
    read,
    write,
)

NAME = st.text(max_size=20)
NUMBER = st.integers(0, 2**63 - 1)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Hello, NAME, NAME, NUMBER, NAME, NAME),
    st.builds(State, st.dictionaries(NAME, NAME), st.dictionaries(NAME, NAME), st.booleans(), st.booleans()),
    st.builds(Checkpoint, NAME, NUMBER, NAME),
    st.builds(Ask, NAME, NUMBER),
    st.builds(Welcome, st.booleans()),
    st.builds(Settled, st.lists(NAME)),
    st.just(Drain()),
    st.builds(HandOver, NAME),
    st.builds(Answer, NUMBER, NUMBER, NAME),
)


@given(MESSAGES)
def test_a_message_comes_over_as_it_was_sent(message: Message) -> None:
    assert read(write(message)) == message


@given(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1")), st.from_type(dict).map(str)))
def test_garbage_is_refused_and_breaks_nothing(frame: str) -> None:
    with pytest.raises(LinkError):
        read(frame)


@given(
    kind=st.sampled_from(
        ["hello", "state", "checkpoint", "ask", "settled", "hand_over", "answer", "welcome"]
    ),
    field=st.sampled_from(
        ["worker", "slots", "serving", "identities", "number", "drain", "body", "identity"]
    ),
    value=st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
        max_leaves=5,
    ),
)
def test_a_field_of_any_value_is_taken_or_refused_and_never_of_the_wrong_type(
    kind: str, field: str, value: object
) -> None:
    frame = json.dumps({"kind": kind, field: value})
    try:
        message = read(frame)
    except LinkError:
        return
    assert read(write(message)) == message


def test_fields_of_a_newer_version_are_ignored() -> None:
    assert read('{"kind": "drain", "after_s": 5}') == Drain()


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ('"hello"', "no known kind"),
        ('{"kind": "dance"}', "no known kind"),
        ('{"kind": ["hello"]}', "no known kind"),
        ('{"kind": "hello", "worker": "w"}', r"hello: \['agent', 'host', 'label', 'slots'\]"),
        ('{"kind": "hello", "worker": 5}', r"hello\.worker = 5"),
        ('{"kind": "ask", "call": "c", "number": true}', r"ask\.number = True"),
        ('{"kind": "ask", "call": "c", "number": -1}', r"ask\.number = -1"),
        ('{"kind": "state", "serving": {"a": 1}}', r"state\.serving"),
        ('{"kind": "hand_over", "identity": "' + "x" * 600 + '"}', r"hand_over\.identity"),
        (" " * (MAX_FRAME + 1), "too long"),
    ],
)
def test_what_is_wrong_is_said(frame: str, said: str) -> None:
    with pytest.raises(LinkError, match=said):
        read(frame)
