"""qbench doctor: what is wrong with adb and the attached devices, and what fixes it."""

from __future__ import annotations

from typing import Any

import click

from qbench.cli import options


@click.command()
@click.option("--serial", "serials", multiple=True, help="Which device; default: all usable ones.")
@options.device_option
@options.resolving
@options.on_device
@options.json_flag
def doctor(serials: tuple[str, ...], device: str | None, as_json: bool, **given: Any) -> int:
    """Examine adb and attached devices: clocks, heat, battery, space, the tool, the NPU ladder.

    With --aa: measure the same model as A and as B, in turn, and say what difference the set-up
    can resolve (--device host: of this machine). Exit code 1: A and B were told apart.
    """
    import msgspec

    from qbench.cli import aa, console, exit_codes, health, planning

    is_aa, asked = given.pop("is_aa"), {name: given.pop(name) for name in options.RESOLVING}
    device_options, _ = planning.split({**planning.NOTHING_ASKED, **given})
    if is_aa:
        return aa.tell({**asked, "device": device}, serials, device_options, as_json=as_json)
    found = health.examine(device, serials, device_options)
    if as_json:
        body = {"schema_version": 1, "checks": [msgspec.structs.asdict(line) for line in found]}
        click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
    else:
        health.print_lines(console.stdout(), found)
    is_bad = any(line.status == "problem" for line in found)
    return exit_codes.NO_DEVICE if is_bad else exit_codes.DONE
