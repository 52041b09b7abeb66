from __future__ import annotations

import pytest

from antiphon.agents.errors import MisuseError
from antiphon.agents.media import detector
from antiphon.plugins.silero import SileroVad


def test_the_installed_detector_is_silero_and_each_call_has_its_own() -> None:
    one, other = detector.default_detector(), detector.default_detector()
    assert isinstance(one, SileroVad)
    assert one is not other


def test_without_any_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detector, "entry_points", lambda group: [])
    detector._default.cache_clear()
    try:
        with pytest.raises(MisuseError, match="voice_detector"):
            detector.default_detector()
        detector.warm_up()  # nothing to warm is no fault
    finally:
        detector._default.cache_clear()
