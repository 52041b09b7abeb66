"""Checks that any realtime model, and any server of the protocol, can be put to.

`checks` has them as a library: for pytest, or for whoever adapts a model. `agent conformance` runs them.
"""
