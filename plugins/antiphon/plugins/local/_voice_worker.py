"""Piper in a process of its own: text in on standard input, sound out on standard output.

Piper and espeak-ng are GPL-3.0; the project is Apache-2.0. This file alone imports them, and it talks
to the rest through a pipe. A frame is 5 bytes of head, kind and length, then the body:

    in   ``S`` JSON {"id", "text", "voice"}   speak          ``C`` id   stop speaking that one
    out  ``A`` id (4 bytes) and int16 mono    sound          ``E`` id   that one is done
         ``X`` id and text                    it failed      ``R`` JSON {"rate"}, once: ready

Jobs are served in turn, a sentence each, so that a long text does not make the others wait. Ends when
standard input does.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["HEAD", "main", "read_frame", "write_frame"]

HEAD = struct.Struct("<cI")
_MAX_BODY = 1 << 24


def read_frame(stream: BinaryIO) -> tuple[bytes, bytes] | None:
    """The next frame as (kind, body), or None at the end."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    kind, length = HEAD.unpack(head)
    if length > _MAX_BODY:
        return None
    body = stream.read(length)
    return (kind, body) if len(body) == length else None


def write_frame(stream: BinaryIO, kind: bytes, body: bytes) -> None:
    """Writes one frame."""
    stream.write(HEAD.pack(kind, len(body)) + body)
    stream.flush()


class _Jobs:
    """What waits to be spoken, and what is no longer wanted. Shared with the reading thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[tuple[int, Iterator[bytes]]] = deque()
        self.cancelled: set[int] = set()
        self.closed = False


def main(path: str) -> int:
    """Serves until standard input ends."""
    from piper import PiperVoice

    out = sys.stdout.buffer
    voice = PiperVoice.load(path)
    rate = voice.config.sample_rate
    next(iter(voice.synthesize("Ready.")), None)  # the first run allocates
    write_frame(out, b"R", json.dumps({"rate": rate}).encode())
    jobs = _Jobs()

    def speak(text: str) -> Iterator[bytes]:
        for chunk in voice.synthesize(text):
            yield chunk.audio_int16_bytes

    def read() -> None:
        while (frame := read_frame(sys.stdin.buffer)) is not None:
            kind, body = frame
            with jobs.changed:
                if kind == b"S":
                    order = json.loads(body)
                    jobs.waiting.append((order["id"], speak(order["text"])))
                elif kind == b"C":
                    jobs.cancelled.add(struct.unpack("<I", body)[0])
                jobs.changed.notify()
        with jobs.changed:
            jobs.closed = True
            jobs.changed.notify()

    threading.Thread(target=read, daemon=True).start()
    while True:
        with jobs.changed:
            while not jobs.waiting and not jobs.closed:
                jobs.changed.wait()
            if jobs.closed:
                return 0
            number, sentences = jobs.waiting.popleft()
            wanted = number not in jobs.cancelled
            jobs.cancelled.discard(number)
        name = struct.pack("<I", number)
        if not wanted:
            write_frame(out, b"E", name)
            continue
        try:
            sound = next(sentences, None)
        except Exception as error:  # Piper's own; one text's fault must not end the worker
            write_frame(out, b"X", name + str(error).encode())
            continue
        if sound is None:
            write_frame(out, b"E", name)
            continue
        write_frame(out, b"A", name + sound)
        with jobs.changed:
            jobs.waiting.append((number, sentences))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
