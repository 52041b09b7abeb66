"""Writes the parts of the documents that the code knows: `python docs/generate.py`.

A part stands between ``<!-- name -->`` and ``<!-- /name -->``.
"""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from antiphon.agents import TurnTaking
from antiphon.agents.interruption.table import LIMITS, TRANSITIONS, State, Trigger, mermaid
from antiphon.agents.options import POLICIES

DOCUMENT = Path(__file__).parent / "turn-taking.md"


def states() -> str:
    """The floor's states and what leads from one to another, as a picture."""
    return f"```mermaid\n{mermaid()}```"


def deadlines() -> str:
    """How long each state lasts at most, and where it goes then."""
    lines = ["| state | at most | by default | and then |", "|---|---|---|---|"]
    for state in State:
        if state not in LIMITS:
            lines.append(f"| {state.value} | no limit | | |")
            continue
        name, _ = LIMITS[state]
        following = " or ".join(after.value for after in TRANSITIONS[state, Trigger.OVERDUE].next)
        lines.append(f"| {state.value} | `{name}` | {getattr(TurnTaking(), name):g} s | {following} |")
    return "\n".join(lines)


def options() -> str:
    """Every field of `TurnTaking`."""
    lines = ["| option | default | range | what it is |", "|---|---|---|---|"]
    for spec in fields(TurnTaking):
        unit = f" {spec.metadata['unit']}".rstrip()
        if "low" in spec.metadata:
            default = f"{spec.default:g}{unit}"
            allowed = f"{spec.metadata['low']:g} to {spec.metadata['high']:g}{unit}"
        else:
            default, allowed = str(spec.default), "True or False"
        lines.append(f"| `{spec.name}` | {default} | {allowed} | {spec.metadata['doc']} |")
    return "\n".join(lines)


def policies() -> str:
    """What each policy sets."""
    lines = ["| policy | sets |", "|---|---|"]
    for name, values in POLICIES.items():
        made = ", ".join(f"`{field}={value:g}`" for field, value in values.items())
        lines.append(f"| `{name}` | {made or 'nothing: the defaults'} |")
    return "\n".join(lines)


PARTS = {"states": states, "deadlines": deadlines, "policies": policies, "options": options}


def generated(text: str) -> str:
    """The document with its parts made anew.

    Raises:
        ValueError: A part has no place in it.
    """
    for name, make in PARTS.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        made = make()
        text, found = place.subn(lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text)
        if found != 1:
            raise ValueError(f"{DOCUMENT.name} has no place for {name}")
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(generated(DOCUMENT.read_text()))
    print(f"{DOCUMENT} is up to date")
