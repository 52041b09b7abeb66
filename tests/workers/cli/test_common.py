"""What verbs share: progress where there is no terminal, and the local model's process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from antiphon.agents.errors import ModelUnavailable
from antiphon.workers.cli import common

if TYPE_CHECKING:
    from antiphon.workers.sfu import LocalSfu


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
    told = pytest.raises(ModelUnavailable, match=r"did not start \(.+\).*Its log: .*model.log")
    with told as error, common.running_model():
        raise AssertionError("it started")
    assert "\n" not in str(error.value)
    assert "Traceback" not in str(error.value)


@pytest.mark.weights
def test_the_model_listens_once_it_is_given() -> None:
    with common.running_model() as model:
        import urllib.request

        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(model.base_url.removesuffix("/v1") + "/healthz", timeout=5) as answer:
            assert answer.status == 200
        assert model.log_path.is_file()
    assert model.process.poll() is not None
    assert not model.log_path.parent.exists(), "stopped in order, it leaves nothing"


def test_the_command_to_call_with_is_one_that_a_shell_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "bin" / "agent"
    own.parent.mkdir()
    own.touch(0o755)
    monkeypatch.setattr(sys, "executable", str(own.with_name("python")))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    assert common.call_command("ws://h", "t") == "bin/agent call --url ws://h --token t"
    monkeypatch.chdir("/")
    assert common.call_command("ws://h", "t").endswith(f"{own} call --url ws://h --token t".lstrip("/"))
    monkeypatch.setenv("PATH", str(own.parent))
    assert common.call_command("ws://h", "t") == "agent call --url ws://h --token t"


def test_a_worker_that_cannot_start_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    worker = common.Worker("none.py", [], {})
    try:
        assert worker.wait_ready() is False
        assert worker.poll() == 3
    finally:
        worker.stop()


@pytest.mark.sfu
@pytest.mark.timeout(120)
def test_calls_can_come_once_a_worker_is_ready(sfu: LocalSfu, tmp_path: Path) -> None:
    app = tmp_path / "bot.py"
    app.write_text(
        "from livekit.agents import AgentServer\nserver = AgentServer()\n"
        "@server.rtc_session()\nasync def entry(ctx): await ctx.connect()\n"
    )
    worker = common.Worker(str(app), [], sfu.environment())
    try:
        assert not worker.ready
        assert worker.wait_ready()
        assert worker.poll() is None
    finally:
        worker.stop()
    assert worker.poll() is not None
    assert not worker.ready


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_verb_even_in_a_shells_background(number: signal.Signals) -> None:
    script = (
        "import time; from antiphon.workers.cli.common import end_on_signal; end_on_signal()\n"
        "try: print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt: print('cleaned up')"
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does with what it starts by `&`
    try:
        process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    rest, _ = process.communicate(timeout=60)
    assert rest == "cleaned up\n"
