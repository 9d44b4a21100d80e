"""The text: exactly the format, judged by Prometheus' own parser for Python."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from dnbot.metrics.exposition import Family, Value, counter, exposition, gauge, gauges, histograms, number
from dnbot.metrics.histogram import Histogram

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e"))


def test_a_text_is_told_to_the_letter() -> None:
    """Help, type, series; what is unknown is left out, and its family stays."""
    told = Histogram((0.5, 1.0))
    for seconds in (0.25, 1.0, 3.0):
        told.observe(seconds)
    families: list[Family[None]] = [
        counter("a_total", "Counts.", lambda _: 3),
        gauge("b", "Unknown.", lambda _: None),
        gauges("c", "Two.", "x", lambda _: {"one": Decimal("0.5"), "two": None}),
        histograms("d_seconds", "Times.", "x", lambda _: {"one": told}),
    ]
    assert exposition(families, None).decode().splitlines() == [
        "# HELP a_total Counts.", "# TYPE a_total counter", "a_total 3",
        "# HELP b Unknown.", "# TYPE b gauge",
        "# HELP c Two.", "# TYPE c gauge", 'c{x="one"} 0.5',
        "# HELP d_seconds Times.", "# TYPE d_seconds histogram",
        'd_seconds_bucket{x="one",le="0.5"} 1', 'd_seconds_bucket{x="one",le="1.0"} 2',
        'd_seconds_bucket{x="one",le="+Inf"} 3', 'd_seconds_sum{x="one"} 4.25', 'd_seconds_count{x="one"} 3',
    ]


@given(st.dictionaries(TEXTS, st.floats(allow_nan=False), max_size=5), TEXTS)
def test_labels_come_back_as_they_were(values: dict[str, float], text: str) -> None:
    """Quotes, backslashes and line ends in labels and help do not break out of their place."""
    family: Family[Mapping[str, Value]] = gauges("x", text, "key", lambda source: source)
    (read,) = text_string_to_metric_families(exposition([family], values).decode())
    assert {sample.labels["key"]: sample.value for sample in read.samples} == values


@pytest.mark.parametrize(
    ("value", "told"),
    [(True, "1"), (7, "7"), (0.1, "0.1"), (Decimal("-1.50"), "-1.5"), (1e-07, "1e-07"), (float("inf"), "+Inf"),
     (float("-inf"), "-Inf"), (float("nan"), "NaN"), (10**20, "100000000000000000000")],
)
def test_numbers_are_told_in_prometheus_words(value: float | Decimal, told: str) -> None:
    """Infinities and what is no number as Go writes them."""
    assert number(value) == told
