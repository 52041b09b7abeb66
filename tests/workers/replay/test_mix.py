from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from antiphon.agents.errors import MediaError
from antiphon.workers.caller.audiofile import write_stereo
from antiphon.workers.replay.corpus import Clip
from antiphon.workers.replay.mix import AGENT_AT_S, OVER_AGENT, Sounds, active_dbfs, cases, voice_onset
from antiphon.workers.replay.scene import RATE_HZ

DATA = Path(__file__).parents[2] / "data"


def clip(path: str, label: str, *, start_s: float = 0.0, end_s: float | None = None) -> Clip:
    return Clip(2, path, label, "en", "", "", "s", "CC0", "score", start_s, end_s, "")  # type: ignore[arg-type]


@pytest.fixture
def sounds(tmp_path: Path) -> Sounds:
    (tmp_path / "speech").mkdir()
    shutil.copy(DATA / "jfk.flac", tmp_path / "speech")
    for name in ("en_ami_mm_1", "en_ast_hang_on_a_second", "weather_question"):
        shutil.copy(DATA / f"{name}.flac", tmp_path)
    return Sounds(tmp_path, Path("some.csv"))


def test_a_clip_comes_over_the_agent_at_the_level_and_place_that_the_recipe_says(sounds: Sounds) -> None:
    made = cases([clip("en_ami_mm_1.flac", "backchannel")], sounds)
    assert [case.recipe for case in made] == [recipe.name for recipe in OVER_AGENT]
    for case, recipe in zip(made, OVER_AGENT, strict=True):
        at = AGENT_AT_S + recipe.lead_s
        assert at <= case.onset_s < at + 0.3
        assert case.onset_s <= case.voice_s < case.offset_s
        assert case.offset_s <= case.scene.length_s - 2.0
        placed = case.scene.caller[round(at * RATE_HZ) : round(case.offset_s * RATE_HZ)]
        assert active_dbfs(placed) == pytest.approx(recipe.level_dbfs, abs=0.5)
        assert (case.scene.echo.gain_db if case.scene.echo else None) == recipe.echo_db
        (reply,) = case.scene.replies
        assert len(reply.audio) + AGENT_AT_S * RATE_HZ >= len(case.scene.caller)


def test_scenes_are_made_of_clip_and_recipe_alone(sounds: Sounds) -> None:
    first, second = (cases([clip("en_ami_mm_1.flac", "noise")], sounds) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert one.scene.caller.tobytes() == other.scene.caller.tobytes()


def test_after_an_incomplete_clip_the_person_goes_on(sounds: Sounds) -> None:
    made = cases([clip("weather_question.flac", "incomplete")], sounds, pauses_s=(0.4, 1.0))
    assert len(made) == 2
    for case, pause_s in zip(made, (0.4, 1.0), strict=True):
        assert case.resumes_s == pytest.approx(case.offset_s + pause_s)
        pause = case.scene.caller[
            round((case.offset_s + 0.001) * RATE_HZ) : round((case.resumes_s - 0.001) * RATE_HZ)
        ]
        assert np.abs(pause).max() < 32768 * 10 ** (-45 / 20)
        after = case.scene.caller[round(case.resumes_s * RATE_HZ) :][: RATE_HZ // 2]
        assert active_dbfs(after) > -35
        assert case.scene.replies == ()


def test_a_pause_that_is_known_is_taken(sounds: Sounds) -> None:
    known = replace(
        clip("weather_question.flac", "incomplete"), note="same side goes on after a 0.51 s pause, …"
    )
    (case,) = cases([known], sounds)
    assert case.resumes_s == pytest.approx(case.offset_s + 0.51)


def test_a_complete_clip_is_followed_by_silence(sounds: Sounds) -> None:
    (case,) = cases([clip("weather_question.flac", "complete")], sounds)
    assert case.resumes_s is None
    assert case.scene.length_s > case.offset_s + 2.9


def test_the_agents_own_echo_is_all_there_is(sounds: Sounds) -> None:
    made = cases([clip("speech/jfk.flac", "echo")], sounds)
    assert [case.scene.echo.gain_db for case in made if case.scene.echo] == [-30.0, -20.0]
    assert all(active_dbfs(case.scene.caller) < -60 for case in made)


def test_a_recording_with_an_echo_brings_what_was_played(sounds: Sounds, tmp_path: Path) -> None:
    speech = sounds.file("weather_question.flac")
    silence = np.zeros(len(speech), np.int16)
    write_stereo(tmp_path / "far_mic.wav", speech // 8, speech // 8, RATE_HZ)
    write_stereo(tmp_path / "far_lpb.wav", speech, speech, RATE_HZ)
    write_stereo(tmp_path / "near_mic.wav", speech, speech, RATE_HZ)
    write_stereo(tmp_path / "near_lpb.wav", silence, silence, RATE_HZ)
    far, near = cases([clip("far_mic.wav", "echo"), clip("near_mic.wav", "interruption")], sounds)
    assert np.abs(far.scene.replies[0].audio).max() > 4 * np.abs(far.scene.caller).max()
    assert active_dbfs(near.scene.replies[0].audio) > -30  # somebody has to be interrupted


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (clip("none.flac", "noise"), "no such sound file"),
        (clip("en_ami_mm_1.flac", "noise", start_s=30.0), "outside its file"),
        (clip("en_ami_mm_1.flac", "noise", end_s=30.0), "outside its file"),
        (clip("silent.wav", "noise"), "is silent"),
        (clip("loud.wav", "noise"), "cut at full scale"),
    ],
)
def test_a_clip_that_cannot_be_used_is_named(sounds: Sounds, tmp_path: Path, wrong: Clip, said: str) -> None:
    silence, square = np.zeros(RATE_HZ, np.int16), np.full(RATE_HZ, 32_767, np.int16)
    write_stereo(tmp_path / "silent.wav", silence, silence, RATE_HZ)
    write_stereo(tmp_path / "loud.wav", square, square, RATE_HZ)
    with pytest.raises(MediaError, match=said) as caught:
        cases([wrong], sounds)
    assert f"some.csv, row 2: {wrong.path}" in str(caught.value)


def test_the_active_level_leaves_pauses_out() -> None:
    tone = (8000 * np.sin(np.arange(RATE_HZ) * 0.1)).astype(np.int16)
    alone = active_dbfs(tone)
    assert active_dbfs(np.concatenate([tone, np.zeros(5 * RATE_HZ, np.int16)])) == pytest.approx(
        alone, abs=0.1
    )
    assert active_dbfs(np.zeros(100, np.int16)) == -120.0


def test_a_voice_begins_behind_the_hiss_and_behind_a_click() -> None:
    dice = np.random.default_rng(5)
    hiss = dice.normal(0, 300, RATE_HZ).astype(np.int16)  # -41 dBFS
    tone = (4000 * np.sin(np.arange(RATE_HZ // 2) * 0.1)).astype(np.int16)
    for before in (hiss, np.zeros(RATE_HZ, np.int16)):
        sound = np.concatenate([before, tone, before])
        sound[2000:2400] = 9000
        assert voice_onset(sound) == pytest.approx(RATE_HZ, abs=RATE_HZ // 50)
    assert voice_onset(tone) <= RATE_HZ // 100  # cut closely
    assert voice_onset(np.zeros(100, np.int16)) == 0
