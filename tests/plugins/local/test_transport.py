"""A WebSocket as a session's way to its client."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest
from aiohttp import web

from antiphon.plugins.local.transport import SocketTransport


async def test_messages_come_go_and_end() -> None:
    seen: list[str | bytes] = []
    over = asyncio.Event()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        transport = SocketTransport(request, socket)
        assert transport.media is None
        async for message in transport.messages():
            seen.append(message)
            await transport.send("thanks")
            if message == "drop":
                transport.drop()
            elif message == "close":
                await transport.close(1001, "enough")
                await transport.close(1001, "again")
        assert transport.closed
        with pytest.raises(ConnectionError):
            await transport.send("too late")
        over.set()
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with aiohttp.ClientSession() as http:
        async with http.ws_connect(url) as socket:
            await socket.send_str("one")
            assert (await socket.receive()).data == "thanks"
            await socket.send_bytes(b"two")
            await socket.receive()
            await socket.send_str("close")
            await socket.receive()
            closing = await socket.receive()
            assert (closing.type, closing.data) == (aiohttp.WSMsgType.CLOSE, 1001)
        await asyncio.wait_for(over.wait(), 10)
        over.clear()
        async with http.ws_connect(url) as socket:
            await socket.send_str("drop")
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
            assert message.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        await asyncio.wait_for(over.wait(), 10)
    await runner.cleanup()
    assert seen == ["one", b"two", "close", "drop"]
