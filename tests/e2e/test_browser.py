"""OpenAI's own JavaScript client, in a browser, talks with the local model over WebRTC.

Chromium's microphone is a file of real speech; the agent's track is measured in the page. The package is
pinned in js/package-lock.json and installed once, outside the checkout, by ``npm ci``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
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

from antiphon.plugins.local.testing import Say, ScriptedServer, tone

JS = Path(__file__).with_name("js")
DOCUMENT = Path(__file__).parents[2] / "docs" / "local-model.md"
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


@pytest.fixture
async def page(page_url: str, chromium: str, tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """``await page(sound)``: a page whose microphone is that sound, over and over."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browsers = []

        async def open_page(sound: NDArray[np.int16]) -> Any:
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
            browsers.append(await playwright.chromium.launch(executable_path=chromium, args=arguments))
            opened = await browsers[-1].new_page()
            await opened.goto(page_url)
            await opened.wait_for_function("!!window.converse")
            return opened

        yield open_page
        for browser in browsers:
            await browser.close()


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(round(seconds * RATE_HZ), dtype=np.int16)


@pytest.mark.weights
@pytest.mark.timeout(240)
async def test_the_official_client_talks_with_the_local_model(
    page: Callable[..., Any], model: dict[str, str], clip: Callable[..., NDArray[np.int16]]
) -> None:
    # Round and round: a browser that takes long to connect hears it all the next time.
    first, second = clip("weather_question", RATE_HZ), clip("en_ast_hang_on_a_second", RATE_HZ)
    talk = await page(np.concatenate([silence(8), first, silence(16), second, silence(12)]))
    faults: list[str] = []
    talk.on("pageerror", lambda error: faults.append(str(error)))
    async with aiohttp.ClientSession() as http:
        # As a page's own backend does: the key stays here, the page gets one that expires.
        headers = {"Authorization": f"Bearer {KEY}"}
        async with http.post(f"{model['base_url']}/realtime/client_secrets", headers=headers) as made:
            key = (await made.json())["value"]
        await talk.evaluate("converse", {"url": model["calls_url"], "key": key, "instructions": "Be brief."})

        async def until(condition: str) -> dict[str, Any]:
            await talk.wait_for_function(condition, timeout=100_000)
            state: dict[str, Any] = await talk.evaluate("state")
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
        assert "response.output_audio.delta" not in state["events"]
        assert state["errors"] == []
        assert faults == []

        # The page hangs up, and the call is over at the server.
        await talk.evaluate("session.close()")
        async with asyncio.timeout(20):
            left = 1
            while left:
                async with http.get(f"{model['base_url']}/../healthz") as response:
                    left = (await response.json())["sessions"]


async def test_the_documents_page_talks_with_no_client_but_the_browser(page: Callable[..., Any]) -> None:
    """The snippet of docs/local-model.md, as it stands there."""
    (snippet,) = re.findall(r"```js\n(async function talk.*?)```", DOCUMENT.read_text(), re.DOTALL)
    async with ScriptedServer([Say("Hello there.", audio=tone(1.0))]) as server:
        talk = await page(silence(5))
        await talk.add_script_tag(content=snippet)
        await talk.evaluate(
            """async (url) => {
                const { events, speaker, call } = await talk(url, "any");
                window.seen = [];
                window.call = call;
                events.onmessage = ({ data }) => seen.push(JSON.parse(data).type);
                await new Promise((opened) => (events.onopen = opened));
                listen(speaker.srcObject);
                events.send(JSON.stringify({ type: "response.create" }));
            }""",
            server.calls_url,
        )
        await talk.wait_for_function("seen.includes('output_audio_buffer.stopped')", timeout=60_000)
        assert await talk.evaluate("state.loudFrames") > 20
        assert (await talk.evaluate("call")).startswith("/v1/realtime/calls/rtc_")
        with pytest.raises(Exception, match="didn't provide an API key"):
            await talk.evaluate("url => talk(url, '')", server.calls_url)
