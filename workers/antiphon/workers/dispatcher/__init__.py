"""Calls are queued, placed, watched and restored."""
