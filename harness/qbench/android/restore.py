"""Put a device back as it was, whatever an earlier session left."""

from __future__ import annotations

from qbench.adb.transport import Transport
from qbench.android.runner import BASE, Runner
from qbench.formats.runner import Contact


def restore(transport: Transport, *, base: str = BASE) -> Contact:
    """End the session that runs, if one does, and put back every setting in the journal.

    Results stay on the device for `qbench resume`. `not_restored` of the answer names what the
    device did not take back; trying again is no harm. Raises DeviceError.
    """
    runner = Runner(transport, base=base)
    found = runner.contact()
    return runner.stop() if found.busy is not None else found
