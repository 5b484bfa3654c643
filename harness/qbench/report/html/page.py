"""The page: sections in their order, and all that it needs inside it. It loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files

from qbench.report.html.content import Content, lines
from qbench.report.html.markup import Html, join, tag
from qbench.report.html.sections import (
    agreement,
    budgets,
    changes,
    distribution,
    front,
    latency,
    memory,
    operators,
    placement,
    provenance,
    remarks,
    results,
    speedup,
    summary,
    sustained,
    timeline,
)
from qbench.units import printable

_SECTIONS = (
    summary,
    changes,
    budgets,
    results,
    latency,
    speedup,
    distribution,
    timeline,
    sustained,
    placement,
    operators,
    memory,
    front,
    agreement,
    remarks,
    provenance,
)
_TITLE = re.compile(r'<section id="([a-z-]+)" aria-label="([^"]*)"')


def render(content: Content) -> str:
    """A complete HTML document. Raises nothing of its own: all that is absent is said so."""
    shown = lines(content)
    made = [part for each in _SECTIONS if (part := each.render(content, shown)) is not None]
    scripts = (_plotly(), _asset("report.js"))
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#main", cls="skip"),
        _header(content),
        tag("div", _contents(made), tag("main", *made, id="main", tabindex=-1), cls="columns"),
        *(_raw("script", script) for script in scripts),
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="generator", content=f"qbench {content.qbench_version}"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", printable(content.title)),
        _raw("style", _asset("report.css")),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _header(content: Content) -> Html:
    names = [printable(session.name) for session in content.sessions]
    began = min((s.info.created_at for s in content.sessions), default=content.made_at)
    toggle = tag("button", "Dark", type="button", id="theme", aria_pressed="false")
    return tag(
        "header",
        tag("p", "qbench", cls="brand"),
        tag("h1", printable(content.title)),
        tag(
            "p", f"{began[:16].replace('T', ' ')} UTC \N{MIDDLE DOT} {', '.join(names)}", cls="sub"
        ),
        toggle,
        cls="top",
    )


def _contents(sections: list[Html]) -> Html:
    found = [match for part in sections if (match := _TITLE.match(part))]
    links = [tag("li", tag("a", Html(m[2]), href=f"#{m[1]}")) for m in found]
    return tag("nav", tag("ul", links), aria_label="Sections")


def _policy(scripts: tuple[str, ...]) -> str:
    """Only these two scripts may run, and nothing may be fetched: what somebody called a model
    cannot act even if it got past the escaping."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    ]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _raw(name: str, body: str) -> Html:
    assert f"</{name}" not in body.lower()
    return Html(f"<{name}>{body}</{name}>")


def _asset(name: str) -> str:
    return files("qbench.report.html").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    """plotly.js, from the installed package's own file."""
    file = files("plotly").joinpath("package_data", "plotly.min.js")
    return join(Html(file.read_text(encoding="utf-8")))
