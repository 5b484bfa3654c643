"""The ways to the NPU, best first: NNAPI, then Hexagon, then QNN. Which of them this device has,
and what is missing for the others."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from qbench.adb.transport import Completed, Transport
from qbench.android import command
from qbench.android.command import Route
from qbench.android.identity import Identity
from qbench.android.libraries import LibrarySet
from qbench.errors import CommandTimeoutError
from qbench.records import Delegate

LADDER = (Delegate.NNAPI, Delegate.HEXAGON, Delegate.QNN)
REFERENCE = "nnapi-reference"  # NNAPI's own driver, on the CPU
_LIST_S = 30.0
_ALIVE_S = 10.0
_LISTED = re.compile(r"NNAPI accelerators available: ?\[([^\]\n]*)\]")
_UNKNOWN_FLAG = re.compile(r"Unconsumed cmdline flags:.*--use_nnapi")
_FIRST_NNAPI_API = 27
_NAMES_OF_NPUS = re.compile(
    r"dsp|hta|htp|hexagon|npu|tpu|darwinn|neuron|mdla|vpu|apu|eden|enn|hiai|liteadaptor", re.I
)
_WORD = re.compile(r"[A-Za-z0-9_.@:+-]{1,64}")


class Accelerators(msgspec.Struct, frozen=True):
    """What NNAPI lists on a device. `problem`: why nothing can be listed."""

    names: tuple[str, ...]
    problem: str | None = None


class Rung(msgspec.Struct, frozen=True, kw_only=True):
    """One way to the NPU. `route` is None when it cannot be used: then `why`, and what to do."""

    delegate: Delegate
    route: Route | None
    why: str
    fix: str | None = None
    needs: LibrarySet | None = None  # to be put on the device before `route` is whole


def list_accelerators(transport: Transport, *, program: Sequence[str], model: str) -> Accelerators:
    """Let the tool itself list them, with the shortest of runs. Raises DeviceError."""
    words = command.listing_words(program=program, model=model)
    answer = _patiently(transport, words) or _patiently(transport, words)
    if answer is None:
        return Accelerators((), f"benchmark_model did not list them within {_LIST_S:g} s, twice")
    text = answer.text + "\n" + answer.stderr.decode("utf-8", "replace")
    found = _LISTED.search(text)
    if found:
        names = (name.strip() for name in found[1].split(","))
        # A name becomes a flag's value: one of any other form is not a driver's.
        return Accelerators(tuple(name for name in names if _WORD.fullmatch(name)))
    if _UNKNOWN_FLAG.search(text):
        return Accelerators((), "this build of benchmark_model has no NNAPI")
    if "NNAPI acceleration is unsupported" in text:
        return Accelerators((), "the device has no NNAPI")
    last = text.strip().splitlines()
    return Accelerators(
        (), f"benchmark_model lists none: {last[-1][:200] if last else 'no output'}"
    )


def _patiently(transport: Transport, words: Sequence[str]) -> Completed | None:
    """None: no answer in time from a device that does answer. It was the tool that hung, or the
    connection and another has taken its place: only asking once more tells."""
    try:
        return transport.run(words, timeout_s=_LIST_S)
    except CommandTimeoutError:
        transport.run(["true"], timeout_s=_ALIVE_S)
        return None


def choose(listed: Sequence[str], expected: str | None) -> str | None:
    """The accelerator to ask for: the profile's, else one that sounds like an NPU, else any that
    is neither the CPU's reference driver nor a GPU. None: there is none."""
    real = [name for name in listed if name != REFERENCE]
    if expected in real:
        return expected
    for name in real:
        if _NAMES_OF_NPUS.search(name):
            return name
    return next((name for name in real if "gpu" not in name.lower()), None)


def nnapi(identity: Identity, accelerators: Accelerators, wanted: str | None = None) -> Rung:
    """`wanted`: an accelerator that the user names."""
    listed = ", ".join(accelerators.names) or "none"
    api_level = identity.info.api_level
    if api_level is not None and api_level < _FIRST_NNAPI_API:
        return _unusable(Delegate.NNAPI, f"Android API {api_level} has no NNAPI (from 27 on)", None)
    if accelerators.problem is not None:
        fix = "take another build of benchmark_model: qbench tools fetch"
        return _unusable(Delegate.NNAPI, accelerators.problem, fix)
    npu = identity.profile.npu
    route = npu.routes.get(Delegate.NNAPI.value) if npu is not None else None
    expected = route.accelerator if route is not None else None
    chosen = wanted if wanted is not None else choose(accelerators.names, expected)
    if chosen is None or chosen not in accelerators.names:
        why = f"no accelerator {wanted}" if wanted else "no accelerator but the CPU's and the GPU's"
        return _unusable(Delegate.NNAPI, f"{why}; the device lists: {listed}", None)
    return Rung(
        delegate=Delegate.NNAPI,
        route=Route(delegate=Delegate.NNAPI, accelerator=chosen),
        why=f"{chosen}, of {listed}",
    )


def vendor(library_set: LibrarySet) -> Rung:
    """The rung of Hexagon or QNN."""
    delegate = library_set.delegate
    if not library_set.is_complete:
        missing = f"missing: {', '.join(library_set.missing)}"
        return _unusable(delegate, missing, library_set.how_to_get)
    return Rung(
        delegate=delegate,
        route=Route(delegate=delegate, qnn_backend=library_set.qnn_backend),
        why=f"libraries in {library_set.folder}",
        needs=library_set,
    )


def _unusable(delegate: Delegate, why: str, fix: str | None) -> Rung:
    return Rung(delegate=delegate, route=None, why=why, fix=fix)
