"""How qbench prints quantities and untrusted text.

Inside, units stand in names: `_us`, `_s`, `_khz`, `_bytes`.
"""

from __future__ import annotations


def format_us(value_us: float | None) -> str:
    """Latency for people, always in ms, three significant digits: `12_345` -> `12.3 ms`."""
    if value_us is None:
        return "-"
    return f"{format_ms(value_us)} ms"


def format_ms(value_us: float) -> str:
    """`12_345` -> `12.3`, without the unit (for table columns whose head has it)."""
    ms = value_us / 1000
    if ms >= 99.95:
        return f"{ms:.0f}"
    if ms >= 9.995:
        return f"{ms:.1f}"
    if ms >= 0.9995:
        return f"{ms:.2f}"
    return f"{ms:.3f}"


def format_bytes(value_bytes: int | None) -> str:
    """`1_500_000` -> `1.5 MB`; decimal units, as storage and download sizes are told."""
    if value_bytes is None:
        return "-"
    if value_bytes < 1000:
        return f"{value_bytes} B"
    value = float(value_bytes)
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95 or unit == "GB":
            return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"
    raise AssertionError("unreachable: the loop ends with GB")


def format_count(value: int | None) -> str:
    """Counts such as MACs: `3_590_000_000` -> `3.59 G`."""
    if value is None:
        return "-"
    if value < 1000:
        return str(value)
    scaled = float(value)
    for unit in ("k", "M", "G", "T"):
        scaled /= 1000
        if scaled < 999.5 or unit == "T":
            return f"{scaled:.3g} {unit}"
    raise AssertionError("unreachable: the loop ends with T")


def format_ratio(value: float | None) -> str:
    """A ratio of latencies: `0.304` -> `0.30x`."""
    return "-" if value is None else f"{value:.2f}x"


def format_duration_s(value_s: float) -> str:
    """`75` -> `1 min 15 s`."""
    if value_s < 60:
        return f"{value_s:.0f} s"
    minutes, seconds = divmod(round(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def printable(text: str) -> str:
    """Untrusted text on one line: a file name must not forge a line or drive the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
