"""Judges of speech over the agent: by its sound, by its words, by its meaning."""
