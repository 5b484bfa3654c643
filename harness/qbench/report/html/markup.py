"""HTML from values: what is not `Html` is escaped, so untrusted text cannot become markup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from html import escape
from typing import Any

from qbench.units import printable


class Html(str):
    """Markup that is safe to put into a page: only this module makes it from text."""

    __slots__ = ()


Part = str | Iterable[str] | None

_VOID = frozenset({"input", "meta", "br", "hr", "link"})


def text(value: str) -> Html:
    """Untrusted text, on one line, without control or direction characters."""
    return Html(escape(printable(value), quote=True))


def tag(name: str, /, *parts: Part, **attributes: str | int | bool | None) -> Html:
    """`tag("td", "a<b", cls="number")`. Underscores in names of attributes become hyphens, `cls`
    is class; True is an attribute without value, False and None are left out."""
    told = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = "class" if key == "cls" else key.rstrip("_").replace("_", "-")
        told.append(f" {key}" if value is True else f' {key}="{text(str(value))}"')
    start = f"<{name}{''.join(told)}>"
    return Html(start if name in _VOID else f"{start}{join(*parts)}</{name}>")


def join(*parts: Part) -> Html:
    """Parts one after another; strings are escaped unless they are `Html`."""
    found: list[str] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Html):
            found.append(part)
        elif isinstance(part, str):
            found.append(text(part))
        else:
            found.append(join(*part))
    return Html("".join(found))


def script_data(element_id: str, value: Any) -> Html:
    """JSON that a script reads; nothing in it can end the element or begin a comment."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    body = body.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Html(f'<script type="application/json" id="{text(element_id)}">{body}</script>')


def in_plot(value: str) -> str:
    """Untrusted text inside a figure: plotly reads a subset of HTML in titles, labels and hover,
    and knows no entity for quotes, which do no harm outside of tags."""
    return escape(printable(value), quote=False).replace("%{", "%&#123;")
