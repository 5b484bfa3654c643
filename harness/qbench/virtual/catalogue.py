"""The faults by the names that people give them, and what is asked of the supervisor for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, NamedTuple

from qbench.errors import InputError

Request = tuple[str, dict[str, Any]]


class Fault(NamedTuple):
    """`unit` names the value it takes; None: it takes none. `most`: the largest there is."""

    text: str
    unit: str | None
    request: Callable[[float], Request]
    default: float | None = None
    most: float | None = None


def _link(field: str, kind: Callable[[float], object] = int) -> Callable[[float], Request]:
    return lambda value: ("set_faults", {field: kind(value)})


def _simple(op: str, **arguments: object) -> Callable[[float], Request]:
    return lambda _: (op, dict(arguments))


FAULTS: Mapping[str, Fault] = {
    "drop": Fault("reset every connection now", None, _simple("drop")),
    "drop-after-received": Fault(
        "reset once the host has sent that much", "bytes", _link("drop_after_received_bytes")
    ),
    "drop-after-sent": Fault(
        "reset once the device has sent that much", "bytes", _link("drop_after_sent_bytes")
    ),
    "half-open": Fault("read everything, answer nothing", None, _link("is_mute", lambda _: True)),
    "hang": Fault("stay connected, read nothing", None, _link("is_hung", lambda _: True)),
    "offline": Fault("never answer a new connection", None, _link("is_offline", lambda _: True)),
    "delay": Fault("before each packet", "seconds", _link("delay_s", float)),
    "rate": Fault("bandwidth of the link", "bytes/s", _link("rate_bytes_per_s", float)),
    "flip-received": Fault(
        "damage that byte of what comes", "byte", _link("flip_received_at_byte")
    ),
    "flip-sent": Fault("damage that byte of what goes", "byte", _link("flip_sent_at_byte")),
    "no-space-after": Fault(
        "no room after so much of each pushed file", "bytes", _link("no_space_after_bytes")
    ),
    "pause": Fault("SIGSTOP to adbd", None, _simple("pause")),
    "continue": Fault("SIGCONT to adbd", None, _simple("continue")),
    "reboot": Fault(
        "everything ends; back after", "seconds", lambda s: ("reboot", {"boot_s": s}), default=3.0
    ),
    "vanish": Fault("gone until `appear`", None, _simple("vanish")),
    "appear": Fault("back", None, _simple("appear")),
    "revoke": Fault("forget all keys: unauthorized", None, _simple("revoke")),
    "authorize": Fault("accept the key that is, or will be, offered", None, _simple("authorize")),
    "full": Fault(
        "fill /data up to", "bytes left", lambda n: ("fill_data", {"left_bytes": int(n)}), 0.0
    ),
    "not-full": Fault("undo `full`", None, _simple("empty_data")),
    "read-only": Fault("/data read-only", None, _simple("set_data_read_only", is_read_only=True)),
    "writable": Fault("undo `read-only`", None, _simple("set_data_read_only", is_read_only=False)),
    "battery": Fault(
        "charge", "percent", lambda v: ("set_battery", {"level_ratio": v / 100}), most=100.0
    ),
    "heat": Fault("of the cores", "Celsius", lambda v: ("set_heat", {"temperature_c": v})),
    "throttle": Fault(
        "clocks, as a share of the highest; 1: as heat allows",
        "ratio",
        lambda v: ("throttle", {"ratio": None if v == 1 else v}),
        most=1.0,
    ),
    "clock": Fault(
        "the time of day jumps by", "seconds", lambda v: ("jump_clock", {"by_s": int(v)})
    ),
    **{
        f"tool-{name}": Fault(
            f"of benchmark_model: {text}",
            None,
            _simple("write", path="/.device/tool", text=f"{name}\n"),
        )
        for name, text in (
            ("crash", "SIGSEGV after the warm-up"),
            ("abort", "SIGABRT after the warm-up"),
            ("hang", "hangs after the warm-up"),
            ("killed", "SIGKILL after the warm-up, as when memory is short"),
            ("garbled", "its results cannot be read"),
            ("truncated", "its results are cut off"),
            ("delegate-refused", "no delegate can be applied"),
            ("nnapi-reference-only", "NNAPI has the reference CPU driver only"),
            ("none", "none of these any more"),
        )
    },
    "kill": Fault("kill -9: the power is lost", None, _simple("kill")),
    "clear": Fault("end every fault of the link", None, _simple("clear_faults")),
}


def request_for(name: str, value: float | None) -> Request:
    """What to ask of the supervisor. Raises InputError for an unknown fault or a wrong value."""
    fault = FAULTS.get(name)
    if fault is None:
        close = get_close_matches(name, FAULTS, n=1)
        raise InputError(
            f"fault {name!r}: unknown" + (f"; meant {close[0]}?" if close else ""),
            hint=f"known: {', '.join(FAULTS)}",
        )
    if fault.unit is None and value is not None:
        raise InputError(f"fault {name}: takes no value, not {value:g}")
    if fault.unit is not None and value is None:
        value = fault.default
        if value is None:
            raise InputError(f"fault {name}: needs a value, in {fault.unit}")
    if value is not None and value < 0 and name != "clock":
        raise InputError(f"fault {name}: {value:g} {fault.unit} is less than nothing")
    if value is not None and fault.most is not None and value > fault.most:
        raise InputError(f"fault {name}: {value:g} {fault.unit} is more than {fault.most:g}")
    return fault.request(value or 0.0)
