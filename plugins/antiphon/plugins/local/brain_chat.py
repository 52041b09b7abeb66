"""A brain behind an OpenAI-compatible chat endpoint: Ollama, vLLM, llama.cpp, or a hosted one.

Streams ``POST {url}/chat/completions``. Conversation items become chat messages; tool calls arrive in
pieces and are passed on whole. Closing the iteration ends the request.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.local.engines import BrainRequest, TextDelta, Thought, ToolRequest

__all__ = ["ChatBrain", "messages"]

_CONNECT_S = 5.0
_SILENCE_S = 60.0  # between two pieces
_MAX_LINE = 1 << 20
SPOKEN = "You are on a voice call: answer in one to three short spoken sentences, without markup."


class ChatBrain:
    """Thinks elsewhere.

    Args:
        url: Base address, e.g. ``http://127.0.0.1:11434/v1``.
        model: The model's name there.
        key: Its key, if it wants one.
    """

    def __init__(self, url: str, *, model: str = "", key: str = "") -> None:
        self._url = url.rstrip("/")
        self._model = model
        self._key = key

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        """Streams one reply.

        Raises:
            ModelUnavailable: The endpoint cannot be reached or broke off.
            ModelRefused: It said no.
        """
        body: dict[str, Any] = {"messages": messages(request), "stream": True, "model": self._model}
        if request.tools and request.tool_choice != "none":
            body["tools"] = [
                {"type": "function", "function": {k: v for k, v in tool.items() if k != "type"}}
                for tool in request.tools
            ]
            choice = request.tool_choice
            if isinstance(choice, Mapping):
                choice = {"type": "function", "function": {"name": choice.get("name")}}
            body["tool_choice"] = choice
        if request.max_output_tokens:
            body["max_tokens"] = request.max_output_tokens
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        timeout = aiohttp.ClientTimeout(sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        address = f"{self._url}/chat/completions"
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.post(address, json=body, headers=headers) as answer,
            ):
                if answer.status != 200:
                    said = (await answer.text())[:200]
                    hint = "Check ANTIPHON_CHAT_URL, ANTIPHON_CHAT_MODEL and ANTIPHON_CHAT_KEY."
                    raise ModelRefused(
                        "the chat endpoint refused", value=f"{answer.status}: {said}", hint=hint
                    )
                calls: dict[int, dict[str, str]] = {}
                async for line in answer.content:
                    for text in _take(line, calls):
                        yield TextDelta(text)
                for call in calls.values():
                    yield ToolRequest(call["name"], call["arguments"] or "{}")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ModelUnavailable(
                "the chat endpoint did not answer",
                value=f"{address}: {reason}",
                hint="Is it running? Unset ANTIPHON_CHAT_URL for the built-in brain.",
            ) from error


def _take(line: bytes, calls: dict[int, dict[str, str]]) -> list[str]:
    """Text in one line of the stream; pieces of tool calls go into ``calls``."""
    if not line.startswith(b"data:") or len(line) > _MAX_LINE:
        return []
    data = line[5:].strip()
    if data == b"[DONE]":
        return []
    texts: list[str] = []
    for choice in json.loads(data).get("choices") or []:
        delta = choice.get("delta") or {}
        if delta.get("content"):
            texts.append(str(delta["content"]))
        for piece in delta.get("tool_calls") or []:
            call = calls.setdefault(int(piece.get("index", 0)), {"name": "", "arguments": ""})
            function = piece.get("function") or {}
            call["name"] += function.get("name") or ""
            call["arguments"] += function.get("arguments") or ""
    return texts


def messages(request: BrainRequest) -> list[dict[str, Any]]:
    """The conversation as chat messages."""
    made: list[dict[str, Any]] = [{"role": "system", "content": f"{request.instructions}\n{SPOKEN}".strip()}]
    for item in request.items:
        kind = item.get("type")
        if kind == "message":
            words = [part.get("text") or part.get("transcript") or "" for part in item.get("content") or []]
            if text := " ".join(word for word in words if word):
                made.append({"role": item.get("role", "user"), "content": text})
        elif kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            call = {"id": item.get("call_id"), "type": "function", "function": function}
            made.append({"role": "assistant", "content": None, "tool_calls": [call]})
        elif kind == "function_call_output":
            made.append(
                {"role": "tool", "tool_call_id": item.get("call_id"), "content": str(item.get("output"))}
            )
    return made
