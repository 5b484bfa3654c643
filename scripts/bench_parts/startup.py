"""Start-up: light commands beside a bare interpreter, in turn.

Exits with 1 when `qbench --help` costs more than 100 ms over `python -c pass`, or
`qbench devices` more than 250 ms in all, `import qbench` more than 10 ms over it, or when
`--help` imports numpy.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

HELP_OVER_S = 0.100
LIGHT_S = 0.250
IMPORT_OVER_S = 0.010


def main() -> int:
    rounds = 10 if "--quick" in sys.argv else 40
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "import qbench": [sys.executable, "-c", "import qbench"],
        "qbench --help": [sys.executable, "-m", "qbench", "--help"],
        "qbench devices": [sys.executable, "-m", "qbench", "devices"],
        "qbench models list": [sys.executable, "-m", "qbench", "models", "list"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    bare = medians["python -c pass"]
    for name, median_s in medians.items():
        print(f"{name:<20} median {median_s * 1e3:6.1f} ms  {median_s / bare:5.2f} x bare python")
    probe = "import sys, qbench.cli; qbench.cli.group.get_help; print('numpy' in sys.modules)"
    imports_numpy = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    ).stdout.strip()
    print(f"numpy imported by the command line: {imports_numpy}")
    good = medians["qbench --help"] - bare <= HELP_OVER_S
    good = good and medians["import qbench"] - bare <= IMPORT_OVER_S
    good = good and medians["qbench devices"] <= LIGHT_S and imports_numpy == "False"
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
