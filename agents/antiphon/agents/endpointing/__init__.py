"""When has the person finished? Small deciders behind one interface.

`Endpointer` is what the controller asks: `FixedSilence`, or `AdaptiveSilence`, which makes a waiting time
of what a `TurnEndEstimator` answers and of the person's own pauses.
"""

from antiphon.agents.endpointing.adaptive import AdaptiveSilence, endpointer_for
from antiphon.agents.endpointing.endpointer import Endpointer
from antiphon.agents.endpointing.estimator import TurnEndEstimator
from antiphon.agents.endpointing.fixed import FixedSilence

__all__ = ["AdaptiveSilence", "Endpointer", "FixedSilence", "TurnEndEstimator", "endpointer_for"]
