"""When has the person finished? Small deciders behind one interface.

`Endpointer` is what the controller asks, `FixedSilence` the first answer.
"""

from antiphon.agents.endpointing.endpointer import Endpointer
from antiphon.agents.endpointing.fixed import FixedSilence

__all__ = ["Endpointer", "FixedSilence"]
