from __future__ import annotations

import base64

import numpy as np
import pytest

from antiphon.plugins.local.protocol.audio import decode, encode
from antiphon.plugins.local.protocol.outputs import Refusal

PCM = {"type": "audio/pcm", "rate": 24000}


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def test_pcm_passes_unchanged() -> None:
    samples = np.array([0, 1, -1, 32767, -32768], dtype=np.int16)
    assert np.array_equal(decode(encode(samples, PCM), PCM), samples)


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("audio/pcmu", 0xFF, 0),
        ("audio/pcmu", 0x80, 32124),
        ("audio/pcmu", 0x00, -32124),
        ("audio/pcma", 0xD5, 8),
        ("audio/pcma", 0xAA, 32256),
        ("audio/pcma", 0x2A, -32256),
    ],
)
def test_g711_by_the_standards_values(kind: str, code: int, value: int) -> None:
    decoded = decode(b64(bytes([code] * 10)), {"type": kind})
    assert len(decoded) == 30  # 8 kHz to 24
    assert set(decoded.tolist()) == {value}


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_tone_survives_the_telephone(kind: str) -> None:
    tone = (8000 * np.sin(np.arange(24_000) * 2 * np.pi * 440 / 24_000)).astype(np.int16)
    back = decode(encode(tone, {"type": kind}), {"type": kind})
    shift = back[300:-300].astype(float), tone[300 : len(back) - 300].astype(float)
    assert np.corrcoef(*shift)[0, 1] > 0.99


@pytest.mark.parametrize("wrong", [None, 5, "***", "AAA", b64(b"odd")])
def test_what_is_no_audio_is_refused(wrong: object) -> None:
    with pytest.raises(Refusal):
        decode(wrong, PCM)


def test_nothing_is_nothing() -> None:
    for kind in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        assert len(decode("", {"type": kind})) == 0
