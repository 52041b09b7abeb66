"""The build, with a Go that only pretends: once, whole, and with its errors told."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from antiphon.agents.errors import ServerUnavailable
from antiphon.workers import sfu_build

# What `go install` does as far as we see it: a file named after the command's folder, in GOBIN.
GO = """#!/bin/sh
echo "$@" >> {log}
echo "CGO_ENABLED=$CGO_ENABLED" >> {log}
sleep 0.3
{then}
"""
WORKS = 'echo "#!/bin/sh" > "$GOBIN/server"; chmod +x "$GOBIN/server"'
FAILS = 'echo "go: module lookup disabled by GOPROXY=off" >&2; exit 1'


def pretend(tmp_path: Path, then: str) -> tuple[dict[str, str], Path]:
    """An environment whose ``go`` does ``then``, and the file with its calls."""
    log = tmp_path / "calls"
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO.format(log=log, then=then))
    go.chmod(0o755)
    path = f"{go.parent}:{os.environ['PATH']}"
    return {"PATH": path, "XDG_CACHE_HOME": str(tmp_path / "cache")}, log


def test_the_pinned_version_is_built_into_the_cache(tmp_path: Path) -> None:
    environ, log = pretend(tmp_path, WORKS)
    said: list[str] = []
    binary = sfu_build.build(said.append, environ)
    assert binary == tmp_path / "cache" / "antiphon" / "livekit-server" / sfu_build.VERSION / "livekit-server"
    assert os.access(binary, os.X_OK)
    assert f"@v{sfu_build.VERSION}" in log.read_text()
    assert "CGO_ENABLED=0" in log.read_text()
    assert any("building livekit-server" in text for text in said)
    assert sorted(path.name for path in binary.parent.iterdir()) == ["livekit-server", "lock"]


def test_two_at_a_time_build_it_once(tmp_path: Path) -> None:
    environ, log = pretend(tmp_path, WORKS)
    said: list[str] = []
    built: list[Path] = []
    threads = [
        threading.Thread(target=lambda: built.append(sfu_build.build(said.append, environ))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(built) == 3
    assert len(set(built)) == 1
    assert log.read_text().count("install") == 1
    assert any("waiting for another" in text for text in said)


def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    environ, _ = pretend(tmp_path, FAILS)
    with pytest.raises(ServerUnavailable, match=r"failed \(module lookup disabled.*Three ways") as error:
        sfu_build.build(lambda _: None, environ)
    assert "\n" not in str(error.value)
    folder = sfu_build.cached_binary(environ).parent
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_without_go_the_ways_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ServerUnavailable, match=r"nor Go .*LIVEKIT_URL"):
        sfu_build.build(lambda _: None, {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)})
