"""What of livekit-agents' private OpenAI session the WebRTC transport relies on.

A failure here after an upgrade names the assumption that broke, before a call does.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from livekit.agents.llm._realtime import openai as impl
from livekit.plugins.openai import realtime as plugin

SESSION = impl.RealtimeSession


def attributes_of(function: Any, name: str) -> set[str]:
    """The attributes of a local variable that a function uses."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == name
    }


def test_the_plugins_session_is_the_one_we_extend() -> None:
    assert plugin.realtime_model.RealtimeSession is SESSION
    assert issubclass(plugin.RealtimeModel, impl.RealtimeModel)


def test_the_session_makes_its_connection_in_one_place_without_arguments() -> None:
    assert list(inspect.signature(SESSION._create_ws_conn).parameters) == ["self"]
    assert "_create_ws_conn()" in inspect.getsource(SESSION._main_task)


def test_of_a_connection_it_uses_send_receive_and_close_only() -> None:
    assert attributes_of(SESSION._run_ws, "ws_conn") == {"send_str", "receive", "close"}
    assert attributes_of(SESSION._main_task, "ws_conn") == {"send_str"}


def test_audio_is_cut_by_a_stream_that_we_replace() -> None:
    source = inspect.getsource(SESSION.push_audio) + inspect.getsource(SESSION.commit_audio)
    assert "self._bstream.write(" in source
    assert "self._bstream.flush()" in source
    assert (impl.SAMPLE_RATE, impl.NUM_CHANNELS) == (24_000, 1)


def test_appends_carry_pcm_in_base64() -> None:
    source = inspect.getsource(SESSION._append_audio)
    assert 'type="input_audio_buffer.append"' in source
    assert "base64.b64encode(nf.data)" in source


def test_the_settings_are_a_session_update() -> None:
    assert list(inspect.signature(SESSION._create_session_update_event).parameters) == ["self"]
    assert list(inspect.signature(SESSION._create_ws_url_and_headers).parameters) == ["self"]


def test_the_model_keeps_its_sessions_and_its_http_client() -> None:
    source = inspect.getsource(impl.RealtimeModel.session)
    assert "self._sessions.add(" in source
    assert list(inspect.signature(impl.RealtimeModel._ensure_http_session).parameters) == ["self"]


def test_an_interruption_is_a_cancel_while_a_generation_is_open() -> None:
    source = inspect.getsource(SESSION.interrupt)
    assert "has_active_generation" in source
    assert "response.cancel" in source


def test_a_reply_is_closed_by_its_done_events() -> None:
    """Hence they are held back until the track has brought the sound."""
    assert "audio_ch.close()" in inspect.getsource(SESSION._handle_response_output_item_done)
    assert "_current_generation._close()" in inspect.getsource(SESSION._handle_response_done)
    assert "audio_ch.send_nowait(" in inspect.getsource(SESSION._handle_response_audio_delta)


def test_an_error_that_names_an_event_settles_what_waits_for_it() -> None:
    """So a message refused here fails at once, and not after its timeout."""
    source = inspect.getsource(SESSION._handle_error)
    assert "_chat_ctx_event_futures.pop(event_id" in source
    assert "_response_created_futures.pop(event_id" in source


def test_errors_of_a_connection_are_retried_by_their_own_word() -> None:
    source = inspect.getsource(SESSION._main_task)
    assert "except APIError as e" in source
    assert "not e.retryable" in source
