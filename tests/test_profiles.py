from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from qbench import profiles
from qbench.errors import ProfileError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "device_profiles"
SD865 = (FOLDER / "sd865.yaml").read_text(encoding="utf-8")


def written(folder: Path, text: str, name: str = "sd865.yaml") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(folder: Path, old: str, new: str) -> str:
    """The error of an sd865.yaml in which `old` reads `new`; the file's own name is cut off."""
    assert old in SD865
    path = written(folder, SD865.replace(old, new, 1))
    with pytest.raises(ProfileError) as caught:
        profiles.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_the_built_in_profiles_are_these_seven() -> None:
    assert profiles.names() == (
        "host",
        "sd855",
        "sd865",
        "sd888",
        "sd8gen1",
        "sd8gen2",
        "tensor-g1",
    )


@pytest.mark.parametrize("name", profiles.names())
def test_every_built_in_profile_loads_under_its_own_name(name: str) -> None:
    profile = profiles.load(name)
    assert profile.name == name
    assert profile.noise is not None
    assert profile.cpu.clusters[0].max_khz == max(c.max_khz or 0 for c in profile.cpu.clusters)


def test_no_two_profiles_share_a_name_or_an_alias() -> None:
    loaded = [profiles.load(name) for name in profiles.names()]
    known = [n.lower() for p in loaded for n in (p.name, *p.aliases)]
    assert len(known) == len(set(known))


def test_an_alias_and_capitals_lead_to_the_same_profile() -> None:
    assert profiles.load("kona") == profiles.load("SD865") == profiles.load("SM8250")


def test_the_865_reaches_its_npu_by_qti_dsp_with_full_integers_only() -> None:
    npu = profiles.load("sd865").npu
    assert npu is not None
    assert npu.routes["nnapi"].accelerator == "qti-dsp"
    assert npu.routes["nnapi"].dtypes == ("int8", "uint8")
    assert set(npu.routes) == {"nnapi", "hexagon", "qnn"}


def test_an_unknown_name_is_refused_with_the_list_and_the_nearest_one() -> None:
    with pytest.raises(ProfileError, match=r"^sd86: no such device profile; .*sd855, sd865") as e:
        profiles.load("sd86")
    assert e.value.hint is not None
    assert "did you mean sd865?" in e.value.hint


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"nope\.yaml: there is no such file"):
        profiles.load(str(tmp_path / "nope.yaml"))


def test_a_folder_is_not_a_profile(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        profiles.load(str(tmp_path))


def test_a_file_of_ones_own_is_found_by_its_path(tmp_path: Path) -> None:
    path = written(tmp_path, SD865.replace("name: sd865\n", "name: my-phone\n"), "my-phone.yaml")
    assert profiles.load(path).name == "my-phone"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("soc: SM8250", "sock: SM8250", "object contains unknown field `sock`"),
        ("soc: SM8250", "soc: 8250", "soc: expected `str`, got `int`"),
        ("max_khz: 2_840_000", "max_ghz: 2.84", "cpu.clusters[0]: object contains unknown field"),
        ("max_khz: 2_840_000", "max_khz: 0", "cpu.clusters[0].max_khz: expected `int` >= 1"),
        ("44_000_000_000", "4.4e10", "memory.bandwidth_bytes_per_s: expected `float`, got `str`"),
        ("44_000_000_000", "-1", "memory.bandwidth_bytes_per_s: expected `float` > 0.0"),
        ("44_000_000_000", ".inf", "memory.bandwidth_bytes_per_s: expected `float` <= "),
        ("family: adreno6xx", "family: voodoo", "gpu.family: invalid enum value 'voodoo'"),
        ("core_type: a77, cores: [7]", "core_type: a78, cores: [7]", "cpu.clusters[0].core_type"),
        ("cores: [7]", "cores: [4]", "cpu.clusters[1].cores: core 4 is already in cluster 'prime'"),
        ("cores: [7]", "cores: []", "cpu.clusters[0].cores: expected at least one"),
        ("default_threads: 4", "default_threads: 9", "cpu.default_threads: expected at most 8"),
        ("name: sd865", "name: sd866", "name: expected the file's own name 'sd865', got 'sd866'"),
        ("schema_version: 1", "schema_version: 2", "schema_version: expected 1, got 2"),
        ("    qnn:", "    qnnn:", "npu.routes.qnnn: expected one of nnapi, hexagon, qnn"),
        ("[int8, uint8]", "[int9]", "npu.routes.nnapi.dtypes: expected some of int8"),
        ("accelerator: qti-dsp", "accelerator: dsp", "npu.routes.nnapi.accelerator: expected one"),
        (
            "within_run_sigma_ratio: 0.03",
            "within_run_sigma_ratio: 3",
            "noise.within_run_sigma_ratio",
        ),
        (
            "soc: SM8250",
            "soc: SM8250\nsoc: SM8250",
            "not valid YAML: the key 'soc' is given twice, line 8",
        ),
        (
            "soc: SM8250",
            "soc: &x SM8250\ntitle2: *x",
            "line 8: YAML aliases (*name) are not allowed",
        ),
        ("soc: SM8250", "soc: " + "[" * 20, "line 7: nested more than 12 levels deep"),
        ("soc: SM8250", "soc: !!python/name:os.system x", "not valid YAML"),
        ("soc: SM8250", "soc: [", "not valid YAML"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_was_expected(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert refusal(tmp_path, old, new).startswith(said)


def test_nesting_that_would_overflow_a_parser_is_refused(tmp_path: Path) -> None:
    """By us, or by a newer libyaml, which looks ahead and has a limit of its own."""
    said = refusal(tmp_path, "soc: SM8250", "soc: " + "[" * 5000)
    assert re.search("nested more than 12 levels|maximum nesting depth", said)
    assert "line 7" in said


@pytest.mark.parametrize("text", ["", "[1, 2]", "just text", "1: 2", "{}"])
def test_a_file_that_is_no_mapping_of_the_right_keys_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProfileError, match=re.escape(str(tmp_path))):
        profiles.load(written(tmp_path, text))


def test_bytes_that_are_not_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ProfileError, match="not UTF-8 text, byte 6"):
        profiles.load(str(path))


def test_a_file_of_many_megabytes_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, "#" * 2_000_000)
    with pytest.raises(ProfileError, match="2000000 bytes"):
        profiles.load(path)


def test_a_chip_model_wins_over_a_platform_that_several_chips_share() -> None:
    sd888 = profiles.load("sd888")
    assert profiles.matches(sd888, {"ro.board.platform": "lahaina"})
    assert profiles.matches(sd888, {"ro.soc.model": "SM8350", "ro.board.platform": "lahaina"})
    assert not profiles.matches(sd888, {"ro.soc.model": "SM7325", "ro.board.platform": "lahaina"})


def test_the_865_is_recognised_by_model_or_by_platform_and_nothing_else_is() -> None:
    sd865 = profiles.load("sd865")
    assert profiles.matches(sd865, {"ro.soc.model": "SM8250"})
    assert profiles.matches(sd865, {"ro.soc.model": "", "ro.board.platform": "kona"})
    assert not profiles.matches(sd865, {"ro.board.platform": "msmnile"})
    assert not profiles.matches(sd865, {})
    assert not profiles.matches(profiles.load("host"), {"ro.board.platform": "kona"})


def test_every_number_of_a_profile_has_a_source_or_is_marked() -> None:
    """A rate without a comment on its line or on one just above it is a number from nowhere."""
    for path in FOLDER.glob("*.yaml"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for index, line in enumerate(lines):
            if re.match(r"\s+\w+_macs_per_s: \d|\s+bandwidth_bytes_per_s: \d", line):
                above = lines[index - 1].lstrip().startswith("#")
                second = lines[index - 2].lstrip().startswith("#")
                assert "#" in line or above or second, f"{path.name}:{index + 1}: {line}"


def test_the_readme_explains_every_field() -> None:
    import msgspec

    from qbench.records import DeviceProfile

    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    definitions = msgspec.json.schema(DeviceProfile)["$defs"]
    for definition in definitions.values():
        for key in definition["properties"]:
            assert re.search(rf"\b{key}\b", readme), key


def test_the_schema_for_editors_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "write_schemas"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
