"""Tables that the page's script sorts and filters; without it they are plain tables."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from qbench.report.html.markup import Html, Part, join, tag


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """`choose`: a selection of its values stands above the table."""

    head: str
    number: bool = False
    choose: bool = False
    explain: str | None = None


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """`order` is what sorting looks at, if it is not the text."""

    shown: str | Sequence[str]
    order: float | str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """`anchors` are the ids of rows, for links into the table."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell | str]]
    anchors: Sequence[str] = ()
    search: bool = False

    def render(self) -> Html:
        tools = self._tools() if self.search and len(self.rows) > 1 else None
        head = tag("thead", tag("tr", [self._head(n) for n in range(len(self.columns))]))
        anchors = self.anchors or [""] * len(self.rows)
        body = tag(
            "tbody",
            [
                tag("tr", self._cells(row), id=anchor or None)
                for row, anchor in zip(self.rows, anchors, strict=True)
            ],
        )
        table = tag("table", tag("caption", self.caption), head, body)
        return tag(
            "div",
            tools,
            # Focusable, so that who has no mouse can scroll it.
            tag("div", table, cls="scroll", tabindex=0, role="group", aria_label=self.caption),
            cls="sheet",
            id=self.name,
        )

    def _head(self, number: int) -> Html:
        column = self.columns[number]
        return tag(
            "th",
            tag("button", column.head, type="button", title=column.explain),
            scope="col",
            cls="n" if column.number else None,
        )

    def _cells(self, row: Sequence[Cell | str]) -> list[Html]:
        cells = []
        for n, (cell, column) in enumerate(zip(row, self.columns, strict=True)):
            shown: Part = cell if isinstance(cell, str) else cell.shown
            order = None if isinstance(cell, str) or cell.order is None else str(cell.order)
            name = "td" if n else "th"
            cells.append(
                tag(
                    name,
                    shown,
                    scope=None if n else "row",
                    cls="n" if column.number else None,
                    data_v=order,
                )
            )
        return cells

    def _tools(self) -> Html:
        fields = [
            tag(
                "label",
                "Filter ",
                tag(
                    "input",
                    type="search",
                    cls="find",
                    placeholder="model, delegate, taint ...",
                    autocomplete="off",
                ),
                cls="field",
            )
        ]
        for n, column in enumerate(self.columns):
            if column.choose:
                values = sorted({_plain(row[n]) for row in self.rows})
                if len(values) > 1:
                    options = [tag("option", "all", value="")]
                    options += [tag("option", value, value=value) for value in values]
                    select = tag("select", options, cls="only", data_column=n)
                    fields.append(tag("label", f"{column.head} ", select, cls="field"))
        return tag("div", join(*fields), tag("output", aria_live="polite"), cls="tools")


def _plain(cell: Cell | str) -> str:
    if isinstance(cell, str):
        return cell
    return str(cell.order) if cell.order is not None else str(cell.shown)
