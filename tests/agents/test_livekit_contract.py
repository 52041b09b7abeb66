"""What of livekit 1.1 and livekit-agents 1.8 we rely on beyond their public promises.

When an upgrade breaks one of these, the place to change is named in the test.
"""

from __future__ import annotations

import asyncio
import inspect

from livekit import rtc
from livekit.agents import AgentServer, AgentSession, JobExecutorType
from livekit.agents.voice import io
from livekit.agents.voice.room_io import RoomIO, RoomOptions
from livekit.agents.voice.room_io._pre_connect_audio import PreConnectAudioHandler
from livekit.rtc._ffi_client import FfiClient, FfiHandle
from livekit.rtc._proto import ffi_pb2
from livekit.rtc._proto.track_pb2 import AudioTrackFeature


def test_the_ffi_that_router_and_source_speak() -> None:
    request = ffi_pb2.FfiRequest()
    for field in (
        "track_handle",
        "sample_rate",
        "num_channels",
        "queue_size_frames",
        "frame_size_ms",
        "type",
    ):
        assert hasattr(request.new_audio_stream, field)
    for field in ("source_handle", "buffer"):
        assert hasattr(request.capture_audio_frame, field)
    assert hasattr(request.clear_audio_buffer, "source_handle")
    assert list(inspect.signature(FfiClient.instance.queue.subscribe).parameters) == ["loop", "filter_fn"]
    assert {"dispose", "disposed"} <= set(dir(FfiHandle))
    assert "_ffi_handle" in inspect.getsource(rtc.AudioSource)
    assert "_ffi_handle" in inspect.getsource(rtc.Track)


def test_the_requests_that_a_press_is_seen_in() -> None:
    """`control/early.py`."""
    call = ffi_pb2.FfiEvent().rpc_method_invocation
    for field in ("local_participant_handle", "method", "caller_identity", "payload"):
        assert hasattr(call, field)
    source = inspect.getsource(rtc.Room._on_rpc_method_invocation)
    assert "local_participant_handle == self._local_participant._ffi_handle.handle" in source


def test_the_session_methods_that_voice_session_calls_or_overrides() -> None:
    assert list(inspect.signature(AgentSession._update_user_state).parameters) == [
        "self",
        "state",
        "last_speaking_time",
    ]
    assert list(inspect.signature(AgentSession._on_room_io_participant_linked).parameters) == [
        "self",
        "participant",
    ]
    assert "reason" in inspect.signature(AgentSession._close_soon).parameters
    assert isinstance(inspect.getattr_static(AgentSession, "output"), property)
    # RoomIO tells the session of a linked participant by that method, and sets the transcription through
    # ``session.output``; both are where we come in.
    source = inspect.getsource(RoomIO)
    assert "_agent_session._on_room_io_participant_linked(participant)" in source
    assert "self._agent_session.output.transcription = self.transcription_output" in source


def test_an_audio_output_counts_segments_as_media_io_expects() -> None:
    source = inspect.getsource(io.AudioOutput)
    for name in ("on_playback_started", "on_playback_finished", "capture_frame", "flush", "clear_buffer"):
        assert f"def {name}" in source
    options = io.AudioOutputCapabilities(pause=False)
    assert options.pause is False


def test_room_options_that_start_replaces() -> None:
    options = RoomOptions()
    for name in ("audio_input", "audio_output", "text_output", "close_on_disconnect"):
        assert hasattr(options, name)
    text = options.get_text_output_options()
    assert text is not None
    assert hasattr(text, "sync_transcription")


def test_pre_connect_audio_as_room_uses_it() -> None:
    assert list(inspect.signature(PreConnectAudioHandler.__init__).parameters)[:3] == [
        "self",
        "room",
        "timeout",
    ]
    assert asyncio.iscoroutinefunction(PreConnectAudioHandler.wait_for_data)
    assert AudioTrackFeature.TF_PRECONNECT_BUFFER is not None


def test_what_the_worker_sets_on_an_agent_server() -> None:
    server = AgentServer()
    for name in ("_host", "_port", "_job_executor_type", "_num_idle_processes", "_load_threshold"):
        assert hasattr(server, name)
    assert server._host == ""  # every interface, unless told: what we change
    assert {JobExecutorType.THREAD, JobExecutorType.PROCESS} == set(JobExecutorType)
    assert "load_fnc" in dir(server)
