"""WebRTC's HTTP: forms, refusals, ephemeral keys and pages."""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from antiphon.plugins.local import calls, server
from antiphon.plugins.local.testing import Say, ScriptedServer, tone

_spec = importlib.util.spec_from_file_location("local_caller_2", Path(__file__).with_name("caller.py"))
assert _spec is not None
assert _spec.loader is not None
_caller = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_caller)
Caller = _caller.Caller

KEY = {"Authorization": "Bearer right"}
SDP = {**KEY, "Content-Type": "application/sdp"}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def model() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer([Say("Hi.", audio=tone(0.1))], repeat_last=True, api_key="right") as running:
        yield running


async def fault(response: aiohttp.ClientResponse, status: int) -> dict[str, Any]:
    """The error of an answer, in OpenAI's form."""
    assert response.status == status, await response.text()
    assert response.content_type == "application/json"
    error: dict[str, Any] = (await response.json())["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def test_both_forms_open_a_call(model: ScriptedServer) -> None:
    async with Caller(model.base_url, headers=KEY) as bare, Caller(model.base_url, headers=KEY) as form:
        await bare.call(query="?model=m1")
        await form.call({"type": "realtime", "model": "m2", "instructions": "Be brief."})
        assert bare.of("session.created")[0]["session"]["model"] == "m1"
        session = form.of("session.created")[0]["session"]
        assert (session["model"], session["instructions"]) == ("m2", "Be brief.")
        assert bare.call_id != form.call_id


@pytest.mark.parametrize("key", ["", "wrong", "ek_no"])
async def test_every_address_wants_the_key(
    http: aiohttp.ClientSession, model: ScriptedServer, key: str
) -> None:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for path in ("calls", "calls/rtc_1/hangup", "client_secrets"):
        async with http.post(f"{model.base_url}/realtime/{path}", headers=headers, data=b"v=0") as response:
            assert (await fault(response, 401))["code"] == "invalid_api_key"
    assert not model.sessions


@pytest.mark.parametrize(
    ("status", "headers", "data", "says"),
    [
        (400, SDP, b"", "sdp"),
        (400, SDP, b"nonsense", "SDP"),
        (400, SDP, b"v=0\r\n", "audio section"),
        (400, SDP, b"v=0\r\na=ice-ufrag:x\r\na=ice-pwd:x\r\na=fingerprint:x\r\nm=audio\r\n", "SDP"),
        (400, SDP, bytes(range(256)), "SDP"),
        (415, {**KEY, "Content-Type": "application/json"}, b"{}", "multipart/form-data"),
        (413, SDP, b"x" * (calls.MAX_BODY + 1), "larger"),
        (400, {**KEY, "Content-Type": "multipart/form-data; boundary=b"}, b"no form", ""),
    ],
)
async def test_what_is_no_offer_is_refused_with_a_reason(
    http: aiohttp.ClientSession,
    model: ScriptedServer,
    status: int,
    headers: dict[str, str],
    data: bytes,
    says: str,
) -> None:
    async with http.post(model.calls_url, headers=headers, data=io.BytesIO(data)) as response:
        assert says in (await fault(response, status))["message"]
    assert not model.sessions


@pytest.mark.parametrize(
    ("session", "code"),
    [
        ("{", "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        ('"text"', "invalid_value"),
        ('{"type": "realtime", "colour": 1}', "unknown_parameter"),
        ('{"type": "transcription"}', "invalid_value"),
        ('{"model": "m"}', "missing_required_parameter"),
    ],
)
async def test_settings_that_cannot_be_are_refused(
    http: aiohttp.ClientSession, model: ScriptedServer, session: str, code: str
) -> None:
    form = aiohttp.FormData()
    form.add_field("sdp", "v=0", content_type="application/sdp")
    form.add_field("session", session, content_type="application/json")
    async with http.post(model.calls_url, headers=KEY, data=form) as response:
        assert (await fault(response, 400))["code"] == code


async def test_an_ephemeral_key_opens_sessions_with_its_settings(
    http: aiohttp.ClientSession, model: ScriptedServer
) -> None:
    body = {
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {"type": "realtime", "model": "m3", "instructions": "Be kind."},
    }
    async with http.post(f"{model.base_url}/realtime/client_secrets", headers=KEY, json=body) as response:
        assert response.status == 200
        made = await response.json()
    assert made["value"].startswith("ek_")
    assert made["session"]["instructions"] == "Be kind."
    headers = {"Authorization": f"Bearer {made['value']}"}
    async with Caller(model.base_url, headers=headers) as caller:
        await caller.call()
        assert caller.of("session.created")[0]["session"]["model"] == "m3"
    async with http.ws_connect(
        model.url, protocols=("realtime", f"openai-insecure-api-key.{made['value']}")
    ) as socket:
        created = await asyncio.wait_for(socket.receive_json(), 10)
        assert created["session"]["instructions"] == "Be kind."
    async with http.post(f"{model.base_url}/realtime/client_secrets", headers=headers) as response:
        assert "makes no others" in (await fault(response, 401))["message"]


async def test_an_expired_key_opens_nothing(
    http: aiohttp.ClientSession, model: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with http.post(f"{model.base_url}/realtime/client_secrets", headers=KEY) as response:
        made = await response.json()
    clock = type("Clock", (), {"time": staticmethod(lambda: made["expires_at"] + 1.0)})
    monkeypatch.setattr(server, "time", clock)
    headers = {"Authorization": f"Bearer {made['value']}", "Content-Type": "application/sdp"}
    async with http.post(model.calls_url, headers=headers, data=b"v=0") as response:
        assert "expired" in (await fault(response, 401))["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ("[]", None),
        ("{", "body"),
        ('{"expires_after": {"seconds": 5}}', "expires_after.seconds"),
        ('{"expires_after": {"seconds": 7201}}', "expires_after.seconds"),
        ('{"expires_after": {"seconds": true}}', "expires_after.seconds"),
        ('{"expires_after": 600}', "expires_after.seconds"),
        ('{"colour": 1}', "colour"),
        ('{"session": {"type": "realtime", "tools": 5}}', "session.tools"),
    ],
)
async def test_client_secrets_refuses_what_cannot_be(
    http: aiohttp.ClientSession, model: ScriptedServer, body: str, param: str | None
) -> None:
    async with http.post(f"{model.base_url}/realtime/client_secrets", headers=KEY, data=body) as response:
        assert (await fault(response, 400))["param"] == param


async def test_without_the_extra_calls_are_501_and_the_rest_works(
    http: aiohttp.ClientSession, model: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "has_webrtc", lambda: False)
    async with http.post(model.calls_url, headers=SDP, data=b"v=0") as response:
        assert "antiphon[webrtc]" in (await fault(response, 501))["message"]
    async with http.ws_connect(model.url, headers=KEY) as socket:
        assert (await asyncio.wait_for(socket.receive_json(), 10))["type"] == "session.created"


async def test_more_sessions_than_there_may_be_are_refused(http: aiohttp.ClientSession) -> None:
    async with (
        ScriptedServer(max_sessions=1, api_key="right") as model,
        http.ws_connect(model.url, headers=KEY) as socket,
    ):
        await asyncio.wait_for(socket.receive_json(), 10)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(model.url, headers=KEY)
        assert refused.value.status == 429
        caller = Caller(model.base_url)
        async with http.post(model.calls_url, headers=SDP, data=await caller.offer()) as response:
            assert (await fault(response, 429))["code"] == "rate_limit_exceeded"
        await caller.close()


async def test_a_page_may_come_where_a_key_protects(
    http: aiohttp.ClientSession, model: ScriptedServer
) -> None:
    page = {"Origin": "https://example.com"}
    asked = {
        **page,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-openai-agents-sdk",
        "Access-Control-Request-Private-Network": "true",
    }
    async with http.options(model.calls_url, headers=asked) as response:
        assert response.status == 204
        allowed = response.headers
        assert allowed["Access-Control-Allow-Origin"] == "https://example.com"
        assert "x-openai-agents-sdk" in allowed["Access-Control-Allow-Headers"]
        assert allowed["Access-Control-Allow-Private-Network"] == "true"
    async with http.post(model.calls_url, headers=page, data=b"v=0") as response:
        await fault(response, 401)
        assert response.headers["Access-Control-Allow-Origin"] == "https://example.com"
        assert response.headers["Access-Control-Expose-Headers"] == "Location"


async def test_without_a_key_only_pages_of_this_machine_may(http: aiohttp.ClientSession) -> None:
    async with ScriptedServer() as model:
        for origin in ("https://example.com", "null", "http://[", "http://localhost.example.com"):
            headers = {**KEY, "Origin": origin}
            async with http.options(model.calls_url, headers=headers) as response:
                assert (await fault(response, 403))["code"] == "origin_not_allowed"
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(model.url, headers=headers)
            assert refused.value.status == 403
        for origin in ("http://localhost:5173", "http://127.0.0.1:8000", "https://[::1]"):
            async with http.options(model.calls_url, headers={"Origin": origin}) as response:
                assert response.status == 204


async def test_no_key_is_ever_logged(
    http: aiohttp.ClientSession, model: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    async with http.post(f"{model.base_url}/realtime/client_secrets", headers=KEY) as response:
        key = (await response.json())["value"]
    headers = {"Authorization": f"Bearer {key}"}
    async with Caller(model.base_url, headers=headers) as caller:
        await caller.call()
    async with http.post(model.calls_url, headers={**SDP, **headers}, data=b"nonsense") as response:
        answer = await response.text()
    logged = "".join(capfd.readouterr()) + answer
    assert key not in logged
    assert "right" not in json.dumps(logged)
