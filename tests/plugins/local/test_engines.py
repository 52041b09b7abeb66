from __future__ import annotations

import inspect

import pytest

from antiphon.plugins.local import engines
from antiphon.plugins.local.brain_builtin import BuiltinBrain
from antiphon.plugins.local.brain_chat import ChatBrain
from antiphon.plugins.local.ears import WhisperEars
from antiphon.plugins.local.voice import EspeakVoice, PiperVoice


@pytest.mark.parametrize(
    ("protocol", "method", "kinds"),
    [
        (engines.Ears, "hear", [WhisperEars]),
        (engines.Brain, "reply", [BuiltinBrain, ChatBrain]),
        (engines.Voice, "speak", [PiperVoice, EspeakVoice]),
    ],
)
def test_the_shipped_engines_have_the_interfaces(protocol: type, method: str, kinds: list[type]) -> None:
    wanted = list(inspect.signature(getattr(protocol, method)).parameters)
    for kind in kinds:
        assert list(inspect.signature(getattr(kind, method)).parameters) == wanted
