from __future__ import annotations

from antiphon.workers.replay import peers


def test_shares_are_shares() -> None:
    for peer in (*peers.TAU_VOICE, *peers.AT_EAR, peers.LIVEKIT_ADAPTIVE):
        assert all(0.0 <= x <= 1.0 for x in (peer.yields, peer.backchannels, peer.others) if x is not None)


def test_the_corner_that_nobody_fills() -> None:
    """docs and README say so: none that yields to 95 % ignores more than 68 % of backchannels."""
    sure = [peer for peer in peers.TAU_VOICE if peer.yields >= 0.95 and peer.backchannels is not None]
    assert len(sure) == 4
    assert min(peer.backchannels or 0.0 for peer in sure) >= 1 - 0.68


def test_what_is_fast_cuts_off_more() -> None:
    assert all(peer.cut_at_300_ms > 0.05 and peer.ms_at_5_percent > 300 for peer in peers.EOT_BENCH)
