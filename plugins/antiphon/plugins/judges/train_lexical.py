"""Fits how far readings are believed: ``python -m antiphon.plugins.judges.train_lexical --more LIST``.

Speaks English phrases (`training/phrases.py`), makes sounds without words, takes the recordings that the
lists give to training, renders each as the acoustic judge's training does, reads each with the recogniser,
and fits `trust.Trust`: the three numbers under which `lexical.weigh` surprises least. Then it says what that
makes of each kind: by its own fit, so the figures flatter; they are for comparing.

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
from itertools import product
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
from antiphon.plugins.judges.trust import BASE, TINY_EN, Trust
from antiphon.plugins.judges.words import lexicon
from antiphon.plugins.local.ears import Reading

__all__ = ["START", "Read", "fit", "main", "surprise"]

_FILE: Final = Path(__file__).with_name("data") / "lexical.json"
START: Final = Trust(likely=-2.2, likely_slope=3.5, no_speech_slope=2.3)
"""Where the fit begins: of 100 English words that Piper spoke against 50 made-up sounds."""
_GRID: Final = ((-3.4, -2.8, -2.2, -1.6, -1.0, -0.4), (1.0, 2.0, 3.5, 5.0), (0.0, 2.0, 4.0, 7.0))
_WIDTHS: Final = (0.6, 1.0, 2.0)  # of its meshes, about
_LEAST: Final = 0.02  # an opinion counts as no surer than this: the arbiter's own limit


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


def surprise(read: Sequence[Read], trust: Trust) -> float:
    """How far the opinions are from what was said: mean log loss, turns, listener's words and sounds alike.

    No opinion counts as one half; of a sound it is right that nobody wants the floor.
    """
    losses, weights = _losses(read, trust), _weights(read)
    return float(losses @ weights)


def _losses(read: Sequence[Read], trust: Trust) -> NDArray[np.float64]:
    made = []
    for one in read:
        opinion = weigh(one.readings, one.language, voiced_s=one.voiced_s, trust=trust)
        p = min(max(0.5 if opinion is None else opinion, _LEAST), 1.0 - _LEAST)
        made.append(-math.log(p if one.kind == "turn" else 1.0 - p))
    return np.array(made)


def _weights(read: Sequence[Read]) -> NDArray[np.float64]:
    kinds = np.array([one.kind if one.kind in ("turn", "backchannel") else "sound" for one in read])
    names, counts = np.unique(kinds, return_counts=True)
    each = dict(zip(names, 1.0 / (counts * len(names)), strict=True))
    return np.array([each[kind] for kind in kinds])


def fit(read: Sequence[Read], start: Trust = START) -> Trust:
    """The curve under which the opinions surprise least: of a grid, then of a finer one around its best.

    ``start`` stays unless the best is better than it by more than a standard error: a few hundred readings
    do not tell curves apart that are nearly as good.
    """
    best = min((Trust(*at) for at in product(*_GRID)), key=lambda trust: surprise(read, trust))
    for step in (0.5, 0.25):
        near = [
            (value - step * width, value, value + step * width)
            for value, width in zip(
                (best.likely, best.likely_slope, best.no_speech_slope), _WIDTHS, strict=True
            )
        ]
        some = [
            Trust(round(likely, 2), max(slope, 0.5), max(no, 0.0)) for likely, slope, no in product(*near)
        ]
        best = min([best, *some], key=lambda trust: surprise(read, trust))
    better = (_losses(read, start) - _losses(read, best)) * _weights(read)
    error = float(better.std() * math.sqrt(len(better)))
    return best if better.sum() > error else start


def summary(model: str, read: Sequence[Read], trust: Trust) -> str:
    """A table of what is made of each kind."""
    lines = [
        f"{model}: {trust}, log loss {surprise(read, trust):.3f}",
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
            kept[model] = {
                "curve": trust.record(),
                "read": len(read),
                "log_loss": round(surprise(read, trust), 3),
                "log_loss_of_start": round(surprise(read, START), 3),
            }
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
