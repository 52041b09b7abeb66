"""Opus, from the libopus that PyAV brings: with what PyAV's own interface to it leaves out.

PyAV decodes packets that are there. libopus also fills in for one that is not, from what came before
(packet loss concealment) or from the copy that the next packet may carry (in-band FEC, RFC 6716 section
2.1.7), and decodes to 24 kHz mono without another resampler. Hence ctypes, over the very library that
aiortc has loaded already. Sounds are int16 mono at 24 kHz everywhere.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import ConfigError, MediaError

__all__ = ["FRAME_SAMPLES", "RATE_HZ", "OpusDecoder", "OpusEncoder", "packet_samples"]

RATE_HZ = 24_000  # Hz; one of the five rates libopus codes at
FRAME_SAMPLES = 480  # 20 ms
_CLOCK_HZ = 48_000  # of RTP timestamps, whatever the audio's rate (RFC 7587 section 4.1)
_MAX_SAMPLES = RATE_HZ * 120 // 1000  # of a packet; RFC 6716 section 3.2.5
_MAX_BYTES = 1275  # of a frame; RFC 6716 section 3.2.1

# opus_defines.h
_APPLICATION_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _SET_FEC, _SET_LOSS, _SET_SIGNAL = 4002, 4010, 4012, 4014, 4024
_SIGNAL_VOICE = 3001

_BITRATE = 40_000  # bit/s; chosen: full band speech in mono, with room for FEC
_COMPLEXITY = 5  # of 0 to 10; chosen: half of 10's time, hard to tell apart in speech
_LOSS_PERCENT = 10  # what FEC is made for; chosen

Samples = NDArray[np.int16]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """libopus: PyAV's, else the system's.

    Raises:
        ConfigError: There is none.
    """
    package = Path(av.__file__).parent
    folders = (package.parent / "av.libs", package / ".dylibs", package)
    found = [str(path) for folder in folders for path in sorted(folder.glob("*opus*")) if path.is_file()]
    if system := ctypes.util.find_library("opus"):
        found.append(system)
    for name in found:
        try:
            library = ctypes.CDLL(name)
            library.opus_decode.restype = library.opus_encode.restype = ctypes.c_int
        except (OSError, AttributeError):
            continue
        library.opus_decoder_create.restype = library.opus_encoder_create.restype = ctypes.c_void_p
        library.opus_decoder_destroy.argtypes = library.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
        library.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int]
        return library
    raise ConfigError("libopus", None, "the library that the package av brings, or the system's own")


def packet_samples(payload: bytes) -> int:
    """How long a packet is in RTP time, samples at 48 kHz; 0 if it is no Opus packet.

    RFC 6716 section 3.1: the first byte tells the frame's length and how many frames there are.
    """
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    frames = (1, 2, 2, payload[1] & 0x3F if len(payload) > 1 else 0)[code]
    samples = frames * frame
    return samples if samples <= _CLOCK_HZ * 120 // 1000 else 0


class OpusDecoder:
    """One stream of packets into sound. Not for several threads at once."""

    def __init__(self) -> None:
        error = ctypes.c_int()
        self._library = _library()
        self._state = ctypes.c_void_p(
            self._library.opus_decoder_create(ctypes.c_int32(RATE_HZ), 1, ctypes.byref(error))
        )
        if error.value:
            raise MediaError(f"libopus made no decoder (error {error.value})")
        self._sound = np.empty(_MAX_SAMPLES, dtype=np.int16)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._library.opus_decoder_destroy(state)

    def decode(self, payload: bytes) -> Samples:
        """A packet's sound. What cannot be decoded is concealed, 20 ms of it."""
        count = self._decode(payload, len(payload), _MAX_SAMPLES, 0)
        return self._taken(count) if count > 0 else self.conceal(FRAME_SAMPLES)

    def conceal(self, samples: int) -> Samples:
        """Sound in the place of a packet that is lost: what came before, carried on and faded."""
        return self._whole(self._decode(None, 0, samples, 0), samples)

    def recover(self, following: bytes, samples: int) -> Samples:
        """Sound in the place of a lost packet from the copy in the one that follows, if it holds one."""
        return self._whole(self._decode(following, len(following), samples, 1), samples)

    def _decode(self, payload: bytes | None, size: int, samples: int, fec: int) -> int:
        sound = self._sound.ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        return int(self._library.opus_decode(self._state, payload, size, sound, samples, fec))

    def _taken(self, count: int) -> Samples:
        return self._sound[:count].copy()

    def _whole(self, count: int, samples: int) -> Samples:
        """``samples`` of sound, silence where the decoder gave less."""
        sound = np.zeros(samples, dtype=np.int16)
        count = min(max(count, 0), samples)
        sound[:count] = self._sound[:count]
        return sound


class OpusEncoder:
    """Sound into packets of 20 ms with in-band FEC. Not for several threads at once."""

    def __init__(self) -> None:
        error = ctypes.c_int()
        self._library = _library()
        self._state = ctypes.c_void_p(
            self._library.opus_encoder_create(
                ctypes.c_int32(RATE_HZ), 1, _APPLICATION_VOIP, ctypes.byref(error)
            )
        )
        if error.value:
            raise MediaError(f"libopus made no encoder (error {error.value})")
        for request, value in (
            (_SET_BITRATE, _BITRATE),
            (_SET_COMPLEXITY, _COMPLEXITY),
            (_SET_SIGNAL, _SIGNAL_VOICE),
            (_SET_FEC, 1),
            (_SET_LOSS, _LOSS_PERCENT),
        ):
            self._library.opus_encoder_ctl(self._state, request, ctypes.c_int32(value))
        self._packet = ctypes.create_string_buffer(_MAX_BYTES)

    def __del__(self) -> None:
        if state := getattr(self, "_state", None):
            self._library.opus_encoder_destroy(state)

    def encode(self, frame: Samples) -> bytes:
        """A frame of `FRAME_SAMPLES` as a packet.

        Raises:
            MediaError: It has another length.
        """
        if len(frame) != FRAME_SAMPLES:
            raise MediaError(f"an Opus frame has {FRAME_SAMPLES} samples, not {len(frame)}")
        sound = np.ascontiguousarray(frame, dtype=np.int16).ctypes.data_as(ctypes.POINTER(ctypes.c_int16))
        size = self._library.opus_encode(self._state, sound, FRAME_SAMPLES, self._packet, _MAX_BYTES)
        if size < 0:
            raise MediaError(f"libopus did not encode a frame (error {size})")
        return self._packet.raw[:size]
