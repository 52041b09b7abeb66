"""The wire's audio formats: 16-bit PCM at 24 kHz, and G.711 mu-law and A-law at 8 kHz.

G.711 (ITU-T G.711) by table; its 8 kHz are brought to 24 kHz and back by linear interpolation and a
3-tap mean, which is plenty for a demonstration model over a telephone codec.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from antiphon.plugins.local.engines import Samples
from antiphon.plugins.local.protocol.outputs import Refusal

__all__ = ["decode", "encode"]

MAX_BYTES = 15 * 1024 * 1024  # an append's audio; OpenAI's limit


def _ulaw_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return np.where(code & 0x80, 0x84 - magnitude, magnitude - 0x84).astype(np.int16)


def _alaw_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = (code & 0x70) >> 4
    magnitude = (code & 0x0F) << 4
    value = np.where(segment == 0, magnitude + 8, (magnitude + 0x108) << np.maximum(segment - 1, 0))
    return np.where(code & 0x80, value, -value).astype(np.int16)


_TABLES = {"audio/pcmu": _ulaw_table(), "audio/pcma": _alaw_table()}


def _nearest(table: NDArray[np.int16]) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    order = np.argsort(table, kind="stable")
    values = table[order].astype(np.int32)
    return (values[1:] + values[:-1]) // 2, order.astype(np.uint8)


_ENCODERS = {name: _nearest(table) for name, table in _TABLES.items()}


def decode(text: object, form: Mapping[str, Any]) -> Samples:
    """Base64 of the wire as int16 mono at 24 kHz.

    Raises:
        Refusal: It is no base64, half a sample, or too large.
    """
    if not isinstance(text, str):
        raise Refusal("missing_required_parameter", "Missing required parameter: 'audio'.", "audio")
    if len(text) > MAX_BYTES * 4 // 3 + 4:
        raise Refusal("invalid_value", f"audio is larger than {MAX_BYTES} bytes.", "audio")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal("invalid_value", "audio is not valid base64.", "audio") from None
    kind = form["type"]
    if kind == "audio/pcm":
        if len(raw) % 2:
            raise Refusal("invalid_value", "audio has half a sample: 16-bit PCM is expected.", "audio")
        return np.frombuffer(raw, dtype="<i2").astype(np.int16)
    narrow = _TABLES[kind][np.frombuffer(raw, dtype=np.uint8)]
    if not len(narrow):
        return narrow
    wide = np.interp(np.arange(len(narrow) * 3) / 3, np.arange(len(narrow)), narrow)
    return wide.astype(np.int16)


def encode(samples: Samples, form: Mapping[str, Any]) -> str:
    """Int16 mono at 24 kHz as base64 of the wire."""
    kind = form["type"]
    if kind == "audio/pcm":
        return base64.b64encode(samples.astype("<i2").tobytes()).decode()
    whole = samples[: len(samples) // 3 * 3].reshape(-1, 3).astype(np.int32).mean(axis=1)
    edges, order = _ENCODERS[kind]
    return base64.b64encode(order[np.searchsorted(edges, whole)].tobytes()).decode()
