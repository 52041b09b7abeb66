"""A wrong address or key is told at once, in words that say what to do."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from antiphon.agents.errors import ConfigError, RoomError, ServerUnavailable
from antiphon.workers import probe

if TYPE_CHECKING:
    from antiphon.workers.sfu import LocalSfu

SECRET = "s" * 32


@pytest.fixture
def another_server() -> Iterator[str]:
    """Something that speaks HTTP and is no LiveKit server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"ws://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def mute_server() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"ws://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("url", ["", "foo", "ftp://host", "ws://", "http://127.0.0.1:x", "ws://[1"])
def test_what_is_no_address_is_told_as_such(url: str) -> None:
    with pytest.raises(ConfigError, match="begins with ws://"):
        probe.check(url, "key", SECRET)


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(ServerUnavailable, match=r"does not answer \(ws://127.*connection refused\)"):
        probe.check(url, "key", SECRET)
    assert not probe.answers(url)


def test_a_server_that_says_nothing_is_given_up(mute_server: str) -> None:
    with pytest.raises(ServerUnavailable, match="timed out"):
        probe.check(mute_server, "key", SECRET, timeout_s=0.2)
    assert not probe.answers(mute_server, 0.2)


def test_another_kind_of_server(another_server: str) -> None:
    with pytest.raises(ServerUnavailable, match=r"no LiveKit server.*HTTP 404"):
        probe.check(another_server, "key", SECRET)
    assert probe.answers(another_server)


@pytest.mark.parametrize("missing", ["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"])
def test_what_is_missing_is_named(missing: str) -> None:
    environ = {"LIVEKIT_URL": "ws://127.0.0.1:9", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": SECRET}
    del environ[missing]
    with pytest.raises(ConfigError, match=f"{missing} cannot be ''.*agent dev"):
        probe.check_environ(environ)


@pytest.mark.sfu
def test_a_right_key_is_taken_and_a_wrong_one_refused(sfu: LocalSfu) -> None:
    probe.check_environ(sfu.environment())
    with pytest.raises(RoomError, match=r"refused the key.*Check LIVEKIT_API_KEY") as wrong_secret:
        probe.check(sfu.url, sfu.api_key, SECRET)
    assert not isinstance(wrong_secret.value, ServerUnavailable)
    assert SECRET not in str(wrong_secret.value)
    with pytest.raises(RoomError, match="LIVEKIT_API_KEY=nobody"):
        probe.check(sfu.url, "nobody", sfu.api_secret)
