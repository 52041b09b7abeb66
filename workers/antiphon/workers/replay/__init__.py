"""What would have happened: recordings and labelled clips through a call's own parts, in virtual time."""

from antiphon.workers.replay.engine import Replayed, Setup, replay
from antiphon.workers.replay.scene import RATE_HZ, Echo, Reply, Scene

__all__ = ["RATE_HZ", "Echo", "Replayed", "Reply", "Scene", "Setup", "replay"]
