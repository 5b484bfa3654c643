"""A report for people."""

from __future__ import annotations

from qbench.formats.benchmark_model.report import LogReport
from qbench.units import format_bytes, format_us

_SHOWN = 8  # lines of evidence and of unknown text; --json has all


def render_text(report: LogReport) -> str:
    """The verdict, times, placement, and what was not understood; one line each."""
    generation = report.tool_generation or "a form that qbench does not know"
    lines = [f"{report.tool}, {generation}"]
    if report.failure is not None:
        lines.append(f"failed: {report.failure.error}: {report.failure.message}")
    else:
        lines += _numbers(report)
    lines += _placement(report)
    lines += _some("evidence", report.evidence, len(report.evidence))
    lines += _some("warnings", report.warnings, len(report.warnings))
    lines += _some("lines not understood", report.unknown_lines, report.unknown_count)
    return "\n".join(_one_line(line) for line in lines)


def _numbers(report: LogReport) -> list[str]:
    told = (
        ("mean", report.avg_us),
        ("median", report.p50_us),
        ("min", report.min_us),
        ("max", report.max_us),
        ("first invoke", report.first_invoke_us),
        ("warm-up mean", report.warmup_avg_us),
        ("init", report.init_us),
    )
    lines = [f"{report.count} invokes"]
    lines += [f"  {what:<13} {format_us(value)}" for what, value in told if value is not None]
    if report.profiled:
        lines.append("  the op profiler was on: 5 to 10 % slower than without")
    memory = report.memory
    if memory is not None and memory.overall_bytes is not None:
        lines.append(f"  {'memory':<13} {format_bytes(memory.overall_bytes)} more than at start")
    return lines


def _placement(report: LogReport) -> list[str]:
    if report.proof is None:
        return []
    units = " + ".join(unit.value.upper() for unit in report.executed_by) or "not told"
    asked = f" (asked: {report.requested.value})" if report.requested else ""
    lines = [f"executed by {units}{asked}, proof: {report.proof}"]
    if report.nodes is not None:
        n = report.nodes
        lines.append(f"  nodes: {n.cpu} CPU, {n.gpu} GPU, {n.npu} NPU")
    if report.partitions is not None:
        lines.append(f"  partitions: {report.partitions}")
    return lines


def _some(what: str, lines: tuple[str, ...], count: int) -> list[str]:
    if count == 0:
        return []
    shown = [f"  {line}" for line in lines[:_SHOWN]]
    more = count - len(shown)
    return [f"{what}: {count}", *shown] + ([f"  ... and {more} more"] if more > 0 else [])


def _one_line(text: str) -> str:
    """What stands in a log must not drive the terminal."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "�" for c in text)
