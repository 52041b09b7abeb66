from __future__ import annotations

import sys
from types import ModuleType

import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.caller.microphone import open_devices


class Device(ModuleType):
    class PortAudioError(Exception):
        pass

    def __init__(self, found: bool) -> None:
        super().__init__("sounddevice")
        self.found = found

    def query_devices(self, kind: str) -> dict[str, str]:
        if not self.found:
            raise self.PortAudioError("Error querying device -1")
        return {"name": f"the {kind}"}


def test_devices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(True))
    devices = open_devices()
    assert (devices.microphone, devices.speaker) == ("the input", "the output")


def test_no_device_is_one_line_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Device(False))
    with pytest.raises(MediaError, match=r"no microphone was found.*--say"):
        open_devices()
