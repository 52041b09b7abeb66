"""Figures at the caller's ear: how fast an agent answers, stops, goes on, and what it costs."""
