"""The parts of the host's runner that need no process of their own."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from fakes import tiny_models
from qbench.host import child


def _request(**changes: Any) -> dict[str, Any]:
    return {
        "warmup_invokes": 0,
        "warmup_s": 0.0,
        "min_invokes": 1,
        "min_s": 0.0,
        "max_s": 60.0,
    } | changes


# ---- input


@pytest.mark.parametrize(
    ("dtype", "low", "high"),
    [
        ("float32", -1.0, 1.0),
        ("float16", -1.0, 1.0),
        ("float64", -1.0, 1.0),
        ("int8", -128, 127),
        ("uint8", 0, 255),
        ("int16", -32768, 32767),
        ("int32", 0, 99),
        ("int64", 0, 99),
        ("uint32", 0, 99),
        ("bool", 0, 1),
    ],
)
def test_random_input_fills_the_range_of_its_type_and_stays_in_it(
    dtype: str, low: float, high: float
) -> None:
    values = child.random_input(np.random.default_rng(0), np.dtype(dtype), (50, 100))
    assert values.dtype == np.dtype(dtype)
    assert values.shape == (50, 100)
    assert low <= values.min() <= low + (high - low) * 0.01
    assert high - (high - low) * 0.01 <= values.max() <= high


def test_the_same_seed_gives_the_same_input_and_another_seed_another() -> None:
    first, again, other = (
        child.random_input(np.random.default_rng(seed), np.dtype("int8"), (64,))
        for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("dtype", ["complex64", "V4"])
def test_a_type_without_a_sensible_range_is_refused_by_name(dtype: str) -> None:
    with pytest.raises(child.NotMeasured, match="no random input for tensors of type"):
        child.random_input(np.random.default_rng(0), np.dtype(dtype), (1,))


@pytest.mark.parametrize(
    ("shape", "signature", "chosen"),
    [
        ((1, 224), (-1, 224), (1, 224)),
        ((7, 224), (-1, 224), (7, 224)),
        ((0, 3), (-1, 3), (1, 3)),
        ((-1, 3), (), (1, 3)),
        ((2, 3), (), (2, 3)),
        ((), (), ()),
    ],
)
def test_a_dimension_nobody_knows_becomes_the_files_or_1(
    shape: tuple[int, ...], signature: tuple[int, ...], chosen: tuple[int, ...]
) -> None:
    assert child.concrete_shape(shape, signature) == chosen


# ---- measuring


def test_measuring_goes_on_until_both_the_count_and_the_time_are_reached() -> None:
    buffer = np.empty(2_000_000, np.int64)
    count, wall_ns, cut = child.measure(lambda: None, buffer, _request(min_invokes=5, min_s=0.01))
    assert count > 5
    assert wall_ns >= 10_000_000
    assert cut is None
    count, wall_ns, cut = child.measure(lambda: None, buffer, _request(min_invokes=321))
    assert count == 321
    assert 0 < buffer[:count].sum() <= wall_ns
    assert cut is None


def test_measuring_stops_at_max_s_and_says_so() -> None:
    buffer = np.empty(2_000_000, np.int64)
    request = _request(min_invokes=2_000_000, max_s=0.01)
    count, wall_ns, cut = child.measure(lambda: None, buffer, request)
    assert count < 2_000_000
    assert wall_ns >= 10_000_000
    assert cut == "max_s = 0.01 s had passed"


def test_measuring_stops_when_the_buffer_is_full_and_says_so() -> None:
    request = _request(min_s=60.0)
    count, _, cut = child.measure(lambda: None, np.empty(10, np.int64), request)
    assert (count, cut) == (10, "the sample buffer was full")


def test_warm_up_reaches_both_its_count_and_its_time() -> None:
    assert child.warm_up(lambda: None, _request(warmup_invokes=7)) == 7
    assert child.warm_up(lambda: None, _request(warmup_invokes=2, warmup_s=0.005)) > 2
    assert child.warm_up(lambda: None, _request()) == 0


# ---- placement


def _interpreter(path: Path, **options: Any) -> Any:
    interpreter = Interpreter(str(path), **options)
    interpreter.allocate_tensors()
    return interpreter


def _delegated(interpreter: Any) -> tuple[set[int], set[int]]:
    outputs = [tensor["index"] for tensor in interpreter.get_output_details()]
    return child.delegated_nodes(interpreter._get_ops_details(), outputs)


def _models() -> list[Path]:
    package = Path(child.__file__).resolve().parents[1]
    own = Path(__file__).parent / "models"
    return sorted([*package.glob("models/*.tflite"), *own.glob("*.tflite")])


def test_as_many_nodes_count_as_delegated_as_the_runtime_delegates_one_by_one() -> None:
    """The oracle: with node fusion off the runtime makes one DELEGATE per delegated node."""
    compared = {}
    for path in _models():
        try:
            interpreter = _interpreter(path)
        except (RuntimeError, ValueError):
            continue
        replaced, sinks = _delegated(interpreter)
        replaced |= child.delegated_sinks(str(path), sinks) if sinks else set()
        single = _interpreter(path, experimental_disable_delegate_node_fusion=True)
        truth = sum(op["op_name"] == "DELEGATE" for op in single._get_ops_details())
        compared[path.stem] = (len(replaced), truth)
    assert len(compared) >= 15
    assert {name: pair for name, pair in compared.items() if pair[0] != pair[1]} == {}


def test_a_node_whose_result_nobody_reads_is_asked_for_one_by_one() -> None:
    path = Path(__file__).parent / "models" / "state.tflite"
    interpreter = _interpreter(path)
    names = [op["op_name"] for op in interpreter._get_ops_details()]
    replaced, sinks = _delegated(interpreter)
    assert {names[i] for i in sinks} == {"ASSIGN_VARIABLE"}
    assert replaced.isdisjoint(sinks)
    assert child.delegated_sinks(str(path), sinks) == sinks
    assert child.delegated_sinks(str(path), set()) == set()


def test_the_node_between_two_partitions_is_the_one_that_was_kept(tmp_path: Path) -> None:
    interpreter = _interpreter(tiny_models.split_model(tmp_path / "split.tflite"))
    assert _delegated(interpreter) == ({0, 2}, set())


def test_without_delegates_nothing_is_delegated() -> None:
    ops = [{"op_name": "ADD", "inputs": [0, -1], "outputs": [1]}]
    assert child.delegated_nodes(ops, [1]) == (set(), set())
    assert child.delegated_nodes(ops, []) == (set(), set())


# ---- what the system tells


def _task(folder: Path, name: str, schedstat: str) -> None:
    (folder / name).mkdir()
    (folder / name / "schedstat").write_text(schedstat)


def test_run_queue_waits_are_told_per_thread(tmp_path: Path) -> None:
    _task(tmp_path, "10", "500 7 3\n")
    _task(tmp_path, "11", "0 9 1\n")
    assert child.run_queue_waits(tmp_path) == {"10": 7, "11": 9}


@pytest.mark.parametrize("schedstat", ["0 0 0\n", "", "a b c\n", "5\n"])
def test_a_kernel_that_keeps_no_statistics_tells_no_waits(tmp_path: Path, schedstat: str) -> None:
    _task(tmp_path, "10", schedstat)
    assert child.run_queue_waits(tmp_path) is None


def test_a_system_without_proc_tells_neither_waits_nor_threads(tmp_path: Path) -> None:
    assert child.run_queue_waits(tmp_path / "none") is None
    assert child.thread_count(tmp_path / "none") is None
    assert child.peak_rss_bytes(tmp_path / "none") > 1_000_000


def test_peak_memory_is_the_high_water_mark_of_this_process_alone(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmHWM:\t    1234 kB\n")
    assert child.peak_rss_bytes(status) == 1234 * 1024


# ---- the request


def test_a_request_that_arrives_in_pieces_is_put_together() -> None:
    reader, writer = os.pipe()
    os.write(writer, b'{"a": ')
    os.write(writer, b"1}\n")
    assert child.read_request(reader) == {"a": 1}
    os.close(reader)
    os.close(writer)


def test_the_child_imports_nothing_of_qbench() -> None:
    import ast

    tree = ast.parse(Path(child.__file__).read_text())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else []
        )
    }
    assert modules - sys.stdlib_module_names <= {"numpy", "ai_edge_litert"}


def test_a_mask_is_the_set_of_its_bits() -> None:
    assert child.cores_of("5") == {0, 2}
    assert child.cores_of("f0") == {4, 5, 6, 7}
