"""What verbs share: progress where there is no terminal, and the local model's process."""

from __future__ import annotations

from pathlib import Path

import pytest

from antiphon.agents.errors import ModelUnavailable
from antiphon.workers.cli import common


def test_progress_without_a_terminal_says_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "PLAIN_EVERY_S", 3600.0)
    with common.progress("Building …") as tell:
        tell("still building")
    assert capsys.readouterr().err == "Building …\n"
    monkeypatch.setattr(common, "PLAIN_EVERY_S", 0.0)
    with common.progress("Building") as tell:
        tell("still building")
    assert capsys.readouterr().err == "Building …\nstill building\n"


def test_a_model_that_does_not_start_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTIPHON_WHISPER_DIR", str(tmp_path / "none"))
    with pytest.raises(ModelUnavailable, match=r"did not start \(.+\).*Its log: .*model.log") as error:
        common.start_model()
    assert "\n" not in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.weights
def test_the_model_listens_once_it_is_given() -> None:
    process, base_url = common.start_model()
    try:
        import urllib.request

        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(base_url.removesuffix("/v1") + "/healthz", timeout=5) as answer:
            assert answer.status == 200
    finally:
        process.stop()
    assert process.poll() is not None


def test_a_worker_that_cannot_start_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    worker = common.start_worker("none.py", [], {})
    assert worker.wait(30) == 3
    worker.stop()
