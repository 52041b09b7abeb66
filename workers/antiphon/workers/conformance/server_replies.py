"""Checks of a realtime server from outside: its responses, their order, their ends.

Numbers are those of `docs/models.md`.
"""

from __future__ import annotations

import base64
import json
import random
from typing import Any

from antiphon.workers.conformance.grammar import check_ids, check_response
from antiphon.workers.conformance.result import Check, NotApplicable, expect
from antiphon.workers.conformance.server_session import TOOL
from antiphon.workers.conformance.wire import Server, Wire

__all__ = ["REPLY_CHECKS"]

_SEED = 7  # of what the grammar is checked on
_PARALLEL = 20
_STORY = "Tell me a long story, of at least ten sentences."
_LONG = "Count from one to sixty, slowly, in words."


async def _opened(wire: Wire) -> None:
    await wire.wait("session.created")
    await wire.update(audio={"input": {"turn_detection": None}})


async def _say(wire: Wire, text: str) -> str:
    """Adds what a person typed; returns the item's id."""
    after = len(wire.events)
    content = [{"type": "input_text", "text": text}]
    name = await wire.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    return str((await wire.wait_either("conversation.item.added", name, after))["item"]["id"])


async def grammar(server: Server) -> str:
    """3: text, speech, tool calls and cancelled responses, in any mix, keep the order."""
    dice = random.Random(_SEED)
    ids: list[str] = []
    async with server.connect() as wire:
        await _opened(wire)
        for number in range(server.responses):
            await _say(wire, dice.choice([_STORY, "Hello!", "What is two plus two?", "Look up the moon."]))
            kind = dice.choice(["text", "audio", "tool", "cancelled"])
            wanted: dict[str, Any] = {"output_modalities": ["audio" if kind == "audio" else "text"]}
            if kind == "tool":
                wanted |= {"tools": [TOOL], "tool_choice": "required"}
            if kind == "audio":
                wanted["instructions"] = f'Say exactly: "Number {number}."'
            response_id, after = await wire.respond(wait=kind != "cancelled", **wanted)
            if kind == "cancelled":
                await wire.send("response.cancel", response_id=response_id)
                await wire.done(response_id, after=after)
            ids.append(response_id)
        wrong = [found for found in (check_response(wire.events, name) for name in ids) if found]
        expect(not wrong, f"{len(wrong)} of {len(ids)} out of order, the first: {wrong[:1]}")
        expect((wrong_id := check_ids(wire.events)) is None, f"{wrong_id}")
    return f"{len(ids)} responses in order, {len(wire.events)} events with ids of their own"


async def correlation(server: Server) -> str:
    """4: responses out of band run beside the conversation's and are told apart by their metadata."""
    async with server.connect() as wire:
        await _opened(wire)
        await _say(wire, "Hello!")
        after = len(wire.events)
        tags = [f"oob_{number}" for number in range(_PARALLEL)]
        content = [{"type": "input_text", "text": "What is two plus two?"}]
        for tag in tags:
            asked = {
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"k": tag},
                "input": [{"type": "message", "role": "user", "content": content}],
            }
            await wire.send("response.create", response=asked)
        await wire.send(
            "response.create", response={"output_modalities": ["text"], "metadata": {"k": "default"}}
        )
        owners: dict[str, str] = {}
        for tag in (*tags, "default"):
            made = await wire.wait("response.created", after=after, where=_tagged(tag))
            owners[made["response"]["id"]] = tag
            done = await wire.done(made["response"]["id"], after=after)
            expect(done["metadata"] == {"k": tag}, f"{tag} was done as {done['metadata']}")
            expect(done["status"] == "completed", f"{tag} ended {done['status']}: {done['status_details']}")
        outputs = {item["id"] for event in wire.events if event["type"] == "response.done"
                   for item in event["response"]["output"]
                   if owners.get(event["response"]["id"], "default") != "default"}  # fmt: skip
        added = {e["item"]["id"] for e in wire.events if e["type"] == "conversation.item.added"}
        expect(not outputs & added, "a response out of band added to the conversation")
        for name in owners:
            expect((wrong := check_response(wire.events, name)) is None, str(wrong))
    return f"{_PARALLEL} out of band and one beside them"


def _tagged(tag: str) -> Any:
    return lambda event: (event["response"].get("metadata") or {}).get("k") == tag


async def concatenation(server: Server) -> str:
    """5: the deltas are the whole: of a finished response, and of a cancelled one."""
    async with server.connect() as wire:
        await _opened(wire)
        await _say(wire, _STORY)
        response_id, after = await wire.respond()
        deltas = "".join(e["delta"] for e in wire.of(response_id, "response.output_audio_transcript.delta"))
        done = await wire.done(response_id, after=after)
        parts = [part for item in done["output"] for part in item.get("content", [])]
        whole = "".join(part.get("transcript") or "" for part in parts)
        expect(deltas, "an audio response had no transcript")
        expect(whole == deltas, f"the item has {whole[:80]!r}, the deltas {deltas[:80]!r}")
        await _say(wire, _LONG)
        response_id, after = await wire.respond(wait=False)
        await wire.wait(
            "response.output_audio.delta", after=after, where=lambda e: e["response_id"] == response_id
        )
        await wire.send("response.cancel", response_id=response_id)
        done = await wire.done(response_id, after=after)
        expect(done["status"] == "cancelled", f"the cancelled response ended {done['status']}")
        expect((wrong := check_response(wire.events, response_id)) is None, str(wrong))
    return "deltas, dones and items agree, cancelled too"


async def barge_in(server: Server) -> str:
    """9: cancelled is cancelled, a truncated item has no words any more, past its end is an error."""
    async with server.connect() as wire:
        await _opened(wire)
        await _say(wire, _STORY)
        response_id, after = await wire.respond(wait=False)
        delta = await wire.wait(
            "response.output_audio.delta", after=after, where=lambda e: e["response_id"] == response_id
        )
        await wire.send("response.cancel", response_id=response_id)
        await wire.done(response_id, after=after)
        item, ended = delta["item_id"], len(wire.events)
        sent = sum(
            len(base64.b64decode(event["delta"]))
            for event in wire.of(response_id, "response.output_audio.delta")
        )
        received_ms = sent / 48
        cut = {"item_id": item, "content_index": 0}
        await wire.send("conversation.item.truncate", **cut, audio_end_ms=round(received_ms / 2))
        truncated = await wire.wait("conversation.item.truncated", after=ended)
        expect(truncated["item_id"] == item, "another item was truncated")
        name = await wire.send("conversation.item.truncate", **cut, audio_end_ms=round(received_ms) + 60_000)
        await wire.error(name, after=ended)
        after = len(wire.events)
        await wire.send("conversation.item.retrieve", item_id=item)
        found = await wire.wait("conversation.item.retrieved", after=after)
        words = [part.get("transcript") for part in found["item"].get("content", [])]
        expect(not any(words), f"the truncated item still has its words: {words}")
        _, start = await wire.respond(output_modalities=["text"])
        late = [e for e in wire.events[ended:start] if e.get("response_id") == response_id]
        expect(not late, f"{len(late)} events of the cancelled response came after its end")
    return f"cut at {received_ms / 2:.0f} of {received_ms:.0f} ms received; the session went on"


async def races(server: Server) -> str:
    """11: a cancel too many and a create too many are errors that name their event, and no more."""
    async with server.connect() as wire:
        await _opened(wire)
        error = await wire.error(await wire.send("response.cancel"))
        expect(error.get("code") == "response_cancel_not_active", f"an idle cancel gave {error.get('code')}")
        await _say(wire, _STORY)
        response_id, after = await wire.respond(wait=False)
        name = await wire.send("response.create", response={"output_modalities": ["text"]})
        error = await wire.error(name, after=after)
        code = error.get("code")
        expect(code == "conversation_already_has_active_response", f"a second create gave {code}")
        done = await wire.done(response_id, after=after)
        expect(done["status"] == "completed", f"the first response ended {done['status']}")
        errors = [event for event in wire.events if event["type"] == "error"]
        expect(len(errors) == 2, f"{len(errors)} errors where two were asked for")
    return "idle cancel and second create refused by name"


async def functions(server: Server) -> str:
    """12: a call has a name and arguments that are JSON; its outcome is taken late, and answered."""
    async with server.connect() as wire:
        await _opened(wire)
        calls: list[dict[str, Any]] = []
        for what in ("Look up the moon.", "Look up the sun."):
            await _say(wire, what)
            response_id, after = await wire.respond(
                output_modalities=["text"], tools=[TOOL], tool_choice="required"
            )
            done = await wire.done(response_id, after=after)
            calls += [item for item in done["output"] if item["type"] == "function_call"]
        expect(len(calls) >= 2, f"{len(calls)} calls where two were required")
        for call in calls:
            expect(call["name"] == TOOL["name"], f"a call of {call['name']!r}")
            expect(isinstance(json.loads(call["arguments"]), dict), "the arguments are no JSON object")
        expect(len({call["call_id"] for call in calls}) == len(calls), "two calls have one call_id")
        for number, call in reversed(list(enumerate(calls))):  # the later one's outcome first
            after = len(wire.events)
            outcome = {
                "type": "function_call_output",
                "call_id": call["call_id"],
                "output": f"found {number}",
            }
            name = await wire.send("conversation.item.create", item=outcome)
            added = await wire.wait_either("conversation.item.added", name, after)
            expect(added["item"]["call_id"] == call["call_id"], "an outcome was added to another call")
        response_id, after = await wire.respond(output_modalities=["text"])
        done = await wire.done(response_id, after=after)
        expect(done["status"] == "completed", f"the reply to the outcomes ended {done['status']}")
    return f"{len(calls)} calls, outcomes in reverse, one reply"


async def modalities(server: Server) -> str:
    """13: a text response has no sound; messages of one response are told apart."""
    async with server.connect() as wire:
        await _opened(wire)
        await _say(wire, "Hello!")
        response_id, _ = await wire.respond(output_modalities=["text"])
        expect(wire.of(response_id, "response.output_text.delta"), "a text response had no text")
        expect(not wire.of(response_id, "response.output_audio.delta"), "a text response had sound")
        done = await wire.done(response_id)
        messages = [item["id"] for item in done["output"] if item["type"] == "message"]
        expect(len(set(messages)) == len(messages), "two messages have one id")
    return "text without sound"


async def expiry(server: Server) -> str:
    """14: at the session's limit ``session_expired``, then a close with 1001."""
    if server.session_limit_s is None:
        raise NotApplicable("a session lasts too long to wait for; for our own server see --session-limit")
    async with server.connect() as wire:
        await wire.wait("session.created")
        found = await wire.wait("error", timeout_s=server.session_limit_s + 10)
        code = found["error"].get("code")
        expect(code == "session_expired", f"the limit was told as {code}")
        closed = await wire.wait_closed(5.0)
        expect(closed == 1001, f"the socket was closed with {closed}")
    return "session_expired, then 1001"


async def flood(server: Server) -> str:
    """Bad input: what is no event is an error, and the session goes on."""
    async with server.connect() as wire:
        await _opened(wire)
        for text in ("no json", "[]", '{"type": 7}', '{"type": "no.such.event"}', "{}"):
            after = len(wire.events)
            await wire.socket.send_str(text)
            await wire.wait("error", after=after)
        await wire.respond(output_modalities=["text"])
    return "five errors, then a reply"


REPLY_CHECKS: tuple[Check[Server], ...] = (
    Check("3 grammar", grammar),
    Check("4 correlation", correlation),
    Check("5 concatenation", concatenation),
    Check("9 barge-in", barge_in),
    Check("11 races", races),
    Check("12 functions", functions),
    Check("13 modalities", modalities),
    Check("14 expiry", expiry),
    Check("bad input", flood),
)
