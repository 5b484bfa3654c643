"""Quantities as people read them."""

from __future__ import annotations

import pytest

from qbench import units


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "0.000"),
        (7, "0.007"),
        (999, "0.999"),
        (1000, "1.00"),
        (9994, "9.99"),
        (9996, "10.0"),
        (12_345, "12.3"),
        (99_949, "99.9"),
        (99_951, "100"),
        (1_234_567, "1235"),
    ],
)
def test_latencies_have_three_digits_and_never_lose_the_unit(us: int, text: str) -> None:
    assert units.format_ms(us) == text
    assert units.format_us(us) == f"{text} ms"


def test_what_is_absent_is_a_dash_not_a_zero() -> None:
    assert units.format_us(None) == "-"
    assert units.format_bytes(None) == "-"
    assert units.format_count(None) == "-"
    assert units.format_ratio(None) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (537_040_000, "537 MB"), (2**40, "1100 GB")],
)
def test_bytes_are_decimal(value: int, text: str) -> None:
    assert units.format_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (999, "999"), (3_590_000_000, "3.59 G"), (999_600, "1 M"), (10**15, "1e+03 T")],
)
def test_counts_have_three_digits(value: int, text: str) -> None:
    assert units.format_count(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.4, "0 s"), (59, "59 s"), (75, "1 min 15 s"), (3720, "1 h 2 min")]
)
def test_durations_are_told_in_the_two_largest_units(value: float, text: str) -> None:
    assert units.format_duration_s(value) == text


def test_untrusted_text_can_neither_forge_a_line_nor_drive_the_terminal() -> None:
    assert units.printable("a b ü") == "a b ü"
    assert units.printable("a\nerror: \x1b[31mx\r") == "a\\nerror: \\x1b[31mx\\r"
