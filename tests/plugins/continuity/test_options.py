from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.plugins.continuity import Continuity


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("session_cap_s", 1, "5 to 86400 s"),
        ("stall_s", 0.1, "0.5 to 120 s"),
        ("stall_s", float("nan"), "0.5 to 120 s"),
        ("give_up_s", "long", "1 to 3600 s"),
        ("retries", True, "0 to 10"),
        ("continue_replies", 1, "True or False"),
        ("stall_s", None, "0.5 to 120 s"),
    ],
)
def test_a_value_that_cannot_be_is_named_with_what_can(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Continuity(**{field: value})
    assert caught.value.field == f"Continuity.{field}"
    assert caught.value.allowed == allowed


def test_leads_are_shares_of_a_short_cap() -> None:
    options = Continuity(session_cap_s=None)
    assert (options.lead_s(3600), options.forced_s(3600)) == (60.0, 5.0)
    assert (options.lead_s(40), options.forced_s(40)) == (10.0, 4.0)


def table() -> str:
    """The documentation's."""
    lines = ["| option | default | range | what it is |", "|---|---|---|---|"]
    for spec in fields(Continuity):
        unit = f" {spec.metadata['unit']}".rstrip()
        default, allowed = str(spec.default), "True or False"
        if "low" in spec.metadata:
            default = "not set" if spec.default is None else f"{spec.default:g}{unit}"
            allowed = f"{spec.metadata['low']:g} to {spec.metadata['high']:g}{unit}"
        lines.append(f"| `{spec.name}` | {default} | {allowed} | {spec.metadata['doc']} |")
    return "\n".join(lines)


def test_the_documentation_lists_every_option_as_it_is() -> None:
    text = (Path(__file__).parents[3] / "docs" / "continuity.md").read_text()
    written = text.split("<!-- continuity -->\n")[1].split("\n<!-- /continuity -->")[0]
    assert written == table()
