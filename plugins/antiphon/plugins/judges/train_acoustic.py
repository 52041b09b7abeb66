"""Trains the acoustic judge: ``python -m antiphon.plugins.judges.train_acoustic --audio DIR --out FILE``.

Speaks the phrases of `training/phrases.py`, makes noises, adds the recordings that the manifest gives to
training, renders each several times through other mouths, rooms and lines, asks about each as a call
would, and fits the head. Then it says how good the result is on the clips that the manifest keeps for
scoring, which no step before has seen. Seeded: the same inputs, spoken texts included, give the same file.

Takes about ten minutes of two cores. Needs the ``dev`` extra (the local voice, and PyAV).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import AntiphonError, ConfigError
from antiphon.plugins.judges.acoustic import KINDS, Head, features
from antiphon.plugins.judges.embeddings import load
from antiphon.plugins.judges.training import corpus, fit, noises, report, rooms, voices
from antiphon.plugins.judges.training.listening import asked
from antiphon.plugins.judges.training.phrases import texts

__all__ = ["main"]

RATE_HZ = 16_000
_MOST_QUESTIONS = 6  # about one rendering
_TAKES = 2  # of each text by Piper; and renderings of each, and of each sound that was made
_TAKES_OF_OTHERS = 5  # of each clip of another speaker: they are worth more
_REPEATED = 0.35  # share of short words that are said again; chosen
_SHORT_S = 0.8

_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class _Sound:
    """Something to render, as handed to a worker process."""

    kind: str
    group: str
    sound: NDArray[np.float32]
    times: int
    seed: int


@dataclass(frozen=True, slots=True)
class _Seen:
    kind: str
    group: str
    seen: NDArray[np.float32]
    weight: float


def _render(job: tuple[_Sound, NDArray[np.float32] | None]) -> list[_Seen]:
    """Renders one sound some times and measures what a call would ask about."""
    sound, agent = job
    embeddings, made = load(), []
    for take in range(sound.times):
        rng = np.random.default_rng((sound.seed, take))
        said = _again(sound, rng)
        audio, begins, ends = rooms.heard(said, rng, agent=agent, voice=sound.kind != "noise")
        questions, heard = asked((np.clip(audio, -1, 1) * 32767).astype(np.int16), begins, ends)
        for question in questions[:_MOST_QUESTIONS]:
            seen = features(question, embeddings)
            if seen is not None:
                weight = (1.0 if heard else 0.5) / min(len(questions), _MOST_QUESTIONS)
                made.append(_Seen(sound.kind, sound.group, seen, weight))
    return made


def _again(sound: _Sound, rng: np.random.Generator) -> NDArray[np.float32]:
    """Sometimes the word twice or three times: "mm-hm, mm-hm" is still a listener's, "no, no" is not."""
    short = sound.sound.size < _SHORT_S * RATE_HZ
    if sound.kind not in ("turn", "backchannel") or not short or rng.random() > _REPEATED:
        return sound.sound
    parts = [sound.sound]
    for _ in range(int(rng.integers(1, 3))):
        gap = np.zeros(int(rng.uniform(0.0, 0.15) * RATE_HZ), dtype=np.float32)
        parts += [gap, sound.sound * np.float32(rng.uniform(0.6, 1.1))]
    return np.concatenate(parts)


def _measure(job: corpus.Clip) -> list[tuple[report.Answer, NDArray[np.float32]]]:
    """What a call would ask about one clip as it is, for the score."""
    sound = corpus.load(job)
    trim = voices.trimmed(sound)
    rng = np.random.default_rng(7)
    quiet = noises.coloured(rng, RATE_HZ // 2, 1.0) * np.float32(0.002)
    audio = np.concatenate([quiet, sound, quiet])
    begins = quiet.size
    questions, heard = asked(
        (np.clip(audio, -1, 1) * 32767).astype(np.int16), begins, begins + trim.size, language=job.language
    )
    made = []
    for question in questions:
        seen = features(question, load())
        if seen is not None:
            answer = report.Answer(
                clip=f"{job.path.stem}@{job.start_s:g}",
                label=job.label,
                kind=job.kind or "",
                source=job.source,
                language=job.language,
                occasion=question.occasion,
                voiced_s=question.voiced_s,
                heard=heard,
            )
            made.append((answer, seen))
    return made


def _sounds(arguments: argparse.Namespace, clips: list[corpus.Clip]) -> list[_Sound]:
    pairs = [(kind, text) for kind, some in texts().items() for text in some]
    spoken = asyncio.run(
        voices.speak(pairs, folder=arguments.cache, takes=_TAKES, progress=_Progress("speaking"))
    )
    made = [
        _Sound(u.kind, f"{u.speaker}/{u.text}", u.sound, _TAKES, arguments.seed + i)
        for i, u in enumerate(spoken)
    ]
    for extra in (clip for clip in clips if clip.split == "train" and clip.kind is not None):
        sound = voices.trimmed(corpus.load(extra))
        made.append(
            _Sound(extra.kind or "", extra.group, sound, _TAKES_OF_OTHERS, arguments.seed + len(made))
        )
    for kind in ("noise", "vocal"):
        for number in range(arguments.made):
            name, sound = noises.make(kind, number, arguments.seed)
            made.append(_Sound(kind, f"made/{name}", sound, _TAKES, arguments.seed + len(made)))
    return made


def _examples(seen: list[_Seen]) -> fit.Examples:
    return fit.Examples(
        np.stack([one.seen for one in seen]),
        np.array([KINDS.index(one.kind) for one in seen], dtype=np.int64),
        np.array([one.group for one in seen], dtype=np.str_),
        np.array([one.weight for one in seen], dtype=np.float32),
    )


def _listings(arguments: argparse.Namespace) -> list[corpus.Clip]:
    clips = corpus.read(arguments.manifest, arguments.audio)
    for listing in arguments.more:
        clips += corpus.read(listing, listing.parent)
    both = corpus.shared_speakers(clips)
    if both:
        raise ConfigError("manifest", ", ".join(sorted(both)), "no speaker in both splits")
    return clips


def main(argv: list[str] | None = None) -> int:
    """Runs the command; 0, or 2 with a message."""
    arguments = _parser().parse_args(argv)
    try:
        clips = _listings(arguments)
        sounds = _sounds(arguments, clips)
    except AntiphonError as error:
        print(error, file=sys.stderr)
        return 2
    long_enough = [s.sound for s in sounds if s.kind == "turn" and s.sound.size > RATE_HZ]
    agent = np.concatenate(long_enough[:10]) if long_enough else None
    jobs = [(sound, agent) for sound in sounds]
    scored = [clip for clip in clips if clip.split == "score" and clip.kind is not None]
    kept = list({(clip.path, clip.start_s): clip for clip in reversed(scored)}.values())[::-1]
    try:
        seen = [one for some in _each(_render, jobs, arguments.workers, "rendering") for one in some]
        measured = [pair for some in _each(_measure, kept, arguments.workers, "scoring") for pair in some]
    except AntiphonError as error:
        print(error, file=sys.stderr)
        return 2
    examples = _examples(seen)
    head, held_out = _fitted(examples, arguments)
    head.save(arguments.out)
    answers = [answer.with_kinds(head.probabilities(seen[None])[0]) for answer, seen in measured]
    print(report.summary(examples, answers))
    print(report.held_out(held_out))
    return 0


def _each(work: Callable[[_In], _Out], jobs: Sequence[_In], workers: int, what: str) -> Iterator[_Out]:
    """The work on each job, in order; by processes unless there are to be none."""
    progress = _Progress(what)
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(workers)) if workers > 0 else None
        results = pool.map(work, jobs, chunksize=4) if pool else map(work, jobs)
        for done, result in enumerate(results, start=1):
            progress(done, len(jobs))
            yield result


def _fitted(
    examples: fit.Examples, arguments: argparse.Namespace
) -> tuple[Head, list[tuple[Head, fit.Examples]]]:
    """The head, and those fitted without some speakers, each with what it has not seen."""
    size = {"hidden": arguments.hidden, "networks": arguments.networks, "seed": arguments.seed}
    size["steps"] = arguments.steps
    held_out = [
        (fit.fit(examples.chosen(~out), **size), examples.chosen(out))
        for out in fit.folds(examples.groups, 4, arguments.seed)
    ]
    return fit.calibrated(fit.fit(examples, **size, progress=_Progress("fitting")), held_out), held_out


class _Progress:
    """Counts on one line of the terminal."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __call__(self, done: int, of: int) -> None:
        if done == of or done % max(1, of // 100) == 0:
            print(f"\r{self._what} {done}/{of}", end="\n" if done == of else "", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_acoustic", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--audio", type=Path, required=True, help="folder that the manifest's paths start at")
    parser.add_argument("--out", type=Path, required=True, help="the weights to write, .npz")
    parser.add_argument(
        "--manifest", type=Path, default=Path("tests/bench/corpus.csv"), help="list of clips, see corpus.py"
    )
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="a further list; its paths start beside it"
    )
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "antiphon" / "spoken", help="spoken texts"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--made", type=int, default=160, help="noises made, and as many coughs and laughs")
    parser.add_argument("--hidden", type=int, default=16, help="units of a network")
    parser.add_argument("--networks", type=int, default=5, help="networks whose answers are averaged")
    parser.add_argument("--steps", type=int, default=fit.STEPS, help="of gradient descent")
    parser.add_argument("--workers", type=int, default=2, help="processes that render; 0: this one")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
