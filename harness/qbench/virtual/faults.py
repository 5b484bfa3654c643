"""Faults of the link: what goes wrong between the host and the daemon."""

from __future__ import annotations

import asyncio
import re

import msgspec


class LinkFaults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Active faults of one device's link; the daemon asks before each packet.

    Byte positions count the stream payload in that direction since the fault was set. The
    one-shot ones (drops and flips) clear themselves when they strike.
    """

    is_mute: bool = False  # half-open: everything is read, nothing is answered
    is_hung: bool = False  # the connection stays open and nothing is read
    is_offline: bool = False  # CNXN is never answered
    delay_s: float = 0.0  # before each packet from the host
    rate_bytes_per_s: float | None = None
    drop_after_received_bytes: int | None = None
    drop_after_sent_bytes: int | None = None
    flip_received_at_byte: int | None = None
    flip_sent_at_byte: int | None = None
    refuse_services: str | None = None  # regular expression over the service's name
    no_space_after_bytes: int | None = None  # of one pushed file

    def refuses(self, service: str) -> bool:
        return bool(self.refuse_services and re.search(self.refuse_services, service))


class Countdown:
    """Applies the byte-positioned faults of one direction to its payloads."""

    def __init__(self, faults: LinkFaults, direction: str) -> None:
        self._faults = faults
        self._drop = f"drop_after_{direction}_bytes"
        self._flip = f"flip_{direction}_at_byte"

    def strike(self, data: bytes) -> tuple[bytes, bool]:
        """The payload as it arrives, and whether the connection drops with it."""
        flip_at: int | None = getattr(self._faults, self._flip)
        if flip_at is not None:
            if flip_at < len(data):
                damaged = bytearray(data)
                damaged[flip_at] ^= 0xFF
                data = bytes(damaged)
                setattr(self._faults, self._flip, None)
            else:
                setattr(self._faults, self._flip, flip_at - len(data))
        drop_after: int | None = getattr(self._faults, self._drop)
        if drop_after is None:
            return data, False
        if drop_after <= len(data):
            setattr(self._faults, self._drop, None)
            return data[:drop_after], True
        setattr(self._faults, self._drop, drop_after - len(data))
        return data, False


class LinkGate:
    """Wakes whoever waits for a fault to be lifted."""

    def __init__(self, faults: LinkFaults) -> None:
        self.faults = faults
        self.changed = asyncio.Event()

    def update(self, changes: dict[str, object]) -> None:
        """Set faults by name. Raises msgspec.ValidationError for an unknown name or wrong type."""
        checked = msgspec.convert({**msgspec.structs.asdict(self.faults), **changes}, LinkFaults)
        for name in checked.__struct_fields__:
            setattr(self.faults, name, getattr(checked, name))
        self.changed.set()

    def clear(self) -> None:
        self.update(msgspec.structs.asdict(LinkFaults()))

    async def pass_packet(self, size_bytes: int) -> None:
        """Wait as long as the link makes a packet of that size wait."""
        while self.faults.is_hung:
            self.changed.clear()
            await self.changed.wait()
        await self.spend(size_bytes, with_delay=True)

    async def spend(self, size_bytes: int, *, with_delay: bool = False) -> None:
        wait_s = self.faults.delay_s if with_delay else 0.0
        if self.faults.rate_bytes_per_s:
            wait_s += size_bytes / self.faults.rate_bytes_per_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
