"""What a machine tells of itself, from trees like /proc and /sys."""

from __future__ import annotations

from pathlib import Path

from qbench.host import machine
from qbench.records import DeviceState


def _tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def _without_load(state: DeviceState) -> tuple[int | None, float | None, int | None, str | None]:
    return state.available_bytes, state.temperature_c, state.cpu_khz, state.governor


def test_this_machine_has_a_name_cores_and_a_system() -> None:
    assert machine.cpu_model()
    assert machine.operating_system()
    cores = machine.cores()
    assert cores is not None
    assert cores >= 1


def test_a_machine_that_tells_nothing_has_none_everywhere(tmp_path: Path) -> None:
    assert _without_load(machine.read_state(tmp_path)) == (None, None, None, None)
    assert machine.cpu_model(tmp_path)


def test_a_linux_machine_tells_memory_clock_governor_and_temperature(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        {
            "proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   5 kB\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1800000\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "2400000\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "schedutil\n",
            "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": "performance\n",
            "sys/class/thermal/thermal_zone0/type": "x86_pkg_temp\n",
            "sys/class/thermal/thermal_zone0/temp": "51000\n",
            "sys/class/thermal/thermal_zone1/type": "iwlwifi_1\n",
            "sys/class/thermal/thermal_zone1/temp": "90000\n",
            "sys/class/hwmon/hwmon0/name": "coretemp\n",
            "sys/class/hwmon/hwmon0/temp1_input": "53500\n",
            "sys/class/hwmon/hwmon1/name": "nvme\n",
            "sys/class/hwmon/hwmon1/temp1_input": "95000\n",
        },
    )
    state = machine.read_state(root)
    assert _without_load(state) == (5 * 1024, 53.5, 2_400_000, "performance+schedutil")


def test_a_virtual_machine_tells_its_clock_in_cpuinfo(tmp_path: Path) -> None:
    cpuinfo = "processor : 0\nmodel name\t: A Processor\ncpu MHz\t\t: 2599.998\n"
    root = _tree(tmp_path, {"proc/cpuinfo": cpuinfo})
    assert machine.read_state(root).cpu_khz == 2_599_998
    assert machine.cpu_model(root) == "A Processor"


def test_an_arm_machine_is_named_by_its_part_number(tmp_path: Path) -> None:
    cpuinfo = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0d\n"
    assert "implementer 0x41, part 0xd0d" in machine.cpu_model(
        _tree(tmp_path, {"proc/cpuinfo": cpuinfo})
    )


def test_files_with_nonsense_are_as_if_absent(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        {
            "proc/meminfo": "MemAvailable: lots kB\nMemAvailable:\n",
            "proc/cpuinfo": "cpu MHz : fast\nno colon\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "<unknown>\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "\n",
            "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
            "sys/class/thermal/thermal_zone0/temp": "\n",
        },
    )
    assert _without_load(machine.read_state(root)) == (None, None, None, None)
