"""The configuration of a LiveKit server that talks to nothing but loopback.

Pure but for `free_ports`. JSON is written, which every YAML parser reads. Each setting's reason is in
livekit-server 1.13.5's ``config-sample.yaml`` and ``pkg/config/config.go``.
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass

__all__ = ["Ports", "free_ports", "render"]

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens."""

    http: int  # TCP: signalling and the API
    udp: int  # UDP: all media, on one port


def free_ports(http: int | None = None) -> Ports:
    """Ports that are free now; another process may still take them before we do.

    Args:
        http: The TCP port to use in any case.

    Raises:
        OSError: ``http`` is given and taken.
    """
    with ExitStack() as held:
        tcp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        udp = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        if http is not None:  # a listener that closed a moment ago does not make the port taken
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((HOST, http or 0))
        udp.bind((HOST, 0))
        return Ports(http=tcp.getsockname()[1], udp=udp.getsockname()[1])


def render(ports: Ports, key: str, secret: str) -> str:
    """The configuration file's text. Holds the secret: keep the file to its owner."""
    config = {
        "port": ports.http,
        "bind_addresses": [HOST],
        "keys": {key: secret},
        "rtc": {
            "node_ip": HOST,  # explicit: the server asks no STUN server who it is
            "use_external_ip": False,
            "udp_port": ports.udp,
            "tcp_port": 0,  # a TCP mux would listen on every interface
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo", "lo0"]},
            "ips": {"includes": [f"{HOST}/32"]},
            "stun_servers": [f"{HOST}:19302"],  # else clients are told to ask public ones
        },
        "turn": {"enabled": False},
        "room": {
            "auto_create": True,  # agents and people join a room by its name, with nothing made before
            "empty_timeout": 60,
            "departure_timeout": 20,
        },
        "agents": {"target_load": 1.0},  # load is calls over slots here, so full means full
        "logging": {"json": True, "level": "info"},
    }
    return json.dumps(config, indent=2) + "\n"
