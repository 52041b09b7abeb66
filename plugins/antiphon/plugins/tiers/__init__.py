"""A fast model that talks and a deep one that is asked, under one session and with one voice."""

from antiphon.plugins.tiers.model import Router, TieredModel, TierOptions

__all__ = ["Router", "TierOptions", "TieredModel"]
