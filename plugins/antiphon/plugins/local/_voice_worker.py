"""Piper in a process of its own: text in on standard input, sound out on standard output.

Piper and espeak-ng are GPL-3.0; the project is Apache-2.0. This file alone imports them, and it talks
to the rest through a pipe. A frame is 5 bytes of head, kind and length, then the body:

    in   ``S`` JSON {"id", "text", "voice"}   speak          ``C`` id   stop speaking that one
    out  ``A`` id (4 bytes) and int16 mono    sound          ``E`` id   that one is done
         ``X`` id and text                    it failed      ``R`` JSON {"rate"}, once: ready

A text is spoken clause by clause (`clauses`), so that its first sound comes early; of several texts the
one with the least sound made so far is next (`Jobs`), so that a long one does not make the others wait.
Piper runs on one thread: ONNX Runtime's own choice, a thread a core, took 1.5 times as long on two cores.
Ends when standard input does, and on Linux with the parent's thread that started it.
"""

from __future__ import annotations

import ctypes
import json
import re
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["HEAD", "Jobs", "clauses", "main", "read_frame", "write_frame"]

HEAD = struct.Struct("<cI")
_MAX_BODY = 1 << 24
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

# Characters; chosen. Piper speaks about 18 a second and takes about 7 ms of a core for each.
_FIRST_CLAUSE = 12  # the first clause may end at a comma from here
_CLAUSE = 45  # later ones from here, for the sake of their melody
_LONGEST = 90  # what has no comma by here is cut before a joining word, or else at a space

_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)]*\s+|\n+")
_PAUSE = re.compile(r"(?<=[,;:–—])\s+")
_JOIN = re.compile(
    r"\s+(?=(?:and|but|or|so|that|which|who|because|although|when|while|if|with|for|to)\s)", re.I
)


def clauses(text: str) -> list[str]:
    """The text in pieces that can be spoken one by one; joined by spaces they are all its words."""
    made: list[str] = []
    for sentence in _SENTENCE.split(text):
        rest = sentence.strip()
        while rest:
            cut = _cut(rest, _CLAUSE if made else _FIRST_CLAUSE)
            piece, rest = rest[:cut].strip(), rest[cut:].strip()
            if any(character.isalnum() for character in piece):
                made.append(piece)
    return made


def _cut(text: str, least: int) -> int:
    if len(text) <= least:
        return len(text)
    for pattern in (_PAUSE, _JOIN):
        for match in pattern.finditer(text, least):
            if match.start() > _LONGEST:
                break
            if len(text) - match.end() >= _FIRST_CLAUSE and (pattern is _PAUSE or len(text) > _LONGEST):
                return match.end()
    if len(text) <= _LONGEST:
        return len(text)
    space = text.rfind(" ", least, _LONGEST)
    return space if space > 0 else _LONGEST


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


@dataclass(slots=True)
class _Job:
    number: int
    sounds: Iterator[bytes]
    made: int = 0
    """Bytes of sound so far."""
    wanted: bool = True


class Jobs:
    """What is being spoken. Shared between the thread that reads orders and the one that speaks."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._jobs: dict[int, _Job] = {}
        self._closed = False

    def add(self, number: int, sounds: Iterator[bytes]) -> None:
        """A new text."""
        with self.changed:
            self._jobs[number] = _Job(number, sounds)
            self.changed.notify()

    def cancel(self, number: int) -> None:
        """No more of that one; one that is over already is ignored."""
        with self.changed:
            if job := self._jobs.get(number):
                job.wanted = False

    def close(self) -> None:
        """No more of any."""
        with self.changed:
            self._closed = True
            self.changed.notify()

    def step(self) -> tuple[bytes, bytes] | None:
        """Waits for work, does one clause of it, and gives the frame to send; None when closed."""
        with self.changed:
            self.changed.wait_for(lambda: self._jobs or self._closed)
            if self._closed:
                return None
            job = min(self._jobs.values(), key=lambda job: (job.wanted, job.made, job.number))
        name, sound = struct.pack("<I", job.number), None
        try:
            if job.wanted:
                sound = next(job.sounds, None)
            kind, body = (b"A", sound) if sound is not None else (b"E", b"")
        except Exception as error:  # Piper's own; one text's fault must not end the worker
            kind, body = b"X", str(error).encode()
        with self.changed:
            if kind == b"A" and not job.wanted:  # cancelled meanwhile
                kind, body = b"E", b""
            job.made += len(body)
            if kind != b"A":
                self._jobs.pop(job.number, None)
        return kind, name + body


def _die_with_parent() -> None:
    """Asks Linux for a SIGKILL when the thread that started this process ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main(path: str) -> int:
    """Serves until standard input ends."""
    _die_with_parent()
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    with open(f"{path}.json", encoding="utf-8") as file:
        config = PiperConfig.from_dict(json.load(file))
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    voice = PiperVoice(session=session, config=config)
    next(iter(voice.synthesize("Ready.")), None)  # the first run allocates

    def speak(text: str) -> Iterator[bytes]:
        for clause in clauses(text):
            for chunk in voice.synthesize(clause):
                yield chunk.audio_int16_bytes

    out = sys.stdout.buffer
    write_frame(out, b"R", json.dumps({"rate": config.sample_rate}).encode())
    jobs = Jobs()

    def read() -> None:
        while (frame := read_frame(sys.stdin.buffer)) is not None:
            kind, body = frame
            if kind == b"S":
                order = json.loads(body)
                jobs.add(order["id"], speak(order["text"]))
            elif kind == b"C":
                jobs.cancel(struct.unpack("<I", body)[0])
        jobs.close()

    threading.Thread(target=read, daemon=True).start()
    while (frame := jobs.step()) is not None:
        write_frame(out, *frame)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
