"""qbench devices: what is attached, and what can be simulated."""

from __future__ import annotations

import click

from qbench.cli import options


@click.command()
@options.json_flag
def devices(as_json: bool) -> None:
    """List attached devices with their matching profile, and all profiles."""
    import msgspec

    from qbench import profiles
    from qbench.adb import listing

    known = [profiles.load(name) for name in profiles.names()]
    attached = []
    for device in listing.list_devices():
        props = {n for p in known for n in p.match.props}
        told = listing.get_props(device.serial, tuple(sorted(props))) if device.is_usable else {}
        fits = next((p.name for p in known if profiles.matches(p, told)), None)
        attached.append({"serial": device.serial, "state": device.state, "profile": fits})
    if as_json:
        body = {
            "schema_version": 1,
            "attached": attached,
            "profiles": [{"name": p.name, "title": p.title, "soc": p.soc} for p in known],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())
        return
    click.echo("attached:" if attached else "attached: none (see `adb devices`)")
    for row in attached:
        click.echo(f"  {row['serial']}  {row['state']}  profile {row['profile'] or 'unknown'}")
    click.echo("profiles (--device NAME):")
    for profile in known:
        click.echo(f"  {profile.name:<12} {profile.title} ({profile.soc})")
