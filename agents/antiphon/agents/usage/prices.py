"""What models cost: `PriceTable`, read from TOML with its date and the source of each price.

``prices.toml`` beside this module is the shipped table; a file of the same form comes before it:

    as_of = 2026-11-22
    [[model]]
    name = "my-model"
    source = "https://..."
    text = { input = 1.0, cached = 0.1, output = 5.0 }   # US dollars a million tokens
    audio_minute = 0.01                                  # US dollars a minute of audio

A model that no table holds, or a kind of token that its entry has no rate for, has no price: nothing is
guessed. ``providers`` limits an entry to those that livekit-agents names as the model's provider (for
OpenAI's realtime models the host), so that a server of one's own is not priced as OpenAI.
"""

from __future__ import annotations

import datetime
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from pathlib import Path

from antiphon.agents.errors import ConfigError
from antiphon.agents.usage.tokens import ModelUse

__all__ = ["ModelPrice", "PriceTable", "Rates"]

_MILLION = 1_000_000
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")  # a dated snapshot costs what its model does


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars a million tokens of one kind; None where there is no such price."""

    input: float | None = None
    cached: float | None = None
    """The input rate where it is not given."""
    output: float | None = None
    cache_write: float | None = None
    """The input rate where it is not given."""

    def cost(self, taken: int, cached: int, written: int, made: int) -> float | None:
        """US dollars for so many tokens in (``cached`` and ``written`` being part of them) and out."""
        total = 0.0
        fresh = max(taken - cached - written, 0)
        for count, rate in (
            (fresh, self.input),
            (cached, self.input if self.cached is None else self.cached),
            (written, self.input if self.cache_write is None else self.cache_write),
            (made, self.output),
        ):
            if count and rate is None:
                return None
            total += count * (rate or 0.0)
        return total / _MILLION


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What one model costs."""

    name: str
    source: str
    """Where the price is from."""
    providers: tuple[str, ...] = ()
    """Whose; empty for any."""
    text: Rates = Rates()
    audio: Rates = Rates()
    image: Rates = Rates()
    audio_minute: float | None = None
    """US dollars a minute of audio recognised or synthesised; takes the place of what tokens cost."""
    session_minute: float | None = None
    """US dollars a minute of connection; likewise."""
    characters: float | None = None
    """US dollars a million characters spoken; likewise."""

    def cost(self, use: ModelUse) -> float | None:
        """US dollars; None if something was used that has no price here."""
        for count, rate in (
            (use.audio_s / 60, self.audio_minute),
            (use.session_s / 60, self.session_minute),
            (use.characters / _MILLION, self.characters),
        ):
            if count and rate is not None:
                return count * rate
        if not use.tokens_in + use.tokens_out:
            return None if use.anything else 0.0
        parts = (
            self.text.cost(use.text_in, use.cached_text, use.cache_writes, use.text_out),
            self.audio.cost(use.audio_in, use.cached_audio, 0, use.audio_out),
            self.image.cost(use.image_in, use.cached_image, 0, 0),
        )
        if None in parts:
            return None
        return sum(part for part in parts if part is not None)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices of models, looked up by name; the first that fits."""

    as_of: datetime.date
    models: tuple[ModelPrice, ...]

    def find(self, model: str, provider: str = "") -> ModelPrice | None:
        """The price of a model, by its name or, for a dated snapshot, by its model's."""
        for name in (model, _SNAPSHOT.sub("", model)):
            for price in self.models:
                if price.name == name and (not price.providers or provider.lower() in price.providers):
                    return price
        return None

    def before(self, other: PriceTable) -> PriceTable:
        """This table, and the other one for what is not in it; dated as the older of the two."""
        return PriceTable(min(self.as_of, other.as_of), (*self.models, *other.models))

    @classmethod
    def shipped(cls) -> PriceTable:
        """The table that comes with Antiphon."""
        return cls.parse((files("antiphon.agents.usage") / "prices.toml").read_text(encoding="utf-8"))

    @classmethod
    def load(cls, path: str | Path) -> PriceTable:
        """A table of one's own, with the shipped one behind it.

        Raises:
            ConfigError: The file cannot be read, or is no price table; says where and why.
        """
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("prices", str(path), f"a price table that can be read ({error})") from error
        return cls.parse(text, str(path)).before(cls.shipped())

    @classmethod
    def parse(cls, text: str, name: str = "prices.toml") -> PriceTable:
        """A table from TOML.

        Raises:
            ConfigError: It is none; says where and why.
        """
        try:
            data = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError("prices", name, f"TOML ({error})") from error
        as_of = data.get("as_of")
        if not isinstance(as_of, datetime.date):
            raise ConfigError("prices.as_of", as_of, "a date, such as 2026-11-22")
        models = data.get("model", [])
        if not isinstance(models, list):
            raise ConfigError("prices.model", models, "tables, each headed [[model]]")
        return cls(as_of, tuple(_model(entry) for entry in models))


def _model(entry: object) -> ModelPrice:
    if not isinstance(entry, Mapping):
        raise ConfigError("prices.model", entry, "a table, headed [[model]]")
    name = entry.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError("prices.model.name", name, "the model's name")
    source = entry.get("source")
    if not isinstance(source, str) or not source:
        raise ConfigError(f"prices.{name}.source", source, "where the price is from")
    providers = entry.get("providers", [])
    if not isinstance(providers, list) or not all(isinstance(provider, str) for provider in providers):
        raise ConfigError(f"prices.{name}.providers", providers, "a list of names")
    known = {spec.name for spec in fields(ModelPrice)}
    for key in entry:
        if key not in known:
            raise ConfigError(f"prices.{name}.{key}", entry[key], f"one of {', '.join(sorted(known))}")
    kinds = {kind: _rates(f"{name}.{kind}", entry.get(kind, {})) for kind in ("text", "audio", "image")}
    per = {
        unit: _rate(f"{name}.{unit}", entry.get(unit))
        for unit in ("audio_minute", "session_minute", "characters")
    }
    return ModelPrice(name, source, tuple(p.lower() for p in providers), **kinds, **per)  # type: ignore[arg-type]


def _rates(name: str, given: object) -> Rates:
    if not isinstance(given, Mapping):
        raise ConfigError(f"prices.{name}", given, "rates, such as { input = 1.0, output = 2.0 }")
    known = [spec.name for spec in fields(Rates)]
    for key in given:
        if key not in known:
            raise ConfigError(f"prices.{name}.{key}", given[key], f"one of {', '.join(known)}")
    return Rates(**{key: _rate(f"{name}.{key}", value) for key, value in given.items()})


def _rate(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ConfigError(f"prices.{name}", value, "US dollars, 0 or more")
    return float(value)
