"""Sweeps, selections, A/A and the schema of plan files."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
import yaml

from qbench import plan
from qbench.cli import options, planning
from qbench.cli.hardware import Place
from qbench.cli.planning import processors
from qbench.errors import PlanError
from qbench.profiles import load
from qbench.records import Case, Delegate, Metric, Origin, Plan, Precision

MODELS = (plan.PlanModel("m", "/m", "a" * 64, Precision.INT8),)
CPU = (Delegate.CPU,)
PHONE = plan.Target("d", Origin.DEVICE, (Delegate.GPU, Delegate.CPU), 4)
PREDICTED = plan.Target("d", Origin.SIMULATED, CPU, 4)


def made(
    *targets: plan.Target,
    include: tuple[str, ...] = (),
    exclude: tuple[str, ...] = (),
    aa: bool = False,
    protocol: str = "quick",
    repetitions: int = 2,
) -> Plan:
    return plan.expand(
        MODELS,
        targets,
        protocol=plan.protocol(protocol, repetitions=repetitions),
        seed=0,
        name="n",
        include=include,
        exclude=exclude,
        aa=aa,
    )


def ids(the_plan: Plan) -> list[str]:
    return [case.case_id for case in the_plan.cases]


def test_targets_of_one_device_that_differ_in_settings_take_turns() -> None:
    one, two = (plan.Target("d", Origin.DEVICE, CPU, n) for n in (1, 2))
    found = made(one, two)
    assert [(r.case_id.split("-")[3], r.repetition) for r in found.runs] == [
        ("t1@d", 0),
        ("t2@d", 0),
        ("t2@d", 1),
        ("t1@d", 1),
    ]


def test_a_mask_is_part_of_the_case_and_of_its_id() -> None:
    found = made(plan.Target("d", Origin.DEVICE, CPU, 4, "f0"))
    assert ids(found) == ["m-int8-cpu-t4-mf0@d"]
    assert found.cases[0].mask == "f0"


def test_a_and_b_take_turns_and_predictions_are_made_once() -> None:
    found = made(PHONE, PREDICTED, aa=True)
    assert ids(found) == [
        "m-int8-gpu-t4-A@d",
        "m-int8-gpu-t4-B@d",
        "m-int8-cpu-t4-A@d",
        "m-int8-cpu-t4-B@d",
        "m-int8-cpu-t4@d-sim",
    ]
    arms = [r.case_id.split("-")[4][0] for r in found.runs if "-cpu-" in r.case_id][1:]
    assert arms == ["A", "B", "B", "A"]


def test_include_chooses_and_exclude_takes_away() -> None:
    assert ids(made(PHONE, PREDICTED, include=("*@d",))) == ["m-int8-gpu-t4@d", "m-int8-cpu-t4@d"]
    assert ids(made(PHONE, include=("*-gpu-*", "*-cpu-*"), exclude=("*-cpu-*",))) == [
        "m-int8-gpu-t4@d"
    ]


def test_a_selection_that_leaves_nothing_is_refused_with_the_form_of_an_id() -> None:
    with pytest.raises(PlanError, match="leave none of 2 cases") as caught:
        made(PHONE, exclude=("*",))
    assert "m-int8-gpu-t4@d" in (caught.value.hint or "")


def test_mlperf_is_1024_queries_and_60_seconds_judged_by_p90() -> None:
    found = made(PHONE, protocol="mlperf")
    case = found.cases[0]
    assert (case.min_invokes, case.min_s, case.max_s) == (1024, 60.0, 600.0)
    assert found.metric is Metric.P90
    assert made(PHONE).metric is Metric.P50
    assert made(PHONE, protocol="sustained").cases[0].min_s == 600.0


def test_the_estimate_counts_rests_of_devices_and_no_predictions() -> None:
    one = made(plan.Target("d", Origin.DEVICE, CPU, 4), PREDICTED, protocol="default")
    assert plan.estimate_s(one) == pytest.approx(2 * (0.4 + 0.5 + 3.0 + 10.0))
    here = made(plan.Target("host", Origin.HOST, CPU, 1), protocol="default")
    assert plan.estimate_s(here) == pytest.approx(2 * (0.4 + 0.5 + 3.0))
    assert plan.estimate_s(one, "m-int8-cpu-t4@d-sim") == 0


SWEEP = """\
models: [smallcnn]
precisions: [int8]
devices: [sd865, host]
threads: [1, 2]
masks: ["1"]
exclude: ["*-gpu-*"]
protocol: default
rest_s: 20
cool_to_c: 35.5
budgets:
  "*": [init <= 1 s]
  "*-int8-*": ["p50 <= 8 ms", not delegated -> fail]
"""


def spec_of(tmp_path: Path, text: str) -> plan.PlanSpec:
    file = tmp_path / "p.yaml"
    file.write_text(text)
    return plan.load(file)


def test_a_plan_file_sweeps_devices_threads_and_masks(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, SWEEP)
    found = planning.make(spec, [Place(load("sd865")), Place(None)])
    seen = {(c.device, c.origin.value, c.threads, c.mask) for c in found.cases}
    two = min(2, processors())
    assert seen == {
        ("sd865", "simulated", 1, None),
        ("sd865", "simulated", 2, None),
        ("host", "host", 1, None),
        ("host", "host", two, None),
        ("host", "host", 1, "1"),
        ("host", "host", two, "1"),
    }
    assert not any(case.delegate is Delegate.GPU for case in found.cases)
    assert [b.text for b in found.budgets] == [
        "init <= 1 s",
        "p50 <= 8 ms",
        "not delegated -> fail",
    ]
    assert planning.rests(spec, 10.0) == {"cool_least_s": 20, "cool_to_c": 35.5}
    assert planning.rests(plan.PlanSpec(), 10.0) == {"cool_least_s": 10.0}


def test_beside_a_device_this_machine_leaves_out_delegates_that_it_lacks_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "models: [smallcnn]\nprecisions: [int8]\ndevices: [sd865, host]\ndelegates: [nnapi]\n"
    spec = spec_of(tmp_path, text)
    found = planning.make(spec, [Place(load("sd865")), Place(None)])
    assert {(c.device, c.delegate.value) for c in found.cases} == {
        ("sd865", "nnapi"),
        ("sd865", "cpu"),
        ("host", "cpu"),
    }
    assert "host: it has no delegate nnapi" in capsys.readouterr().err
    with pytest.raises(PlanError, match="it has no delegate nnapi"):
        planning.make(spec, [Place(None)])


def test_a_budget_that_is_for_no_case_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = spec_of(tmp_path, "models: [smallcnn]\nbudgets: {'*-warp-*': [p50 <= 1 ms]}\n")
    planning.make(spec, [Place(None)])
    assert "no case fits '*-warp-*': p50 <= 1 ms is never checked" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("threads: [1, many]", "$.threads"),
        ("threads: 0", "$.threads"),
        ("masks: [80]", "$.masks[0]"),
        ("masks: ['0']", "$.masks[0]"),
        ("masks: [xyz]", "$.masks[0]"),
        ("{device: a, devices: [b]}", "both `device` and `devices`"),
        ("budgets: {'*': [p50 < 8 ms]}", "'p50 < 8 ms' is not a limit"),
        ("budgets: [p50 <= 8 ms]", "$.budgets"),
        ("protocol: warp", "'warp' is not known"),
        ("repetitions: 0", "$.repetitions"),
        ("rest_s: -1", "$.rest_s"),
    ],
)
def test_what_is_wrong_in_a_plan_is_told_with_file_and_key(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(PlanError) as caught:
        spec_of(tmp_path, text)
    assert told in str(caught.value)
    assert str(tmp_path / "p.yaml") in str(caught.value)


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(SWEEP)
    asked = {**planning.NOTHING_ASKED, "models": (str(file),), "precisions": (), "delegates": ()}
    same = planning.merge(planning.Asked(**asked | {"threads": ()}))
    assert same == plan.load(file)
    other = planning.merge(
        planning.Asked(**asked | {"threads": (4,), "device": "host", "aa": True})
    )
    assert (other.places, other.thread_counts, other.aa) == (("host",), (4,), True)
    assert other.budgets == same.budgets


def test_budgets_of_the_command_line_are_for_every_case_beside_those_of_the_file(
    tmp_path: Path,
) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(SWEEP)
    asked = {**planning.NOTHING_ASKED, "models": (str(file),), "precisions": (), "delegates": ()}
    spec = planning.merge(planning.Asked(**asked | {"threads": (), "budgets": ("p90 <= 1 s",)}))
    assert spec.budgets["*"] == ("init <= 1 s", "p90 <= 1 s")
    assert spec.budgets["*-int8-*"] == ("p50 <= 8 ms", "not delegated -> fail")


def test_a_slow_model_takes_its_invokes_rather_than_the_least_time() -> None:
    here = made(plan.Target("host", Origin.HOST, CPU, 1), protocol="default")
    (case,) = here.cases
    slow = plan.estimate_s(here, p50_us={case.case_id: 200_000})
    assert slow == pytest.approx(2 * (0.4 + 0.5 + 50 * 0.2))
    capped = plan.estimate_s(here, p50_us={case.case_id: 30_000_000})
    assert capped == pytest.approx(2 * (0.4 + 30 + 150))


def test_the_command_line_offers_every_protocol() -> None:
    @click.command()
    @options.planning
    def command(**asked: object) -> None: ...

    (offered,) = (p.type for p in command.params if p.name == "protocol")
    assert isinstance(offered, click.Choice)
    assert list(offered.choices) == list(plan.PROTOCOLS)


def test_the_schema_for_editors_knows_every_key_and_the_file_in_the_tree_is_up_to_date() -> None:
    schema = plan.json_schema()
    keys = schema["$defs"]["PlanSpec"]["properties"]
    assert set(yaml.safe_load(SWEEP)) <= set(keys) == set(plan.PlanSpec.__struct_fields__)
    file = Path(plan.__file__).with_name("schema.json")
    assert json.loads(file.read_text()) == json.loads(json.dumps(schema))


def test_plans_of_before_sweeps_are_still_read() -> None:
    import msgspec

    (case,) = made(plan.Target("d", Origin.DEVICE, CPU, 4)).cases
    tree = msgspec.to_builtins(case)
    del tree["mask"], tree["arm"]
    assert msgspec.convert(tree, Case) == case
