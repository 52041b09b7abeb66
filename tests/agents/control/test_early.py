"""Who is told of a press on livekit's own thread."""

from __future__ import annotations

import threading

from livekit.rtc._ffi_client import FfiClient
from livekit.rtc._proto import ffi_pb2

from antiphon.agents.control import early

HANDLE = 987_654_321  # of no participant of this process


def invoked(method: str, handle: int = HANDLE) -> None:
    event = ffi_pb2.FfiEvent()
    call = event.rpc_method_invocation
    call.local_participant_handle, call.invocation_id, call.method = handle, 1, method
    call.request_id, call.caller_identity, call.payload = "1", "anna", "{}"
    call.response_timeout_ms = 1000
    FfiClient.instance.queue.put(event)


def test_presses_of_one_participant_are_told_at_once_on_the_thread_they_come_on() -> None:
    told: list[tuple[str, str, int]] = []
    early.listen(HANDLE, lambda who, payload: told.append((who, payload, threading.get_ident())))
    try:
        invoked("start_turn")
        invoked("end_turn")
        invoked("start_turn", HANDLE + 1)
        FfiClient.instance.queue.put(ffi_pb2.FfiEvent())
    finally:
        early.stop_listening(HANDLE)
    assert told == [("anna", "{}", threading.get_ident())]
    invoked("start_turn")
    early.stop_listening(HANDLE)
    assert len(told) == 1
