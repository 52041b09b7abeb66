"""Fits how far readings are believed: ``python -m antiphon.plugins.judges.train_lexical --more LIST``.

Speaks English phrases (`training/phrases.py`), makes sounds without words, takes the recordings that the
lists give to training, renders each as the acoustic judge's training does, reads each with the recogniser,
and fits `trust.Trust`: the probability that a reading is of words and not of a sound, over its
log-probability a word and Whisper's probability that nobody speaks. Then it says what `lexical.weigh` makes
of each kind: by its own fit, so the figures flatter; they are for comparing.

Words, not the right words: a hum that is read as a word is the reading's fault, and asking the curve to make
up for it takes the trust from all words alike.

English clips fit the packaged English model, clips of other languages Whisper base, sounds both. No clip that
a judge is scored on is read. Seeded. Five minutes of one core for each model. Needs the ``dev`` extra.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from antiphon.agents.errors import AntiphonError
from antiphon.agents.interruption.judges import Occasion, Question
from antiphon.plugins.judges.lexical import LexicalJudge, weigh
from antiphon.plugins.judges.training import corpus, noises, rooms, voices
from antiphon.plugins.judges.training.listening import asked
from antiphon.plugins.judges.training.phrases import texts
from antiphon.plugins.judges.trust import BASE, TINY_EN, Trust, a_word
from antiphon.plugins.judges.words import count_words, lexicon, opinion_of_text
from antiphon.plugins.local.ears import Reading

__all__ = ["Read", "fit", "main"]

_FILE: Final = Path(__file__).with_name("data") / "lexical.json"
_UNREADABLE: Final = -12.0  # log-probability a word of what has no opinion; chosen: never believed
_PRIOR: Final = np.array([0.05, 0.05, 0.01])  # ridge, against slopes that run away where all is clear
_STEPS: Final = 50


@dataclass(frozen=True, slots=True)
class Sound:
    """Something to read."""

    kind: str
    """turn, backchannel, vocal or noise."""
    language: str
    """As BCP 47; empty for what has no words."""
    sound: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, and what it was."""

    kind: str
    language: str
    readings: tuple[Reading, ...]
    voiced_s: float

    @property
    def evidence(self) -> tuple[float, float]:
        """Log-probability a word of all texts that have an opinion, and the no-speech probability."""
        told = [
            r for r in self.readings if opinion_of_text(r.text, self.language) is not None
        ]  # likeliest first
        if not told:
            return _UNREADABLE, self.readings[0].no_speech if self.readings else 1.0
        mass = sum(math.exp(r.logprob) for r in told)
        return a_word(math.log(max(mass, 1e-30)), count_words(told[0].text, self.language)), told[0].no_speech

    @property
    def spoken(self) -> bool:
        """Whether it was words."""
        return self.kind in ("turn", "backchannel")


def fit(read: Sequence[Read]) -> Trust:
    """The curve under which what was read is least surprising: logistic regression by Newton's method.

    Readings without an opinion are left out: nothing of them is ever weighed. Words and sounds weigh alike.
    """
    told = [r for r in read if r.evidence[0] > _UNREADABLE]
    seen = np.array([[*r.evidence, 1.0] for r in told])
    words = np.array([r.spoken for r in told])
    weight = np.where(words, 0.5 / max(1, words.sum()), 0.5 / max(1, (~words).sum())) * len(told)
    at = np.zeros(3)
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(seen @ at, -30, 30)))
        slope = seen.T @ (seen * (weight * p * (1 - p))[:, None]) + np.diag(_PRIOR)
        at += np.linalg.solve(slope, seen.T @ (weight * (words - p)) - _PRIOR * at)
    likely_slope, no_speech, bias = map(float, at)
    half = -(bias + 0.5 * no_speech) / likely_slope
    return Trust(
        likely=round(half, 2), likely_slope=round(likely_slope, 2), no_speech_slope=round(-no_speech, 2)
    )


def summary(model: str, read: Sequence[Read], trust: Trust) -> str:
    """A table of what is made of each kind."""
    lines = [
        f"{model}: {trust}",
        "",
        "| kind | n | turn | listener or sound | none |",
        "|---|---|---|---|---|",
    ]
    for kind in ("turn", "backchannel", "vocal", "noise"):
        said = [
            weigh(r.readings, r.language, voiced_s=r.voiced_s, trust=trust) for r in read if r.kind == kind
        ]
        turn, not_turn = (sum(p is not None and (p > 0.5) is wish for p in said) for wish in (True, False))
        lines.append(f"| {kind} | {len(said)} | {turn} | {not_turn} | {said.count(None)} |")
    return "\n".join(lines)


def _sounds(arguments: argparse.Namespace) -> list[Sound]:
    pairs = [(kind, text) for kind, some in texts().items() for text in some if kind != "vocal"]
    spoken = asyncio.run(voices.speak(pairs, folder=arguments.cache, takes=1))
    made = [Sound(u.kind, "en", u.sound) for u in spoken]
    for listing in arguments.more:
        made += [
            Sound(clip.kind or "", clip.language, voices.trimmed(corpus.load(clip)))
            for clip in corpus.read(listing, listing.parent)
            if clip.split == "train" and clip.kind in ("turn", "backchannel") and lexicon(clip.language)
        ]
    for kind in ("noise", "vocal"):
        made += [Sound(kind, "", noises.make(kind, n, arguments.seed)[1]) for n in range(arguments.made)]
    return made


def _asked(one: Sound, rng: np.random.Generator) -> Question | None:
    """The question about its first pause."""
    audio, begins, ends = rooms.heard(one.sound, rng, voice=one.kind != "noise")
    questions, _ = asked(
        (np.clip(audio, -1, 1) * 32767).astype(np.int16), begins, ends, language=one.language
    )
    return next((q for q in questions if q.occasion is Occasion.PAUSE), None)


def _read(sounds: Sequence[Sound], model: str, arguments: argparse.Namespace) -> list[Read]:
    judge = LexicalJudge()
    others = sorted({one.language for one in sounds if one.language and not one.language.startswith("en")})
    mine = [one for one in sounds if not one.language or one.language.startswith("en") is (model == TINY_EN)]
    drawn = np.random.default_rng(arguments.seed).permutation(len(mine))
    some: list[Sound] = []
    for index in drawn:
        if sum(one.kind == mine[index].kind for one in some) < arguments.most:
            some.append(mine[index])
    made = []
    for number, one in enumerate(some):
        # What has no words is read in each language in turn, as a call of that language would.
        language = one.language or ("en" if model == TINY_EN else others[number % len(others)])
        question = _asked(
            Sound(one.kind, language, one.sound), np.random.default_rng((arguments.seed, number))
        )
        if question is not None:
            made.append(Read(one.kind, language, judge.readings(question), question.voiced_s))
        print(f"\r{model} {number + 1}/{len(some)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return made


def _kept(model: str, arguments: argparse.Namespace) -> list[Read]:
    """What was read before, if it was kept."""
    file = arguments.keep / f"{model}.json" if arguments.keep else None
    if file is None or not file.exists():
        return []
    return [
        Read(kind, language, tuple(Reading(*reading) for reading in readings), voiced_s)
        for kind, language, readings, voiced_s in json.loads(file.read_text(encoding="utf-8"))
    ]


def _keep(model: str, read: Sequence[Read], arguments: argparse.Namespace) -> None:
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        rows = [
            [r.kind, r.language, [[x.text, x.logprob, x.no_speech] for x in r.readings], r.voiced_s]
            for r in read
        ]
        (arguments.keep / f"{model}.json").write_text(json.dumps(rows), encoding="utf-8")


def main(argv: list[str] | None = None) -> int:
    """Runs the command; 0, or 2 with a message."""
    arguments = _parser().parse_args(argv)
    try:
        sounds = _sounds(arguments)
        kept = json.loads(arguments.out.read_text(encoding="utf-8")) if arguments.out.exists() else {}
        for model in arguments.model or (TINY_EN, BASE):
            read = _kept(model, arguments) or _read(sounds, model, arguments)
            _keep(model, read, arguments)
            trust = fit(read)
            kept[model] = {"curve": trust.record(), "read": len(read)}
            print(summary(model, read, trust), end="\n\n")
    except AntiphonError as error:
        print(error, file=sys.stderr)
        return 2
    arguments.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="train_lexical", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--more", type=Path, action="append", default=[], help="a list of clips; its paths start beside it"
    )
    parser.add_argument("--out", type=Path, default=_FILE, help="the curves to write, .json")
    parser.add_argument("--model", action="append", choices=(TINY_EN, BASE), help="of these alone")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "antiphon" / "spoken", help="spoken texts"
    )
    parser.add_argument("--keep", type=Path, help="folder for what was read, to fit again without reading")
    parser.add_argument("--made", type=int, default=40, help="noises made, and as many coughs and laughs")
    parser.add_argument("--most", type=int, default=100, help="sounds of a kind that a model reads")
    parser.add_argument("--seed", type=int, default=2, help="another than the acoustic judge's")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
