"""One self-contained page about one or several sessions.

`content` what goes in, `page` puts sections together, `sections/` one file per section, `figure`,
`table` and `markup` what they are made of, `words` the explanations; `report.css` and `report.js`
travel inside the page, as does plotly.
"""

from qbench.report.html.content import (
    Accuracy,
    Content,
    Foreseen,
    Lasting,
    Look,
    ModelFacts,
    Session,
)
from qbench.report.html.moments import moments
from qbench.report.html.page import render

__all__ = [
    "Accuracy",
    "Content",
    "Foreseen",
    "Lasting",
    "Look",
    "ModelFacts",
    "Session",
    "moments",
    "render",
]
