"""One POST that sets a call up."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from livekit.agents import APIConnectionError, APIStatusError

from antiphon.plugins.openai.signalling import Answer, calls_url, post_offer

OFFER = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n"


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://api.openai.com/v1", "https://api.openai.com/v1/realtime/calls"),
        ("https://api.openai.com", "https://api.openai.com/v1/realtime/calls"),
        ("wss://api.openai.com/v1/realtime", "https://api.openai.com/v1/realtime/calls"),
        ("http://127.0.0.1:8/v1/", "http://127.0.0.1:8/v1/realtime/calls"),
        ("http://h/v1/realtime/calls", "http://h/v1/realtime/calls"),
        (
            "https://x.openai.azure.com/openai/v1?a=b",
            "https://x.openai.azure.com/openai/v1/realtime/calls?a=b",
        ),
    ],
)
def test_the_address(base: str, url: str) -> None:
    assert calls_url(base, None) == url


def test_the_model_is_in_the_address_unless_it_names_one() -> None:
    assert calls_url("https://h/v1", "gpt realtime") == "https://h/v1/realtime/calls?model=gpt+realtime"
    assert calls_url("https://h/v1?model=mine", "other") == "https://h/v1/realtime/calls?model=mine"


class Server:
    """Answers as it is told."""

    def __init__(self) -> None:
        self.answer = web.Response(status=201, text=OFFER, headers={"Location": "/v1/realtime/calls/rtc_9"})
        self.got: dict[str, tuple[str, str]] = {}

    async def post(self, request: web.Request) -> web.Response:
        if request.content_type == "multipart/form-data":
            async for part in await request.multipart():
                assert isinstance(part, aiohttp.BodyPartReader)
                self.got[str(part.name)] = (part.headers["Content-Type"], await part.text())
        else:
            self.got["body"] = (request.content_type, await request.text())
        return self.answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    app = web.Application()
    app.router.add_post("/v1/realtime/calls", served.post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"  # type: ignore[attr-defined]
    yield served
    await runner.cleanup()


async def ask(base_url: str, session: dict[str, object] | None = None, timeout_s: float = 5.0) -> Answer:
    async with aiohttp.ClientSession() as http:
        return await post_offer(
            http,
            base_url=base_url,
            model="m",
            headers={"Authorization": "Bearer k"},
            offer=OFFER,
            session=session,
            timeout_s=timeout_s,
        )


async def test_with_settings_it_is_a_form_of_two_parts(server: Server) -> None:
    answer = await ask(server.base_url, {"type": "realtime"})  # type: ignore[attr-defined]
    assert answer == Answer(OFFER, "/v1/realtime/calls/rtc_9")
    assert server.got == {
        "sdp": ("application/sdp", OFFER),
        "session": ("application/json", '{"type": "realtime"}'),
    }


async def test_without_settings_it_is_the_offer_alone(server: Server) -> None:
    await ask(server.base_url)  # type: ignore[attr-defined]
    assert server.got == {"body": ("application/sdp", OFFER)}


@pytest.mark.parametrize(
    ("status", "body", "retryable", "shown"),
    [
        (
            401,
            '{"error": {"message": "no such key", "code": "invalid_api_key"}}',
            False,
            "no such key Check the key",
        ),
        (400, '{"error": {"message": "bad sdp", "code": null}}', False, "refused the offer"),
        (404, "<html>nothing here</html>", False, "nothing here"),
        (429, '{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}', True, "slow down"),
        (429, '{"error": {"message": "pay", "code": "insufficient_quota"}}', False, "pay"),
        (500, "", True, "no reason given"),
        (502, "[1, 2]", True, "[1, 2]"),
        (302, "", False, "no reason given"),
    ],
)
async def test_refusals(server: Server, status: int, body: str, retryable: bool, shown: str) -> None:
    server.answer = web.Response(status=status, text=body)
    with pytest.raises(APIStatusError) as caught:
        await ask(server.base_url)  # type: ignore[attr-defined]
    assert caught.value.status_code == status
    assert caught.value.retryable is retryable
    assert shown in caught.value.message
    assert "Bearer" not in str(caught.value)


async def test_an_answer_that_is_no_sdp(server: Server) -> None:
    server.answer = web.Response(status=200, text="hello")
    with pytest.raises(APIConnectionError, match="no SDP") as caught:
        await ask(server.base_url)  # type: ignore[attr-defined]
    assert not caught.value.retryable


async def test_nobody_listens(unused_tcp_port: int) -> None:
    with pytest.raises(APIConnectionError, match="could not be sent") as caught:
        await ask(f"http://127.0.0.1:{unused_tcp_port}/v1")
    assert caught.value.retryable
