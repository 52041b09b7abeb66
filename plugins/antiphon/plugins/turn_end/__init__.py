"""End-of-turn estimators: has the person finished, by the sound of it?

`LiveKitTurnEnd` asks the model that ships in ``livekit-local-inference``. It is an
`antiphon.agents.endpointing.TurnEndEstimator`.
"""

from antiphon.plugins.turn_end.local import LiveKitTurnEnd

__all__ = ["LiveKitTurnEnd"]
