from __future__ import annotations

import pytest
from aiohttp import web

from antiphon.workers.conformance.result import Check, NotApplicable, run_checks
from antiphon.workers.conformance.webrtc_checks import WEBRTC_CHECKS
from antiphon.workers.conformance.wire import Server
from tests.workers.conformance.rig import FaultyServer

pytest.importorskip("aiortc")
BY_NAME = {check.name: check for check in WEBRTC_CHECKS}


async def test_the_local_server_takes_both_forms() -> None:
    async with FaultyServer() as server:
        assert "201" in await BY_NAME["15 WebRTC calls"].run(Server(server.base_url))


async def test_a_barge_in_reaches_the_ear() -> None:
    async with FaultyServer() as server:
        (result,) = await run_checks([BY_NAME["10 WebRTC barge-in"]], Server(server.base_url))
    # The limit is for a machine at rest: here it may be late, but nothing else may be wrong.
    assert result.outcome == "passed" or "allowed" in result.why, result.why


@pytest.mark.parametrize("check", WEBRTC_CHECKS, ids=lambda check: check.name)
async def test_a_server_without_webrtc_is_not_asked(check: Check[Server]) -> None:
    app = web.Application()
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        port = runner.addresses[0][1]
        with pytest.raises(NotApplicable, match="404"):
            await check.run(Server(f"http://127.0.0.1:{port}/v1"))
    finally:
        await runner.cleanup()
