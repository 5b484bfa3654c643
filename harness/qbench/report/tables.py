"""Plain tables and lines on a terminal, safe against untrusted text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbench.units import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def table(*columns: tuple[str, int]) -> Table:
    """`columns`: (head, 1 for numbers, which stand at the right)."""
    from rich import box
    from rich.table import Table

    found = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for head, is_number in columns:
        found.add_column(head, justify="right" if is_number else "left", overflow="fold")
    return found


def row(where: Table, *cells: str) -> None:
    from rich.text import Text

    where.add_row(*(Text(printable(cell)) for cell in cells))


def say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(printable(line), markup=False, soft_wrap=True)
