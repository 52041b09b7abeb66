"""From labelled clips to scenes: a clip over the agent's voice, or said to a silent agent.

A recipe says how loud the clip is, where in the agent's speech it comes, and how much of the agent leaks
into the microphone; each clip is scored under several. Every number of a recipe is in `OVER_AGENT`, and a
scene is made from clip and recipe alone: nothing is drawn.

Levels are those of the voiced part: the mean power of the 20 ms frames within 20 dB of the loudest one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from antiphon.agents.errors import MediaError
from antiphon.agents.media.router import Samples
from antiphon.workers.caller.recording import dbfs_onset
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.engine import Setup
from antiphon.workers.replay.scene import RATE_HZ, Echo, Reply, Scene, sum_of
from antiphon.workers.replay.sound import clipped_share, read_mono

__all__ = [
    "AGENT_SPEECH",
    "AS_RECORDED",
    "OVER_AGENT",
    "PAUSES_S",
    "Case",
    "Recipe",
    "active_dbfs",
    "cases",
    "for_case",
    "voice_onset",
]

AGENT_DBFS: Final = -23.0  # of the agent's voice as played; chosen, a usual level of hosted voices
AGENT_AT_S: Final = 0.3  # s; when the agent begins to speak
AFTER_S: Final = 2.6  # s that a scene goes on after its clip: longer than the longest hold
AGENT_SPEECH: Final = ("speech/jfk.flac",)  # below the audio root: who the agent sounds like
ROOM_DBFS: Final = -72.0  # of the microphone's own noise; chosen, a headset in a quiet room
# s; after an incomplete clip the person goes on: after the pause that its note states, else after each of
# these. Chosen around those that are stated (0.45 to 0.67 s)
PAUSES_S: Final = (0.4, 0.7, 1.1)
_PAUSE_STATED: Final = re.compile(r"goes on after a ([0-9.]+) s pause")
COMMIT_WITHIN_S: Final = 3.0  # s listened to after a complete clip
AS_RECORDED: Final = "as recorded"  # the recipe of a recording that brings its own agent


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a clip is laid over the agent's voice."""

    name: str
    level_dbfs: float
    """Of the clip's voiced part in the microphone."""
    at_s: float
    """Where in the agent's speech it comes, s."""
    lead_s: float = 1.5
    """How much of the agent's speech is heard before, s. Long enough for whatever has to settle."""
    echo_db: float | None = None
    """Level of the agent's voice in the microphone against what was played; None for a headset."""


OVER_AGENT: Final = (
    Recipe("usual", -24.0, 6.45),  # in the middle of a word of `AGENT_SPEECH`
    Recipe("quiet", -34.0, 2.60),  # in a pause of it
    Recipe("loud, echo -30 dB", -18.0, 9.20, 4.0, echo_db=-30.0),
    Recipe("usual, echo -20 dB", -24.0, 7.00, 4.0, echo_db=-20.0),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A scene and what is known of it."""

    clip: Clip
    recipe: str
    """Its name; of a clip said to a silent agent, the pause that follows."""
    scene: Scene = field(repr=False)
    onset_s: float
    """The clip's first sample above -45 dBFS, as played, s into the scene."""
    voice_s: float
    """Where its voice begins, or whatever else it is of (`voice_onset`), s into the scene."""
    offset_s: float
    """Its last, s into the scene."""
    resumes_s: float | None = None
    """When the person goes on, for an incomplete clip, s into the scene."""

    @property
    def name(self) -> str:
        """Short, and its own."""
        return f"{self.clip.name} ({self.recipe})"


def for_case(case: Case, setup: Setup) -> Setup:
    """The setup with what a call would know of its language: the clip's, else the setup's."""
    return replace(setup, language=case.clip.language or setup.language)


class Sounds:
    """Reads clips, each file once.

    Args:
        root: The folder that the clips' paths start at.
        manifest: The file they were named in, for errors.
    """

    def __init__(self, root: Path, manifest: Path) -> None:
        self._root = root
        self._manifest = manifest
        self._files: dict[str, Samples] = {}

    def clip(self, clip: Clip) -> Samples:
        """A clip's sound, mono, 24 kHz.

        Raises:
            MediaError: The file is not there or is no sound, or the clip lies outside it, is silent or is cut
                at full scale over more than a hundredth of it.
        """
        try:
            whole = self.file(clip.path)
        except MediaError as error:
            raise MediaError(error.what, value=f"{self._where(clip)}", hint=error.hint) from None
        first = round(clip.start_s * RATE_HZ)
        last = len(whole) if clip.end_s is None else round(clip.end_s * RATE_HZ)
        if first >= len(whole) or last > len(whole) + RATE_HZ // 20:
            length = len(whole) / RATE_HZ
            raise MediaError("a clip lies outside its file", value=f"{self._where(clip)} has {length:.2f} s")
        cut = whole[first:last]
        if dbfs_onset(cut, -60.0) is None:
            raise MediaError("a clip is silent", value=self._where(clip))
        if (share := clipped_share(cut)) > 0.01:
            raise MediaError(
                f"{share:.0%} of a clip is cut at full scale",
                value=self._where(clip),
                hint="Record it at a lower level.",
            )
        return cut

    def file(self, path: str) -> Samples:
        """A whole file, likewise."""
        if path not in self._files:
            self._files[path] = read_mono(self._root / path)
        return self._files[path]

    def voice(self, path: str) -> Samples:
        """A file that the agent's voice is taken from, below the root or anywhere.

        Raises:
            MediaError: It is not there, is no sound, or is silent.
        """
        where = self._root / path
        if not where.is_file():
            raise MediaError(
                "there is no voice for the agent", value=str(where), hint="Give one with --agent-voice."
            )
        sound = self.file(path)
        if dbfs_onset(sound) is None:
            raise MediaError("the agent's voice is silent", value=str(where))
        return sound

    def has(self, path: str) -> bool:
        """Whether the file is there."""
        return (self._root / path).is_file()

    def _where(self, clip: Clip) -> str:
        return f"{self._manifest}, row {clip.row}: {clip.path}"


def cases(
    clips: Iterable[Clip],
    sounds: Sounds,
    *,
    recipes: Sequence[Recipe] = OVER_AGENT,
    agent_speech: Sequence[str] = AGENT_SPEECH,
    pauses_s: Sequence[float] = PAUSES_S,
    told: Callable[[str], None] = lambda _: None,
) -> list[Case]:
    """All cases that clips make.

    Args:
        clips: Rows of a manifest.
        sounds: Their sound.
        recipes: Under which each clip over the agent is tried.
        agent_speech: Files that the agent's voice is taken from, in turns; below the root, or with all of
            their path.
        pauses_s: After which the person goes on from an incomplete clip whose note states none, s.
        told: Progress.

    Raises:
        MediaError: A clip cannot be used; names file and row.
    """
    made: list[Case] = []
    for number, clip in enumerate(clips):
        told(f"reading {clip.path}")
        sound = sounds.clip(clip)
        if clip.label in ("complete", "incomplete"):
            made += _to_silence(clip, sound, pauses_s)
        elif (played := _played(clip)) is not None and sounds.has(played):
            voice = sounds.voice(agent_speech[number % len(agent_speech)])
            made.append(_recorded_echo(clip, sound, sounds.file(played), voice))
        elif clip.label == "echo":
            made += [_own_echo(clip, sound, r) for r in recipes if r.echo_db is not None]
        else:
            voice = sounds.voice(agent_speech[number % len(agent_speech)])
            made += [_over_agent(clip, sound, voice, recipe) for recipe in recipes]
    return made


def active_dbfs(samples: Samples) -> float:
    """Level of the voiced part, dB below full scale; -120 for silence."""
    step = RATE_HZ // 50
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    power = np.mean(frames**2, axis=1) / 32768.0**2 if len(frames) else np.zeros(0)
    if not len(power) or not power.max():
        return -120.0
    return float(10 * np.log10(power[power > power.max() / 100].mean()))


def voice_onset(samples: Samples) -> int:
    """The sample at which a clip's sound begins for good: behind its recording's noise, and no click.

    Brought to a usual level, old recordings hiss above -45 dBFS for a third of a second before anybody
    speaks. So the first of 80 ms of which most are 10 dB above the clip's quietest fifth, and above -45 dBFS;
    at most 12 dB below its voiced part, since a clip that is cut closely has no quiet fifth.
    """
    step = RATE_HZ // 100
    frames = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    if not len(frames):
        return 0
    level = 10 * np.log10(np.mean(frames**2, axis=1) / 32768.0**2 + 1e-12)
    least = min(max(-45.0, float(np.percentile(level, 20)) + 10), active_dbfs(samples) - 12)
    loud = np.concatenate([level >= least, np.zeros(7, dtype=bool)])
    lasting = np.convolve(loud, np.ones(8), mode="valid") >= 5
    found = np.flatnonzero(lasting & loud[: len(lasting)])
    return int(found[0]) * step if len(found) else 0


def _at_level(samples: Samples, level_dbfs: float) -> Samples:
    gain = 10 ** ((level_dbfs - active_dbfs(samples)) / 20)
    levelled: Samples = np.clip(np.rint(samples * gain), -32768, 32767).astype(np.int16)
    return levelled


def _room(length: int) -> Samples:
    """The microphone's own noise; the same each time."""
    noise = np.random.default_rng(11).standard_normal(length) * 32768 * 10 ** (ROOM_DBFS / 20)
    made: Samples = np.rint(noise).astype(np.int16)
    return made


def _bounds(sound: Samples, first: int) -> tuple[float, float, float]:
    """A clip's onset, the onset of its voice and its offset, s into a scene in which it begins at ``first``.

    What stays below -45 dBFS is measured at -60: it is quiet, and still counts.
    """
    found = dbfs_onset(sound) or dbfs_onset(sound, -60.0) or (0, len(sound) - 1)
    voice = max(voice_onset(sound), found[0])
    return (first + found[0]) / RATE_HZ, (first + voice) / RATE_HZ, (first + found[1] + 1) / RATE_HZ


def _agent(voice: Samples, length: int, from_s: float = 0.0) -> Samples:
    """The agent's voice at its level from a place on, repeated for as long as it is needed."""
    levelled = np.roll(_at_level(voice, AGENT_DBFS), -round(from_s * RATE_HZ))
    repeated: Samples = np.tile(levelled, -(-length // len(levelled)))
    return repeated[:length]


def _over_agent(clip: Clip, sound: Samples, voice: Samples, recipe: Recipe) -> Case:
    levelled = _at_level(sound, recipe.level_dbfs)
    first = round((AGENT_AT_S + recipe.lead_s) * RATE_HZ)
    length = first + len(sound) + round(AFTER_S * RATE_HZ)
    caller = sum_of([(0, _room(length)), (first, levelled)], length)
    echo = None if recipe.echo_db is None else Echo(recipe.echo_db)
    # The voice goes on beyond the scene, held or not: that it ends is never what ends a hold.
    reply = Reply(AGENT_AT_S, _agent(voice, length, recipe.at_s - recipe.lead_s))
    scene = Scene(f"{clip.name} ({recipe.name})", caller, (reply,), echo)
    return Case(clip, recipe.name, scene, *_bounds(levelled, first))


def _played(clip: Clip) -> str | None:
    """What was played while a recording with an echo was made, by its name."""
    return clip.path.replace("_mic.", "_lpb.") if "_mic." in clip.path else None


def _recorded_echo(clip: Clip, sound: Samples, played: Samples, voice: Samples) -> Case:
    """A recording of a microphone and of what was played meanwhile: the echo in it is real, and goes on.

    Where nothing was played, the agent speaks nonetheless, unheard by that microphone.
    """
    first = round(clip.start_s * RATE_HZ)
    heard = played[first : first + len(sound)]
    if dbfs_onset(heard) is None:
        heard = _agent(voice, len(sound) + round(AFTER_S * RATE_HZ))
    caller = np.concatenate([sound, np.zeros(round(AFTER_S * RATE_HZ), np.int16)])
    scene = Scene(f"{clip.name} (as recorded)", caller, (Reply(0.0, heard),))
    return Case(clip, AS_RECORDED, scene, *_bounds(sound, 0))


def _own_echo(clip: Clip, sound: Samples, recipe: Recipe) -> Case:
    """The clip is what the agent says, and nobody else is there."""
    assert recipe.echo_db is not None
    length = len(sound) + round((AGENT_AT_S + 0.5) * RATE_HZ)
    reply = Reply(AGENT_AT_S, _at_level(sound, AGENT_DBFS))
    scene = Scene(f"{clip.name} ({recipe.name})", _room(length), (reply,), Echo(recipe.echo_db))
    return Case(clip, f"own echo {recipe.echo_db:g} dB", scene, AGENT_AT_S, AGENT_AT_S, length / RATE_HZ)


def _to_silence(clip: Clip, sound: Samples, pauses_s: Sequence[float]) -> list[Case]:
    levelled = _at_level(sound, -24.0)
    first = round(0.6 * RATE_HZ)
    onset_s, voice_s, offset_s = _bounds(levelled, first)
    if clip.label == "complete":
        length = first + len(sound) + round(COMMIT_WITHIN_S * RATE_HZ)
        caller = sum_of([(0, _room(length)), (first, levelled)], length)
        return [Case(clip, "silence", Scene(clip.name, caller), onset_s, voice_s, offset_s)]
    made = []
    stated = _PAUSE_STATED.search(clip.note)
    for pause_s in (float(stated[1]),) if stated else pauses_s:
        # The pause runs from voice to voice, as pauses are measured; the clip's own edges are no pause.
        begins = first + dbfs_end(levelled)
        again = begins + round(pause_s * RATE_HZ) - dbfs_begin(levelled)
        length = again + len(sound) + round(COMMIT_WITHIN_S * RATE_HZ)
        head = levelled[: dbfs_end(levelled)]
        tail = levelled[dbfs_begin(levelled) :]
        parts = [(0, _room(length)), (first, head), (again + dbfs_begin(levelled), tail)]
        scene = Scene(f"{clip.name} ({pause_s:g} s)", sum_of(parts, length))
        made.append(Case(clip, f"pause {pause_s:g} s", scene, onset_s, voice_s, offset_s, offset_s + pause_s))
    return made


def dbfs_begin(samples: Samples) -> int:
    """The first sample above -45 dBFS; 0 if there is none."""
    found = dbfs_onset(samples)
    return found[0] if found else 0


def dbfs_end(samples: Samples) -> int:
    """One behind the last sample above -45 dBFS; the end if there is none."""
    found = dbfs_onset(samples)
    return found[1] + 1 if found else len(samples)
