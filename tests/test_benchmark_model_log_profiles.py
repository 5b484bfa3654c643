"""Op profile tables: captured, and SYNTHETIC ones where no capture has the form."""

from __future__ import annotations

import pytest

from fakes import benchmark_logs
from fakes.benchmark_logs import synthetic
from qbench.formats.benchmark_model import LogReport, read
from qbench.records import Delegate, Proof, UnitNodes

LOG = synthetic("tf-2.16")
TITLE = "INFO: Operator-wise Profiling Info for Regular Benchmark Runs:"
ORDER = "============================== Run Order =============================="
HEAD = (
    "\t             [node type]\t          [start]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]"
    "\t  [mem KB]\t[times called]\t[Name]"
)
WIDE_HEAD = (
    "\t\t                             [node type]\t  [first]\t [avg ms]\t     [%]\t  [cdf%]"
    "\t  [mem KB]\t[times called]\t[Name]"
)


def load(name: str) -> LogReport:
    capture = benchmark_logs.load(name)
    report = read(capture.stdout, capture.stderr, capture.exit_code)
    assert report.failure is None
    return report


def with_profile(*lines: str, requested: Delegate | None = None) -> LogReport:
    report = read(LOG + "".join(f"{line}\n" for line in lines), "", 0, requested=requested)
    assert report.failure is None
    return report


def test_a_table_with_a_start_column() -> None:
    rows = load("tf-2020_android-armv7_profile").op_rows
    assert len(rows) == 83
    assert rows[0].init
    conv = rows[2]
    assert conv.node_type == "CONV_2D"
    assert conv.name.endswith("batchnorm/sub1]:1")
    assert (conv.start_us, conv.first_us, conv.avg_us) == (1076, 280775, 280775)
    assert (conv.share_ratio, conv.times_called) == (0.08832, 1)
    assert not conv.internal


def test_a_table_without_a_start_column_and_with_commas_in_the_node_type() -> None:
    rows = load("litert-2.1.4_linux-x86_64_profiling_1run").op_rows
    assert [row.init for row in rows] == [True, True] + [False] * 8
    assert rows[0].mem_bytes == 496 * 1024
    first = rows[2]
    assert first.node_type == "Convolution (NHWC, F32) IGEMM"
    assert first.name == "Delegate/Convolution (NHWC, F32) IGEMM:0"
    assert (first.avg_us, first.start_us, first.share_ratio) == (16, None, 0.47059)
    assert first.internal


def test_csv_is_split_from_the_right() -> None:
    rows = load("litert-2.1.4_linux-x86_64_csv_file_bad_path").op_rows
    assert rows[2].node_type == "Convolution (NHWC, F32) IGEMM"
    assert (rows[2].first_us, rows[2].avg_us, rows[2].times_called) == (16, 15.2, 1)
    rows = load("litert-2.1.4_linux-x86_64_profiling_csv_stdout").op_rows
    assert rows[1].avg_us == 321.99
    assert rows[1].share_ratio == 0.617316


def test_the_rows_of_a_whole_profile_count_the_models_nodes() -> None:
    report = load("litert-2.1.4_linux-x86_64_profiling_googlenet_noxnn")
    assert report.nodes == UnitNodes(cpu=82, gpu=0, npu=0)
    assert report.profiled
    capture = benchmark_logs.load("litert-2.1.4_linux-x86_64_profiling_googlenet_noxnn")
    lines = capture.stdout.split("\n")
    del lines[lines.index(next(x for x in lines if x.startswith("\t") and "MAX_POOL_2D" in x))]
    report = read("\n".join(lines), "", 0)
    assert len(report.op_rows) == 82
    assert report.nodes is None, "a row is missing, so the rows count nothing"


def test_a_row_of_the_delegate_is_proof_that_it_ran() -> None:
    report = with_profile(
        TITLE,
        ORDER,
        HEAD,
        "\t     TfLiteNnapiDelegate\t            0.000\t  149.483\t  149.483\t 94.187%\t 94.187%"
        "\t     0.000\t        1\t[a]:247",
        "\t           STRIDED_SLICE\t          149.500\t    1.032\t    1.020\t  0.643%\t 94.830%"
        "\t     0.000\t        1\t[b]:1",
        "\t     TfLiteNnapiDelegate\t          150.600\t    9.483\t    9.483\t  5.170%\t100.000%"
        "\t     0.000\t        1\t[c]:248",
        "",
        "Number of nodes executed: 3",
        requested=Delegate.NNAPI,
    )
    assert report.proof is Proof.OP_PROFILE
    assert report.partitions == 2
    assert report.nodes is None
    assert report.unknown_lines == ()


def test_a_table_of_what_happened_inside_the_delegate_is_apart() -> None:
    row = (
        "\t\t                      Conv (F16, NHWC/O)\t    1.000\t    2.000\t-nan%\t  nan%"
        "\t     0.000\t        3\t{}"
    )
    report = with_profile(
        TITLE,
        ORDER,
        WIDE_HEAD,
        row.format("[x]:0"),
        "",
        "Number of nodes executed: 1",
        "Timings (microseconds): count=50 first=7 curr=7 min=7 max=9 avg=7.5 std=0",
        "Memory (bytes): count=0",
        "1 nodes observed",
        "Delegate internal: ",
        ORDER,
        WIDE_HEAD,
        row.format("[x]:0"),
        "",
        "Number of nodes executed: 1",
    )
    assert [row.internal for row in report.op_rows] == [False, True]
    assert report.op_rows[0].node_type == "Conv (F16, NHWC/O)"
    assert report.op_rows[0].share_ratio is None
    assert report.op_rows[0].times_called == 3
    assert report.unknown_lines == ()


def test_rows_of_other_subgraphs_know_which() -> None:
    row = (
        "\t                     ADD\t            0.000\t    1.000\t    1.000\t100.000%\t100.000%"
        "\t     0.000\t        1\t[x]:0"
    )
    report = with_profile(
        TITLE,
        "Primary graph (name: main) profile:",
        ORDER,
        HEAD,
        row,
        "Number of nodes executed: 1",
        "Subgraph (index: 1, name: cond (true)) profile:",
        ORDER,
        HEAD,
        row,
        "Number of nodes executed: 1",
        "Subgraph (index: 1, name: cond (true)) Timings (microseconds): count=0",
    )
    assert [row.subgraph for row in report.op_rows] == [0, 1]
    assert report.unknown_lines == ()


def test_a_profile_before_tf_2_1_has_no_heading_and_a_copied_one_has_blanks_for_tabs() -> None:
    report = with_profile(
        ORDER,
        "                     [node type]                  [start]         [first]        [avg ms]"
        "            [%]          [cdf%]  [mem KB]      [times called]  [Name]",
        "                         CONV_2D                    0.000           5.567           7.237"
        "         6.297%          6.297%     0.000              1       [Mobilenet/Conv/Relu6]",
        "",
        "Number of nodes executed: 1",
    )
    (row,) = report.op_rows
    assert (row.node_type, row.avg_us, row.name) == ("CONV_2D", 7237, "[Mobilenet/Conv/Relu6]")


@pytest.mark.parametrize(
    "row",
    [
        "\t CONV_2D\t 0.000\t 5.567\t 7.2x7\t 6.297%\t 6.297%\t 0.000\t 1\t[a]",
        "\t CONV_2D\t 0.000\t 5.567\t 7.237\t 6.297%\t 6.297%\t 0.000",
        "\t CONV_2D\t 0.000\t 5.567\t 7.237\t 6.297%\t 6.297%\t 0.000\t many\t[a]",
    ],
)
def test_a_damaged_row_is_an_unknown_line_and_no_row(row: str) -> None:
    report = with_profile(TITLE, ORDER, HEAD, row, "Number of nodes executed: 1")
    assert report.op_rows == ()
    assert report.unknown_lines == (row,)
    assert report.nodes is None
