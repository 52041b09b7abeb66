"""OpenAI's own JavaScript client, in a browser, talks with the local model over WebRTC.

Chromium's microphone is a file of real speech; the agent's track is measured in the page. The package is
pinned in js/package-lock.json and installed once, outside the checkout, by ``npm ci``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import wave
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from numpy.typing import NDArray

JS = Path(__file__).with_name("js")
KEY = "sk-of-this-test"
RATE_HZ = 48_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def bundle() -> Path:
    """The client, as its package has it bundled for browsers."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed; it installs the JavaScript client")
    lock = (JS / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "antiphon" / "js"
    folder = cache / hashlib.sha256(lock).hexdigest()[:16]
    if not folder.is_dir():
        making = folder.with_name(f"{folder.name}.{os.getpid()}")
        making.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(JS / name, making)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        try:
            making.rename(folder)
        except OSError:  # another run was first
            shutil.rmtree(making)
    return folder / "node_modules" / "@openai" / "agents-realtime" / "dist" / "bundle"


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)}")
    return found


@pytest.fixture
async def page_url(bundle: Path) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_static("/bundle", bundle)
    app.router.add_static("/", JS)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/page.html"
    await runner.cleanup()


@pytest.fixture
async def model() -> AsyncIterator[dict[str, str]]:
    """The local model in a process of its own, as ``agent model`` runs it: its addresses."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "antiphon.plugins.local", "--key", KEY, "--with-parent"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    line = await asyncio.wait_for(process.stdout.readline(), 90)
    yield json.loads(line)
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


@pytest.mark.weights
@pytest.mark.timeout(240)
async def test_the_official_client_talks_with_the_local_model(
    page_url: str,
    chromium: str,
    model: dict[str, str],
    clip: Callable[..., NDArray[np.int16]],
    tmp_path: Path,
) -> None:
    from playwright.async_api import async_playwright

    # Round and round: a browser that takes long to connect hears it all the next time.
    first, second = clip("weather_question", RATE_HZ), clip("en_ast_hang_on_a_second", RATE_HZ)
    sound = np.concatenate([silence(8), first, silence(16), second, silence(12)])
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    arguments = [
        "--no-sandbox",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'speech.wav'}",
    ]
    async with async_playwright() as playwright, aiohttp.ClientSession() as http:
        browser = await playwright.chromium.launch(executable_path=chromium, args=arguments)
        page = await browser.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        await page.goto(page_url)
        await page.wait_for_function("!!window.converse")
        # As a page's own backend does: the key stays here, the page gets one that expires.
        headers = {"Authorization": f"Bearer {KEY}"}
        async with http.post(f"{model['base_url']}/realtime/client_secrets", headers=headers) as made:
            key = (await made.json())["value"]
        await page.evaluate("converse", {"url": model["calls_url"], "key": key, "instructions": "Be brief."})

        async def until(condition: str) -> dict[str, Any]:
            await page.wait_for_function(condition, timeout=100_000)
            state: dict[str, Any] = await page.evaluate("state")
            return state

        said = "state.history.filter(i => i.role == '{}' && /{}/i.test(i.text)).length"
        state = await until(f"{said.format('user', 'weather')} >= 1 && state.loudFrames > 20")
        assert state["callId"].startswith("rtc_")
        loud = state["loudFrames"]
        # The reply is over, the person speaks again, and is answered again.
        state = await until(
            f"{said.format('user', 'second')} >= 1 && state.loudFrames > {loud + 20}"
            f" && state.events.filter(type => type == 'output_audio_buffer.started').length >= 2"
        )
        assert state["quietFrames"] > 20
        assert state["loudest"] > 0.05
        roles = [item["role"] for item in state["history"]]
        assert "user assistant user assistant" in " ".join(roles)
        assert state["errors"] == []
        assert faults == []

        # The page closes, and the call is over at the server.
        await page.evaluate("session.close()")
        async with asyncio.timeout(20):
            left = 1
            while left:
                async with http.get(f"{model['base_url']}/../healthz") as response:
                    left = (await response.json())["sessions"]
        await browser.close()
