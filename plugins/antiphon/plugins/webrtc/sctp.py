"""A data channel that mends a loss in a round trip or two.

aiortc's SCTP waits at least 1 s, and 3 s before it has measured the path, until it sends a lost packet
again. Events of a conversation are few and small, so there is seldom a later packet whose
acknowledgement would tell of the loss sooner: each loss would cost a second of silence. libwebrtc waits
from 0.12 s (``net/dcsctp/public/dcsctp_options.h``), and so does this. Besides, a small event that is
not acknowledged after `_AGAIN_S` goes out once more: the receiver drops a second copy, and at a loss of
5 % one event in 400 is late, not one in 20.
"""

from __future__ import annotations

import asyncio
import contextlib

from aiortc import RTCSctpTransport
from aiortc.rtcsctptransport import Chunk, DataChunk

from antiphon.agents.errors import MediaError

__all__ = ["hasten"]

_LEAST_S = 0.12  # s; as libwebrtc's
_FIRST_S = 0.5  # s until the path is measured; as libwebrtc's
_MOST_S = 2.0  # s; chosen: a call is over long before aiortc's 60 s
_AGAIN_S = 0.015  # s; chosen: a path that is quicker than that sends nothing twice
_FEW = 8  # packets under way up to which they are sent again: a conversation's events, no bulk
_NEEDED = (
    "_rto",
    "_srtt",
    "_rttvar",
    "_update_rto",
)  # aiortc 1.16; tests/plugins/webrtc/test_sctp.py pins them


def hasten(transport: RTCSctpTransport) -> None:
    """Shortens a transport's wait before a packet is sent again. Before it is started.

    Raises:
        MediaError: It is not the aiortc that this is written for.
    """
    if any(not hasattr(transport, name) for name in _NEEDED):
        raise MediaError("this aiortc is unknown here", hint="Install the extra webrtc as it is pinned.")
    measured = transport._update_rto

    def update(R: float) -> None:
        measured(R)
        wanted = (transport._srtt or 0.0) + 4 * (transport._rttvar or 0.0)
        transport._rto = min(max(wanted, _LEAST_S), _MOST_S)

    send = transport._send_chunk
    copies: set[asyncio.Task[None]] = set()

    async def again(chunk: DataChunk) -> None:
        await asyncio.sleep(_AGAIN_S)
        queue = transport._sent_queue
        if len(queue) <= _FEW and chunk in queue and not chunk._acked:
            with contextlib.suppress(ConnectionError):
                await send(chunk)

    async def twice(chunk: Chunk) -> None:
        await send(chunk)
        if isinstance(chunk, DataChunk) and chunk._sent_count <= 1:
            task = asyncio.create_task(again(chunk))
            copies.add(task)
            task.add_done_callback(copies.discard)

    transport._rto = _FIRST_S
    transport._send_chunk = twice  # type: ignore[method-assign]
    transport._update_rto = update  # type: ignore[method-assign]
