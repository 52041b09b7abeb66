"""Checks of a realtime server from outside: the handshake, the session's settings, the person's turns.

Numbers are those of `docs/models.md`. What a model says is its own affair: replies are asked for as text
where their words do not matter, and nothing depends on them.
"""

from __future__ import annotations

from typing import Any

from antiphon.agents.errors import ModelRefused
from antiphon.workers.conformance.result import Check, NotApplicable, expect
from antiphon.workers.conformance.speech import question, silence, voice_ms
from antiphon.workers.conformance.wire import RATE_HZ, Server, Wire

__all__ = ["SESSION_CHECKS", "TOOL"]

TOOL: dict[str, Any] = {
    "type": "function",
    "name": "look_up",
    "description": "Looks something up.",
    "parameters": {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]},
}
_PADDING_MS = 300
_SILENCE_MS = 500


async def handshake(server: Server) -> str:
    """1: no key, no session; a key, and the first event is ``session.created``."""
    try:
        async with server.connect(key=""):
            raise NotApplicable("the server takes connections without a key")
    except ModelRefused as refused:
        expect(refused.value == 401, f"without a key HTTP 401 was expected, {refused.value} came")
    async with server.connect() as wire:
        await wire.wait("session.created")
        first = wire.events[0]
        expect(first["type"] == "session.created", f"the first event was {first['type']}")
        session = first["session"]
        expect(session.get("id"), "session.created has no session.id")
        expect(session.get("type") == "realtime", f"session.type is {session.get('type')!r}")
    return "401 without a key; session.created first"


async def update(server: Server) -> str:
    """2: a wrong update changes nothing, a partial one nothing else; the voice stays once it was heard."""
    async with server.connect() as wire:
        await wire.wait("session.created")
        before = await wire.update(instructions="First.", tools=[TOOL])
        name = await wire.send(
            "session.update",
            session={"type": "realtime", "instructions": "Second.", "no_such_setting": 1},
        )
        error = await wire.error(name)
        expect(error.get("code") == "unknown_parameter", f"an unknown key was answered {error.get('code')}")
        now = await wire.update(audio={"input": {"turn_detection": None}})
        expect(now["instructions"] == "First.", "a refused update changed the instructions")
        expect(len(now["tools"]) == 1, "turn_detection: null took the tools")
        voice = before["audio"]["output"]["voice"]
        expect(now["audio"]["output"]["voice"] == voice, "turn_detection: null changed the voice")
        expect(now["audio"]["input"]["turn_detection"] is None, "turn_detection is not null")
        expect((await wire.update(tools=[]))["tools"] == [], "tools: [] left tools")
        spoken, _ = await wire.respond(instructions='Say exactly: "Yes."')
        expect(wire.of(spoken, "response.output_audio.delta"), "an audio response had no audio")
        other = "cedar" if voice != "cedar" else "marin"
        name = await wire.send(
            "session.update", session={"type": "realtime", "audio": {"output": {"voice": other}}}
        )
        error = await wire.error(name)
        expect(error.get("code") == "cannot_update_voice", f"a new voice was answered {error.get('code')}")
    return "refused whole, merged in part, voice kept"


async def vad(server: Server) -> str:
    """6: speech is found where it is, and everything about it has one item id."""
    async with server.connect() as wire:
        await wire.wait("session.created")
        settings = {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": _PADDING_MS,
            "silence_duration_ms": _SILENCE_MS,
            "create_response": False,
            "interrupt_response": False,
        }
        await wire.update(audio={"input": {"turn_detection": settings}})
        lead = silence(1.0)
        onset, end = voice_ms(question())
        after = len(wire.events)
        for part in (lead, question(), silence(1.5)):
            await wire.append(part)
        started = await wire.wait("input_audio_buffer.speech_started", after=after)
        stopped = await wire.wait("input_audio_buffer.speech_stopped", after=after)
        committed = await wire.wait("input_audio_buffer.committed", after=after)
        item = stopped["item_id"]
        expect(started["item_id"] == item == committed["item_id"], "the events name different items")
        await wire.wait("conversation.item.added", after=after, where=lambda e: e["item"]["id"] == item)
        offset = 1000.0
        late = abs(started["audio_start_ms"] - max(offset + onset - _PADDING_MS, 0))
        expect(late <= 200, f"the start is {late:.0f} ms off (200 allowed)")
        found = stopped["audio_end_ms"] - started["audio_start_ms"] - _PADDING_MS
        # Servers differ in whether the silence that ends a turn is part of it.
        off = min(abs(found - (end - onset)), abs(found - (end - onset) - _SILENCE_MS))
        expect(off <= 150, f"the duration is {off:.0f} ms off (150 allowed)")
    return f"start {late:.0f} ms off, duration {off:.0f} ms"


async def push_to_talk(server: Server) -> str:
    """7: without turn detection nothing happens unasked; too little is no turn."""
    async with server.connect() as wire:
        await wire.wait("session.created")
        await wire.update(audio={"input": {"turn_detection": None}})
        await wire.append(silence(0.05))
        error = await wire.error(await wire.send("input_audio_buffer.commit"))
        code = error.get("code")
        expect(code == "input_audio_buffer_commit_empty", f"50 ms were answered with {code}")
        await wire.send("input_audio_buffer.clear")
        await wire.wait("input_audio_buffer.cleared")
        after = len(wire.events)
        await wire.append(question())
        await wire.send("input_audio_buffer.commit")
        await wire.wait("input_audio_buffer.committed", after=after)
        await wire.wait("conversation.item.added", after=after)
        _, start = await wire.respond(output_modalities=["text"])
        kinds = {event["type"] for event in wire.events[after:start]}
        expect("response.created" not in kinds, "a response came before it was asked for")
        speech = [event["type"] for event in wire.events if "speech_" in event["type"]]
        expect(not speech, f"without turn detection there came {speech}")
    return "50 ms refused, a turn committed, no response unasked"


async def transcripts(server: Server) -> str:
    """8: each turn's transcript comes once, for its own item."""
    async with server.connect() as wire:
        await wire.wait("session.created")
        await wire.update(
            audio={"input": {"turn_detection": None, "transcription": {"model": "gpt-realtime-whisper"}}}
        )
        items: list[str] = []
        for clip in (question(), question()[: 2 * RATE_HZ]):
            after = len(wire.events)
            await wire.append(clip)
            await wire.send("input_audio_buffer.commit")
            items.append((await wire.wait("input_audio_buffer.committed", after=after))["item_id"])
        for item in items:
            await _transcribed(wire, item)
        told = [
            event["item_id"]
            for event in wire.events
            if event["type"].startswith("conversation.item.input_audio_transcription.")
            and event["type"].rpartition(".")[2] in ("completed", "failed")
        ]
        expect(sorted(told) == sorted(items), f"transcripts came for {told}, the turns were {items}")
    return "two turns, one transcript each"


async def _transcribed(wire: Wire, item: str) -> None:
    kind = "conversation.item.input_audio_transcription.completed"
    await wire.wait(kind, where=lambda event: event["item_id"] == item, timeout_s=30.0)


SESSION_CHECKS: tuple[Check[Server], ...] = (
    Check("1 handshake", handshake),
    Check("2 session update", update),
    Check("6 server turn detection", vad),
    Check("7 push-to-talk", push_to_talk),
    Check("8 transcripts", transcripts),
)
