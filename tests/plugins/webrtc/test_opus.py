"""Opus there and back, and what is made of what is lost."""

from __future__ import annotations

import numpy as np
import pytest

from antiphon.agents.errors import MediaError
from antiphon.plugins.webrtc.opus import FRAME_SAMPLES, RATE_HZ, OpusDecoder, OpusEncoder, packet_samples


def speech_like(frames: int) -> np.ndarray:
    """A buzz of 240 Hz: something the voice codec takes for speech."""
    t = np.arange(frames * FRAME_SAMPLES) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 240 * k * t) / k for k in range(1, 25))
    return (6000 * buzz).clip(-32768, 32767).astype(np.int16)


def packets(sound: np.ndarray) -> list[bytes]:
    encoder = OpusEncoder()
    return [encoder.encode(frame) for frame in sound.reshape(-1, FRAME_SAMPLES)]


def level(sound: np.ndarray) -> float:
    return float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))


def test_sound_comes_back_as_it_was() -> None:
    sound = speech_like(50)
    decoder = OpusDecoder()
    made = np.concatenate([decoder.decode(packet) for packet in packets(sound)])
    assert len(made) == len(sound)
    lags = range(400)  # the codec's delay is among them
    alike = max(np.corrcoef(sound[10_000:20_000], made[10_000 + k : 20_000 + k])[0, 1] for k in lags)
    assert alike > 0.9


def test_a_lost_packet_is_filled_from_what_came_before_and_fades() -> None:
    decoder = OpusDecoder()
    for packet in packets(speech_like(20)):
        before = decoder.decode(packet)
    first = decoder.conceal(FRAME_SAMPLES)
    assert level(first) > 0.3 * level(before)
    for _ in range(50):
        last = decoder.conceal(FRAME_SAMPLES)
    assert len(last) == FRAME_SAMPLES
    assert level(last) < 0.05 * level(before)


def test_a_lost_packet_is_recovered_from_the_next_ones_copy() -> None:
    """A frame unlike the one before it: only the copy can tell what it was."""
    sound = np.concatenate([speech_like(10), np.zeros(FRAME_SAMPLES * 6, np.int16), speech_like(10)])
    sent = packets(sound)
    onset = 17  # the second frame of the second buzz
    kept, concealed = OpusDecoder(), OpusDecoder()
    for packet in sent[:onset]:
        kept.decode(packet)
        concealed.decode(packet)
    truth = OpusDecoder()
    for packet in sent[: onset + 1]:
        whole = truth.decode(packet)
    recovered = kept.recover(sent[onset + 1], FRAME_SAMPLES)
    assert len(recovered) == FRAME_SAMPLES
    assert np.corrcoef(whole, recovered)[0, 1] > 0.8


def test_nonsense_is_concealed_and_a_wrong_length_refused() -> None:
    assert len(OpusDecoder().decode(b"\xff\xff\xff")) == FRAME_SAMPLES
    with pytest.raises(MediaError, match="480"):
        OpusEncoder().encode(np.zeros(100, np.int16))


@pytest.mark.parametrize(
    ("first", "samples"),
    [
        (b"", 0),
        (bytes([1 << 3]), 960),  # SILK, 20 ms, one frame
        (bytes([3 << 3]), 2880),
        (bytes([13 << 3 | 1]), 1920),  # hybrid, 20 ms, two frames
        (bytes([16 << 3]), 120),  # CELT, 2.5 ms
        (bytes([31 << 3 | 3, 4]), 3840),
        (bytes([31 << 3 | 3]), 0),
        (bytes([3 << 3 | 3, 63]), 0),  # 3.8 s: more than a packet may hold
    ],
)
def test_a_packet_tells_its_length(first: bytes, samples: int) -> None:
    assert packet_samples(first) == samples


def test_our_packets_tell_theirs() -> None:
    assert {packet_samples(packet) for packet in packets(speech_like(10))} == {960}
