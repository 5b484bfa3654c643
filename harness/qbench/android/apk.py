"""benchmark_model as an app: installed when it is not there, or is another build."""

from __future__ import annotations

from qbench.adb.transport import Transport
from qbench.android.link import Link
from qbench.android.tools import Tool
from qbench.errors import CommandError

PACKAGE = "org.tensorflow.lite.benchmark"
_INSTALL_S = 180.0
_ASK_S = 30.0


def ensure(transport: Transport, link: Link, tool: Tool, path: str) -> None:
    """Have the app of `tool`, which lies at `path` on the device, installed.

    The installed file is the APK to the byte, so its hash tells. Raises CommandError with what
    the package manager says, DeviceError.
    """
    ask = f'p=$(pm path {PACKAGE}) && sha256sum <"${{p#package:}}"'
    there = link.through(lambda: transport.run(ask, timeout_s=_ASK_S)).text.split()
    if there and there[0] == tool.sha256:
        return
    # As `adb install -r -d -g` does it: again, older too, with all permissions.
    line = f"s=$(wc -c <{path}) && pm install -r -d -g -S $s <{path}"
    answer = link.through(lambda: transport.run(line, timeout_s=_INSTALL_S))
    if "Success" not in answer.text:
        said = (answer.text + answer.stderr.decode("utf-8", "replace")).strip()
        raise CommandError(
            f"device {transport.serial}: the app cannot be installed: {said[:300]}",
            hint="allow installing over USB in the developer options",
            serial=transport.serial,
            command=line,
            stdout=answer.stdout,
            stderr=answer.stderr,
            exit_code=answer.exit_code,
        )
