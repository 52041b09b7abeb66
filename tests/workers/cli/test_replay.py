from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from antiphon.workers.caller.audiofile import read_audio, write_stereo
from antiphon.workers.cli import EXIT_USAGE, main
from antiphon.workers.replay.corpus import COLUMNS

DATA = Path(__file__).parents[2] / "data"
RATE_HZ = 24_000
ALONE = ("--judges", "none", "--turn-end", "none")  # with no model but the detector


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("antiphon.workers.cli.common.console.width", 200, raising=False)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """The agent speaks from 0.5 s on; "hang on a second" comes at 3 s."""
    agent = read_audio(DATA / "jfk.flac", RATE_HZ)
    person = read_audio(DATA / "en_ast_hang_on_a_second.flac", RATE_HZ)
    caller = np.concatenate([np.zeros(3 * RATE_HZ, np.int16), person, np.zeros(2 * RATE_HZ, np.int16)])
    path = tmp_path / "call.wav"
    write_stereo(path, caller, np.concatenate([np.zeros(RATE_HZ // 2, np.int16), agent]), RATE_HZ)
    return path


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = [
        "speech/jfk.flac,echo,en,,JFK,a,CC0,score,,,",
        "en_ami_mm_1.flac,backchannel,en,mm,B,b,CC0,score,,,",
        "en_ast_hang_on_a_second.flac,interruption,en,hang on,C,c,CC0,score,,,",
        "weather_question.flac,complete,en,,D,d,CC0,score,,,",
        "weather_question.flac,incomplete,en,,D,d,CC0,score,,,",
        "keystrokes_0.flac,noise,,,,e,CC0,train,,,",
    ]
    root = tmp_path / "audio"
    (root / "speech").mkdir(parents=True)
    shutil.copy(DATA / "jfk.flac", root / "speech")
    for name in ("en_ami_mm_1", "en_ast_hang_on_a_second", "weather_question", "keystrokes_0"):
        shutil.copy(DATA / f"{name}.flac", root)
    path = tmp_path / "corpus.csv"
    path.write_text("\n".join([",".join(COLUMNS), *rows]) + "\n", encoding="utf-8")
    return path


def test_a_recording_shows_what_would_have_happened(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["replay", *ALONE, str(recording)]) == 0
    shown = capsys.readouterr().out
    assert shown.index("hold") < shown.index("yield") < shown.index("commit")


def test_options_change_it(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *ALONE, str(recording), "--set", "interruptions=false", "--json"]) == 0
    (made,) = json.loads(capsys.readouterr().out)
    kinds = [event["type"] for event in made["events"]]
    assert "onset" in kinds
    assert not {"hold", "yield"} & set(kinds)


def test_two_runs_print_the_same(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = []
    for _ in range(2):
        assert main(["replay", *ALONE, str(recording.parent), "--json"]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert json.loads(printed[0])[0]["recording"] == str(recording)


def test_a_page_is_written(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = recording.with_name("page.html")
    assert main(["replay", *ALONE, str(recording), "--html", str(page), "--json"]) == 0
    json.loads(capsys.readouterr().out)  # nothing else is printed there
    assert "data:audio/" in page.read_text(encoding="utf-8")


def test_a_manifest_is_scored(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *ALONE, str(manifest), "--score"]) == 0
    shown = capsys.readouterr().out
    for part in ("interruption en", "backchannel en", "echo", "cut off", "end to commit", "floor"):
        assert part in shown
    assert "noise" not in shown  # that one is for training
    assert "Cases" not in shown


def test_a_manifests_cases_are_listed_and_kept(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = manifest.with_name("page.html")
    arguments = [
        "replay",
        "--judges",
        "none",
        str(manifest),
        "--only",
        "backchannel,interruption",
        "--html",
        str(page),
    ]
    assert main(arguments) == 0
    assert "backchannel/en_ami_mm_1 (usual)" in capsys.readouterr().out
    assert "interruption/en_ast_hang_on_a_second" in page.read_text(encoding="utf-8")
    assert main([*arguments, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert {outcome["label"] for outcome in record["outcomes"]} == {"backchannel", "interruption"}
    assert record["options"]["yield_after_s"] == 0.42


def test_curves_are_drawn(manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    folder = tmp_path / "plots"
    assert main(["replay", *ALONE, str(manifest), "--score", "--plot", str(folder)]) == 0
    assert (folder / "floor-curve.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "endpointing-curve.png").read_bytes().startswith(b"\x89PNG")


def test_policies_are_scored_side_by_side(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["replay", *ALONE, str(manifest), "--score", "--policy", "all", "--no-echo"]
    assert main([*arguments, "--only", "interruption,backchannel"]) == 0
    head, line, *rows = capsys.readouterr().out.splitlines()
    assert head == "| of | figure | trials of clips | `balanced` | `attentive` | `determined` |"
    assert line.count("---") == 6
    taken = next(row for row in rows if row.startswith("| interruption en | took the floor | 2 of 1 |"))
    assert taken.count("%") == 3


def test_all_policies_need_a_score(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", *ALONE, str(recording), "--policy", "all"]) == EXIT_USAGE
    assert "--policy cannot be 'all'" in capsys.readouterr().err


def test_what_cannot_be_written_is_named(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "nowhere" / "page.html"
    assert main(["replay", *ALONE, str(recording), "--html", str(page)]) == EXIT_USAGE
    assert f"the page cannot be written ({page}" in capsys.readouterr().err


def _wrong(tmp_path: Path) -> dict[str, tuple[list[str], str]]:
    head = ",".join(COLUMNS)
    (tmp_path / "bad.csv").write_text(f"{head}\na.flac,shout,en,,,s,CC0,score,,,\n")
    (tmp_path / "none.csv").write_text(f"{head}\na.flac,noise,en,,,s,CC0,score,,,\n")
    (tmp_path / "empty").mkdir()
    return {
        "missing": ([str(tmp_path / "no.wav")], "no.wav"),
        "one channel": ([str(DATA / "weather_question.flac")], "1 channel"),
        "row": ([str(tmp_path / "bad.csv")], "bad.csv, row 2: shout"),
        "no clip": ([str(tmp_path / "none.csv")], "none.csv, row 2: a.flac"),
        "no recording": ([str(tmp_path / "empty")], "empty"),
        "setting": (
            [str(DATA / "jfk.flac"), "--set", "yield_after_s=soon"],
            "yield_after_s cannot be 'soon'",
        ),
        "no setting": ([str(DATA / "jfk.flac"), "--set", "quickly"], "field=value"),
        "score": ([str(DATA / "jfk.flac"), "--score"], "with a manifest"),
    }


@pytest.mark.parametrize(
    "which", ["missing", "one channel", "row", "no clip", "no recording", "setting", "no setting", "score"]
)
def test_wrong_input_is_one_line_and_exit_code_2(
    which: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, said = _wrong(tmp_path)[which]
    assert main(["replay", *ALONE, *arguments]) == EXIT_USAGE
    printed = capsys.readouterr()
    assert printed.out == ""
    *_, line = printed.err.strip().splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_folder_with_labels_is_a_corpus(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = manifest.parent / "audio"
    shutil.copy(manifest, folder / "labels.csv")
    arguments = ["replay", *ALONE, str(folder), "--score", "--no-echo", "--only", "backchannel"]
    assert main(arguments) == 0
    assert "backchannel en" in capsys.readouterr().out


def test_a_wrong_recording_of_a_folder_shows_before_the_work(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(DATA / "weather_question.flac", tmp_path / "z.flac")
    assert main(["replay", *ALONE, str(tmp_path)]) == EXIT_USAGE
    printed = capsys.readouterr()
    assert "z.flac" in printed.err
    assert "Replaying" not in printed.err


def _clip_row(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    good = "en_ami_mm_1.flac,backchannel,en,mm,B,b,CC0,score,,,"
    path.write_text("\n".join([",".join(COLUMNS), good, text]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("gone.flac,noise,,,,s,CC0,score,,,", "row 3: "),
        ("en_ami_mm_1.flac,noise,,,,s,CC0,score,50,51,", "row 3: en_ami_mm_1.flac has"),
        ("en_ami_mm_1.flac,noise,,,,s,CC0,score,nan,,", "row 3: nan"),
        ("en_ami_mm_1.flac,noise,,,,s,CC0,score,,inf,", "row 3: inf"),
        ("text.flac,noise,,,,s,CC0,score,,,", "row 3: text.flac"),
        ("clipped.wav,noise,,,,s,CC0,score,,,", "row 3: clipped.wav"),
        ("slow.wav,noise,,,,s,CC0,score,,,", "row 3: slow.wav"),
        ("silent.wav,noise,,,,s,CC0,score,,,", "row 3: silent.wav"),
    ],
)
def test_a_wrong_row_names_its_file_and_row(
    row: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(DATA / "en_ami_mm_1.flac", tmp_path)
    (tmp_path / "text.flac").write_text("no sound")
    square = np.where(np.arange(16_000) % 100 < 50, 32767, -32768).astype(np.int16)
    for name, sound, rate in (
        ("clipped.wav", square, 16_000),
        ("slow.wav", square // 4, 4_000),
        ("silent.wav", square * 0, 16_000),
    ):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(sound.astype("<i2").tobytes())
    path = _clip_row(row, tmp_path)
    arguments = ["replay", *ALONE, str(path), "--audio", str(tmp_path), "--score", "--no-echo"]
    assert main([*arguments, "--agent-voice", str(DATA / "jfk.flac")]) == EXIT_USAGE
    *_, line = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: ")
    assert "rows.csv" in line
    assert said in line


def test_the_agent_may_have_another_voice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("en_ami_mm_1", "keystrokes_0"):
        shutil.copy(DATA / f"{name}.flac", tmp_path)
    path = _clip_row("keystrokes_0.flac,noise,,,,s,CC0,score,,,", tmp_path)
    arguments = ["replay", *ALONE, str(path), "--audio", str(tmp_path), "--score", "--no-echo"]
    assert main(arguments) == EXIT_USAGE
    assert "there is no voice for the agent" in capsys.readouterr().err
    assert main([*arguments, "--agent-voice", str(DATA / "jfk.flac")]) == 0
