"""The command line that asks for what a function was asked: reports say how to repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import click


def command_line(command: click.Command, values: Mapping[str, Any]) -> tuple[str, ...]:
    """`qbench COMMAND ...` with those of `values` (by parameter name) that it has and that are not
    its defaults. None, "" and () are not given."""
    words: list[str] = []
    for parameter in command.params:
        value = values.get(str(parameter.name))
        if value is None or value in ((), []):
            continue
        if isinstance(parameter, click.Argument):
            words[:0] = _several(value)
        elif isinstance(parameter, click.Option):
            words += _option(parameter, value)
    return ("qbench", str(command.name), *words)


def _option(option: click.Option, value: Any) -> Iterator[str]:
    name = max(option.opts, key=len)
    if option.is_flag:
        # Of a flag that means True, versions of click tell other values.
        if bool(value) is (option.flag_value is not False):
            yield name
        elif option.secondary_opts:
            yield option.secondary_opts[0]
        return
    for each in _several(value):
        yield from (name, each)


def _several(value: Any) -> list[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [str(value)]
    return [str(each) for each in value]
