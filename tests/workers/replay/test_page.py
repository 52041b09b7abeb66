from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from antiphon.workers.caller.audiofile import read_audio
from antiphon.workers.replay import RATE_HZ, Reply, Scene, Setup, replay
from antiphon.workers.replay.page import Shown, write_page


class Loud:
    def window(self, samples: NDArray[np.int16]) -> float:
        return 0.95 if np.abs(samples).max() > 600 else 0.01

    def reset(self) -> None: ...


def noise(seconds: float, level: int, seed: int) -> NDArray[np.int16]:
    """Two seeds are nobody's echo."""
    dice = np.random.default_rng(seed)
    return dice.uniform(-level, level, round(seconds * RATE_HZ)).astype(np.int16)


def page(folder: Path, title: str = "a page") -> tuple[str, dict]:
    caller = np.zeros(5 * RATE_HZ, np.int16)
    caller[2 * RATE_HZ : 3 * RATE_HZ] = noise(1.0, 8000, 1)
    scene = Scene("s", caller, (Reply(0.3, noise(9.0, 4000, 2)),))
    made = replay(scene, Setup(detector=Loud), evidence=True)
    shown = [Shown(made, "one </script>", "yielded", True, {"words": "<b>"}), Shown(made, "two")]
    path = folder / "page.html"
    write_page(path, shown, title=title, setup={"yield_after_s": "0.42"})
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return text, json.loads(found[1])


def test_the_page_carries_all_it_shows(tmp_path: Path) -> None:
    _, data = page(tmp_path)
    first, second = data["replays"]
    assert (first["title"], first["outcome"], first["right"]) == ("one </script>", "yielded", True)
    assert (second["outcome"], second["right"]) == ("", None)
    kinds = [event["type"] for event in first["events"]]
    assert kinds.index("hold") < kinds.index("yield") < kinds.index("commit")
    ((began, ended, yielded),) = first["silences"]
    assert 2.0 < began < 2.2
    assert (ended, yielded) == (None, True)
    assert len(first["caller"]) == len(first["agent"]) == 2 * 5 * first["pointsPerSecond"]
    assert max(first["caller"]) == round(7999 * 100 / 32768)
    assert len(first["speech"]) == 156
    at, over_noise_db, pitch_hz, echo, syllables = first["evidence"][-1]
    assert 2.9 < at < 3.3
    assert over_noise_db > 30
    assert 0 <= echo <= 1
    assert (pitch_hz >= 0, syllables >= 0) == (True, True)


def test_the_page_fetches_nothing(tmp_path: Path) -> None:
    text, _ = page(tmp_path)
    assert "default-src 'none'" in text
    assert re.findall(r"https?://", text) == []
    assert re.findall(r"<(?:link|img|iframe)|\bsrc=|@import", text) == []


def test_titles_are_text(tmp_path: Path) -> None:
    text, _ = page(tmp_path, title="<i>&")
    assert "<title>&lt;i&gt;&amp;</title>" in text
    assert "__" not in re.sub(r'id="data">.*?</script>', "", text, flags=re.S)


def test_the_sound_is_in_it(tmp_path: Path) -> None:
    _, data = page(tmp_path)
    kind, sound = data["replays"][0]["audio"].split(",", 1)
    assert kind in ("data:audio/ogg;base64", "data:audio/wav;base64")
    file = tmp_path / "sound.ogg"
    file.write_bytes(base64.b64decode(sound))
    assert abs(len(read_audio(file, RATE_HZ)) / RATE_HZ - 5.0) < 0.1
