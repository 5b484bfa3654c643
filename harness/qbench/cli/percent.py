"""Shares on the command line, as people write them: `2%`."""

from __future__ import annotations

import re

import click


class Percent(click.ParamType[float]):
    """`2%`, `0.5 %` -> 0.02, 0.005. A bare number is refused: 0.02 and 2 would both be guesses."""

    name = "PERCENT"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, float):
            return value
        told = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", str(value))
        if told is None or not 0 < float(told[1]) <= 100:
            self.fail(f"{value!r} is not a percentage above 0 and up to 100%, such as 2%")
        return float(told[1]) / 100


PERCENT = Percent()
