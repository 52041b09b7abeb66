"""`agent replay`: what would have happened in a recording, or over a corpus, with other options.

Exit code 2 for input that cannot be used; the line names the file, and the row of a manifest.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from antiphon.agents.errors import ConfigError, MediaError
from antiphon.workers.cli.bar import Bar, bar
from antiphon.workers.cli.common import console

if TYPE_CHECKING:
    from antiphon.agents.options import TurnTaking
    from antiphon.workers.replay.curve import Remembered
    from antiphon.workers.replay.engine import Replayed, Setup
    from antiphon.workers.replay.mix import Case
    from antiphon.workers.replay.score import Outcome

__all__ = ["LABELS_FILE", "replay"]

LABELS_FILE = "labels.csv"  # makes a folder of clips a corpus


def replay(
    source: Annotated[
        Path,
        typer.Argument(
            help="A recording (caller left, agent right), a folder of them, or a manifest (CSV) of clips; a "
            "folder with a labels.csv is that manifest."
        ),
    ],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="field=value of TurnTaking; again for more.")
    ] = None,
    policy: Annotated[
        str,
        typer.Option(help="balanced, attentive or determined; all, with --score, for a table of them."),
    ] = "balanced",
    judges: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: acoustic, lexical, semantic; none; those installed when not given."
        ),
    ] = None,
    turn_end: Annotated[
        str | None,
        typer.Option(
            help="Estimates the end of a turn: livekit; none for a fixed silence. As installed if not given."
        ),
    ] = None,
    language: Annotated[
        str, typer.Option(help="What the call speaks, as BCP 47, where a manifest does not say.")
    ] = "en",
    audio: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Where a manifest's clips are.", envvar="ANTIPHON_AUDIO"),
    ] = None,
    agent_voice: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="What the agent says over a manifest's clips; speech/jfk.flac there if not given.",
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Rows of a manifest: score, train or all.")] = "score",
    only: Annotated[
        str, typer.Option(help="Labels of a manifest, comma-separated; all when not given.")
    ] = "",
    echo: Annotated[
        bool, typer.Option("--echo/--no-echo", help="Try clips with the agent's echo in the microphone, too.")
    ] = True,
    score: Annotated[bool, typer.Option("--score", help="Of a manifest: print the score alone.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(file_okay=False, help="Of a manifest: draw operating curves into this folder."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write a page to look at and listen to.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON in place of tables.")
    ] = False,
) -> None:
    """Replay recordings or labelled clips through turn taking, faster than real time.

    The same input and options give the same events, bit for bit. Nothing is played and nobody is called.
    """
    try:
        options = partial(_options, settings or ())
        setup = _setup(options("balanced" if policy == "all" else policy), judges, turn_end, language)
        if not source.exists():
            raise MediaError("there is no such file or folder", value=str(source))
        labels = source / LABELS_FILE
        if labels.is_file():
            source, audio = labels, audio or source
        manifest = source.suffix.lower() == ".csv"
        if (score or plot) and not manifest:
            raise ConfigError("--score" if score else "--plot", str(source), "with a manifest (CSV)")
        if policy == "all" and not (score and manifest and html is None and plot is None and not as_json):
            raise ConfigError("--policy", policy, "with a manifest (CSV) and --score alone")
        if manifest:
            wanted = _Wanted(source, audio, agent_voice, split, only, echo)
            if policy == "all":
                _policies(wanted, setup, options)
            else:
                _corpus(wanted, setup, options, score, plot, html, as_json)
        else:
            _recordings(source, setup, html, as_json)
    except (ConfigError, MediaError) as error:
        raise typer.BadParameter(str(error)) from None


def _options(settings: Sequence[str], policy: str) -> TurnTaking:
    """A policy's numbers, those of ``--set`` before them."""
    from antiphon.agents.options import TurnTaking

    values: dict[str, object] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConfigError("--set", setting, "field=value, e.g. yield_after_s=0.6")
        values[name.strip()] = value.strip()
    return TurnTaking.policy(policy, **values)


def _setup(options: TurnTaking, judges: str | None, turn_end: str | None, language: str) -> Setup:
    from antiphon.agents.media.judges import default_judges, default_turn_end
    from antiphon.workers.replay.engine import Setup
    from antiphon.workers.replay.parts import estimator_named, judges_named

    asked = default_judges() if judges is None else judges_named(judges)
    estimator = default_turn_end() if turn_end is None else estimator_named(turn_end)
    return Setup(options, judges=asked, turn_end=estimator, language=language)


# Recordings.


def _recordings(source: Path, setup: Setup, html: Path | None, as_json: bool) -> None:
    from antiphon.workers.replay.engine import replay as run
    from antiphon.workers.replay.page import Shown, write_page
    from antiphon.workers.replay.report import events_table
    from antiphon.workers.replay.scene import from_call
    from antiphon.workers.replay.sound import SOUND_FILES, check_two, read_two

    files = [source]
    if source.is_dir():
        files = sorted(path for path in source.rglob("*") if path.suffix.lower() in SOUND_FILES)
        if not files:
            raise MediaError("there is no recording in the folder", value=str(source))
    done: list[tuple[Path, Replayed]] = []
    began = time.monotonic()
    for path in files:  # a wrong one shows before the work on the others
        check_two(path)
    with bar("Replaying") as done_so_far:
        done_so_far.expect(len(files))
        for path in files:
            done_so_far.step(path.name)
            scene = from_call(path.stem, *read_two(path))
            done.append((path, run(scene, setup, evidence=html is not None)))
    took = time.monotonic() - began
    if html is not None:
        shown = [Shown(made, str(path)) for path, made in done]
        _write(html, lambda: write_page(html, shown, title=f"Replay of {source.name}", setup=_changed(setup)))
    if as_json:
        print(
            json.dumps([{"recording": str(path), "events": made.records()} for path, made in done], indent=1)
        )
        return
    for path, made in done:
        console.print(events_table(str(path), made))
    length = sum(made.scene.length_s for _, made in done)
    console.print(f"{length:.0f} s of calls in {took:.1f} s.")
    if html is not None:
        console.print(f"  page: {html}", markup=False, soft_wrap=True)


# A corpus.


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which cases of which manifest."""

    manifest: Path
    audio: Path | None
    agent_voice: Path | None
    split: str
    only: str
    echo: bool

    def cases(self, told: Callable[[str], None]) -> list[Case]:
        """Read and mixed."""
        from antiphon.workers.replay import mix
        from antiphon.workers.replay.corpus import LABELS, audio_root, read_manifest

        if self.split not in ("score", "train", "all"):
            raise ConfigError("--split", self.split, "score, train or all")
        labels = [label.strip() for label in self.only.split(",") if label.strip()]
        for label in labels:
            if label not in LABELS:
                raise ConfigError("--only", label, ", ".join(LABELS))
        clips = read_manifest(self.manifest)
        root = audio_root(self.manifest, clips, self.audio)
        wanted = [c for c in clips if self.split in ("all", c.split) and (not labels or c.label in labels)]
        if not wanted:
            where = f"{self.manifest}, --split {self.split} --only {self.only}"
            raise MediaError("no row of the manifest is wanted", value=where)
        recipes = [r for r in mix.OVER_AGENT if self.echo or r.echo_db is None]
        voice = mix.AGENT_SPEECH if self.agent_voice is None else (str(self.agent_voice.absolute()),)
        sounds = mix.Sounds(root, self.manifest)
        return mix.cases(wanted, sounds, recipes=recipes, agent_speech=voice, told=told)


def _corpus(
    wanted: _Wanted,
    setup: Setup,
    options: Callable[[str], TurnTaking],
    score: bool,
    plot: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    from antiphon.workers.replay import curve
    from antiphon.workers.replay.figures import figures
    from antiphon.workers.replay.report import outcomes_table, record, score_table
    from antiphon.workers.replay.score import judge

    if plot is not None:  # before the work, not after it
        try:
            plot.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError("the folder cannot be made", value=f"{plot}: {error}") from None
    began = time.monotonic()
    setup, memory = curve.remembering(setup), curve.Remembered()
    with bar("Reading clips") as so_far:
        cases = wanted.cases(so_far.say)
        so_far.expect(len(cases))
        done: list[tuple[Case, Replayed | None, Outcome]] = []
        for case in cases:
            so_far.step(case.name)
            made = memory.replay(case, setup, evidence=html is not None)
            outcome = judge(case, made)
            done.append((case, made if html is not None else None, outcome))
        took = time.monotonic() - began
        drawn = [] if plot is None else _plot(plot, cases, setup, options, memory, so_far)
    outcomes = [outcome for _, _, outcome in done]
    scored = figures(outcomes)
    if html is not None:
        _page(html, wanted.manifest, setup, done)
    if as_json:
        print(record("agent " + " ".join(sys.argv[1:]), setup, scored, outcomes))
        return
    if not score:
        console.print(outcomes_table(outcomes))
    console.print(score_table(scored))
    length = sum(case.scene.length_s for case in cases)
    clips = len({case.clip.name for case in cases})
    console.print(f"{clips} clips, {len(cases)} cases, {length:.0f} s of calls in {took:.0f} s.")
    for name, path in [*(("curves", path) for path in drawn), ("page", html)]:
        if path is not None:
            console.print(f"  {name}: {path}", markup=False, soft_wrap=True)
    console.print(f"agent {' '.join(sys.argv[1:])}", markup=False, soft_wrap=True)


def _plot(
    folder: Path,
    cases: Sequence[Case],
    setup: Setup,
    options: Callable[[str], TurnTaking],
    memory: Remembered,
    so_far: Bar,
) -> list[Path]:
    from antiphon.workers.replay.chart import draw
    from antiphon.workers.replay.curves import find_curves

    note = f"agent replay --plot, {time.strftime('%Y-%m-%d')}"
    found = find_curves(
        cases, setup, options, note=note, memory=memory, told=so_far.step, expect=so_far.expect
    )
    return draw(folder, found)


def _policies(wanted: _Wanted, setup: Setup, options: Callable[[str], TurnTaking]) -> None:
    """Each policy's score beside the others', as a table in Markdown."""
    from antiphon.workers.replay import curve
    from antiphon.workers.replay.figures import figures
    from antiphon.workers.replay.report import policies_table
    from antiphon.workers.replay.score import ENDPOINTING

    with bar("Reading clips") as so_far:
        over = [case for case in wanted.cases(so_far.say) if case.clip.label not in ENDPOINTING]
        if not over:
            raise MediaError("no row that is wanted is of a sound over the agent", value=str(wanted.manifest))
        setups = curve.by_policy(curve.remembering(setup), options)
        so_far.expect(len(over) * len(setups))
        swept = curve.sweep(over, setups, so_far.step)
    print(policies_table({name: figures(outcomes) for name, outcomes in swept.items()}), end="")
    print(f"\n`agent {' '.join(sys.argv[1:])}`, {time.strftime('%Y-%m-%d')}, {len(over)} cases.")


MOST_SHOWN = 120  # cases on a page; at 40 KB each it still opens at once. Wrong ones come first


def _page(
    html: Path, manifest: Path, setup: Setup, done: Sequence[tuple[Case, Replayed | None, Outcome]]
) -> None:
    from antiphon.workers.replay.page import Shown, write_page

    shown = []
    for case, made, outcome in sorted(done, key=lambda one: one[2].right)[:MOST_SHOWN]:
        assert made is not None
        facts = {"label": case.clip.label, "words": case.clip.words, "language": case.clip.language,
                 "recipe": case.recipe, "source": case.clip.source, "note": case.clip.note}  # fmt: skip
        facts = {name: value for name, value in facts.items() if value}
        shown.append(
            Shown(made, case.name, outcome.kind, outcome.right, facts, (case.voice_s, case.offset_s))
        )
    title = f"Replay of {manifest.name}"
    if len(done) > len(shown):
        title += f": {len(shown)} of {len(done)} cases, wrong ones first"
    _write(html, lambda: write_page(html, shown, title=title, setup=_changed(setup)))


def _write(path: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise MediaError("the page cannot be written", value=f"{path}: {error}") from None


def _changed(setup: Setup) -> dict[str, str]:
    """The options that are not as they are by themselves."""
    from dataclasses import fields

    from antiphon.agents.options import TurnTaking

    plain = TurnTaking()
    changed = {
        spec.name: f"{getattr(setup.options, spec.name)}"
        for spec in fields(TurnTaking)
        if getattr(setup.options, spec.name) != getattr(plain, spec.name)
    }
    decides = {"judges": ", ".join(judge.name for judge in setup.judges) or "none: duration alone"}
    if setup.turn_end is not None:
        decides["end of turn"] = setup.turn_end.name
    return decides | changed
