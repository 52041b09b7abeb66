"""A brain behind an OpenAI-compatible chat endpoint: Ollama, vLLM, llama.cpp, or a hosted one.

The request and its stream are the openai package's. Conversation items become chat messages; tool calls
arrive in pieces and are passed on whole. Closing the iteration ends the request; the connection is kept
for the next.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from openai import APIError, APIStatusError, AsyncOpenAI, AsyncStream, Timeout
from openai.types.chat import ChatCompletionChunk

from antiphon.agents.errors import ModelRefused, ModelUnavailable
from antiphon.plugins.local.engines import BrainRequest, CutReason, CutShort, TextDelta, Thought, ToolRequest

__all__ = ["ChatBrain", "messages"]

_CONNECT_S = 5.0
_SILENCE_S = 60.0  # between two pieces
_CUT: Mapping[str | None, CutReason] = {"length": "max_output_tokens", "content_filter": "content_filter"}
SPOKEN = "You are on a voice call: answer in one to three short spoken sentences, without markup."


class ChatBrain:
    """Thinks elsewhere.

    Args:
        url: Base address, e.g. ``http://127.0.0.1:11434/v1``.
        model: The model's name there.
        key: Its key, if it wants one.
    """

    def __init__(self, url: str, *, model: str = "", key: str = "") -> None:
        self._model = model
        # No retries: the person waits, and is better told.
        self._client = AsyncOpenAI(
            base_url=url,
            api_key=key or "none",
            max_retries=0,
            timeout=Timeout(_SILENCE_S, connect=_CONNECT_S),
        )

    async def reply(self, request: BrainRequest) -> AsyncGenerator[Thought, None]:
        """Streams one reply.

        Raises:
            ModelUnavailable: The endpoint cannot be reached or broke off.
            ModelRefused: It said no.
        """
        calls: dict[int, dict[str, str]] = {}
        try:
            chunks = await self._client.chat.completions.create(**self._body(request), stream=True)
            async with cast("AsyncStream[ChatCompletionChunk]", chunks) as stream:
                async for chunk in stream:
                    for choice in getattr(chunk, "choices", None) or []:  # some endpoints leave it out
                        if choice.delta.content:
                            yield TextDelta(choice.delta.content)
                        for piece in choice.delta.tool_calls or []:
                            call = calls.setdefault(
                                getattr(piece, "index", 0) or 0, {"name": "", "arguments": ""}
                            )
                            if piece.function is not None:
                                call["name"] += piece.function.name or ""
                                call["arguments"] += piece.function.arguments or ""
                        if choice.finish_reason in _CUT:
                            yield CutShort(_CUT[choice.finish_reason])
                            return
        except APIStatusError as error:
            raise ModelRefused(
                "the chat endpoint refused",
                value=f"{error.status_code}: {error.response.text[:200]}",
                hint="Check ANTIPHON_CHAT_URL, ANTIPHON_CHAT_MODEL and ANTIPHON_CHAT_KEY.",
            ) from error
        except (APIError, ValueError) as error:
            reason = error.__cause__ or error
            raise ModelUnavailable(
                "the chat endpoint did not answer",
                value=f"{self._client.base_url}: {str(reason) or type(reason).__name__}",
                hint="Is it running? Unset ANTIPHON_CHAT_URL for the built-in brain.",
            ) from error
        for call in calls.values():
            yield ToolRequest(call["name"], call["arguments"] or "{}")

    async def aclose(self) -> None:
        """Closes the connections it keeps."""
        await self._client.close()

    def _body(self, request: BrainRequest) -> dict[str, Any]:
        body: dict[str, Any] = {"messages": messages(request), "model": self._model}
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
        return body


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
