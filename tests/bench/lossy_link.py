"""Two network namespaces with a link between them that delays and drops IP packets.

The kernel here may have no ``netem``, so the link is two TUN devices and this process between them: real
kernels' TCP and UDP at each end, a seeded loss in the middle. Needs root (network namespaces).

    with LossyLink(loss=0.05, delay_s=0.02) as link:
        subprocess.Popen(link.near(["python", "client.py", link.far_ip]))
        subprocess.Popen(link.far(["python", "server.py"]))
"""

from __future__ import annotations

import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time
from types import TracebackType
from typing import Self

__all__ = ["LossyLink"]

_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN_NO_PI = 0x0001 | 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


class LossyLink:
    """The link. Its ends are namespaces of their own, each with loopback and one address.

    Args:
        loss: Share of packets dropped, each way and independent.
        delay_s: One-way delay, s.
        seed: Of the losses.
    """

    near_ip = "10.77.0.1"
    far_ip = "10.77.0.2"

    def __init__(self, *, loss: float = 0.0, delay_s: float = 0.0, seed: int = 1) -> None:
        self.loss = loss
        self.delay_s = delay_s
        self._random = random.Random(seed)
        self._names = [f"antiphon{os.getpid()}{side}" for side in "nf"]
        self._fds: list[int] = []
        self._stop = threading.Event()
        self.passed = 0
        self.dropped = 0

    def near(self, command: list[str]) -> list[str]:
        """The command, to be run at the near end."""
        return ["ip", "netns", "exec", self._names[0], *command]

    def far(self, command: list[str]) -> list[str]:
        """The command, to be run at the far end."""
        return ["ip", "netns", "exec", self._names[1], *command]

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            raise SystemExit("this needs root: it makes network namespaces")
        addresses = (self.near_ip, self.far_ip)
        for name, own, other in zip(self._names, addresses, reversed(addresses), strict=True):
            _run("ip", "netns", "add", name)
            self._fds.append(_tun_in(name))
            for command in (
                ["ip", "link", "set", "lo", "up"],
                ["ip", "addr", "add", own, "peer", other, "dev", "link0"],
                ["ip", "link", "set", "link0", "up"],
            ):
                _run("ip", "netns", "exec", name, *command)
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        for fd in self._fds:
            os.close(fd)
        for name in self._names:
            _run("ip", "netns", "del", name)

    def _carry(self) -> None:
        waiting: list[tuple[float, int, int, bytes]] = []
        count = 0
        while not self._stop.is_set():
            now = time.monotonic()
            while waiting and waiting[0][0] <= now:
                _, _, to, packet = heapq.heappop(waiting)
                os.write(self._fds[to], packet)
            timeout = min(waiting[0][0] - now, 0.05) if waiting else 0.05
            for fd in select.select(self._fds, [], [], timeout)[0]:
                packet = os.read(fd, 65_536)
                if self.loss and self._random.random() < self.loss:
                    self.dropped += 1
                    continue
                self.passed += 1
                count += 1
                to = 1 - self._fds.index(fd)
                heapq.heappush(waiting, (time.monotonic() + self.delay_s, count, to, packet))


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _tun_in(namespace: str) -> int:
    """A TUN device made in a namespace; the file is used from here."""
    made: list[int] = []

    def make() -> None:  # on a thread of its own, which then lives in that namespace
        with open(f"/var/run/netns/{namespace}") as target:
            if _libc.setns(target.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH14s", b"link0", _IFF_TUN_NO_PI, b""))
        made.append(fd)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]
