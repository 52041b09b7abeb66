from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from antiphon.agents.errors import ConfigError
from antiphon.agents.usage.prices import PriceTable, Rates
from antiphon.agents.usage.tokens import ModelUse

TABLE = """
as_of = 2026-11-01
[[model]]
name = "mine"
source = "the invoice"
text = { input = 1.0, cached = 0.1, cache_write = 1.25, output = 4.0 }
audio = { input = 10.0, output = 20.0 }
[[model]]
name = "ears"
source = "the invoice"
providers = ["Here"]
audio_minute = 0.6
[[model]]
name = "voice"
source = "the invoice"
characters = 15.0
[[model]]
name = "line"
source = "the invoice"
session_minute = 0.05
"""


@pytest.fixture
def table() -> PriceTable:
    return PriceTable.parse(TABLE)


def test_the_shipped_table_has_a_date_and_a_source_for_every_price() -> None:
    shipped = PriceTable.shipped()
    assert shipped.as_of >= datetime.date(2026, 11, 1)
    assert all(price.source.startswith("https://") for price in shipped.models)
    names = [price.name for price in shipped.models]
    assert len(names) == len(set(names))
    assert {"gpt-realtime-2.1", "gpt-realtime-2.1-mini", "gpt-realtime-whisper"} <= set(names)


def test_an_hour_of_the_brief_costs_what_it_says() -> None:
    # openai-realtime.md, section 3: uncached output audio is about $.077 a minute, $.024 with the mini
    # model, at one token for 50 ms.
    minute = ModelUse(audio_out=60 * 20)
    shipped = PriceTable.shipped()
    for name, usd in (("gpt-realtime-2.1", 0.077), ("gpt-realtime-2.1-mini", 0.024)):
        price = shipped.find(name, "api.openai.com")
        assert price is not None
        assert price.cost(minute) == pytest.approx(usd, abs=0.0005)


def test_each_kind_is_priced_and_cached_tokens_are_part_of_them(table: PriceTable) -> None:
    price = table.find("mine")
    assert price is not None
    use = ModelUse(text_in=1_000_000, cached_text=400_000, cache_writes=200_000, text_out=500_000)
    assert price.cost(use) == pytest.approx(0.4 * 1.0 + 0.4 * 0.1 + 0.2 * 1.25 + 0.5 * 4.0)
    assert price.cost(ModelUse(audio_in=100_000, cached_audio=50_000)) == pytest.approx(1.0)  # no such rate
    assert price.cost(ModelUse()) == 0.0


def test_what_has_no_rate_has_no_price(table: PriceTable) -> None:
    price = table.find("mine")
    assert price is not None
    assert price.cost(ModelUse(text_in=10, image_in=5)) is None
    assert price.cost(ModelUse(audio_s=5.0)) is None
    assert Rates(input=1.0).cost(10, 0, 0, 1) is None
    assert table.find("unheard-of") is None


def test_audio_connections_and_characters_are_priced_by_their_own_measure(table: PriceTable) -> None:
    for name, provider, use, usd in (
        ("ears", "here", ModelUse(audio_s=90.0), 0.9),
        ("voice", "", ModelUse(characters=1000, audio_s=60.0), 0.015),
        ("line", "", ModelUse(session_s=120.0, text_in=5), 0.1),
    ):
        price = table.find(name, provider)
        assert price is not None
        assert price.cost(use) == pytest.approx(usd)


def test_a_snapshot_costs_what_its_model_does_and_another_provider_is_not_priced(table: PriceTable) -> None:
    assert table.find("mine-2026-05-06") is table.find("mine", "anybody")
    assert table.find("mine-5") is None
    assert table.find("ears", "here") is not None
    assert table.find("ears", "127.0.0.1:4000") is None


def test_a_file_of_ones_own_comes_before_the_shipped_table(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(TABLE.replace('"mine"', '"gpt-realtime-2.1"'))
    table = PriceTable.load(path)
    price = table.find("gpt-realtime-2.1", "api.openai.com")
    assert price is not None
    assert price.source == "the invoice"
    assert table.find("gpt-realtime-2.1-mini", "api.openai.com") is not None
    assert table.as_of == datetime.date(2026, 11, 1)  # as old as its older part


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("as_of = [", "TOML"),
        ("", "a date"),
        ('as_of = "soon"', "a date"),
        ("as_of = 2026-01-01\nmodel = 3", "headed"),
        ("as_of = 2026-01-01\nmodel = [3]", "headed"),
        ('as_of = 2026-01-01\n[[model]]\nsource = "x"', "name"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"', "where the price is from"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\nprice = 3', "prices.m.price"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\nproviders = "y"', "a list"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\ntext = 3', "rates"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\ntext = { in = 3 }', "prices.m.text.in"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\ntext = { input = -1 }', "0 or more"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\naudio_minute = "3"', "US dollars"),
        ('as_of = 2026-01-01\n[[model]]\nname = "m"\nsource = "x"\naudio_minute = nan', "US dollars"),
    ],
)
def test_a_wrong_table_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        PriceTable.parse(text)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="can be read"):
        PriceTable.load(tmp_path)
