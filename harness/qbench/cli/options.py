"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from qbench.cli.percent import PERCENT
from qbench.records import Delegate, Precision, Taint

_F = TypeVar("_F", bound=Callable[..., Any])

json_flag = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)
results_option = click.option(
    "--results",
    "-r",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="The folder that holds the sessions' folders.",
)
session_argument = click.argument("session", type=click.Path(path_type=Path))
device_option = click.option(
    "--device",
    "-d",
    help="A profile (see `qbench devices`), a profile's file, an attached serial, or `host`.",
)
delegate_option = click.option(
    "--delegate",
    "delegates",
    multiple=True,
    type=click.Choice([d.value for d in Delegate]),
    help="May be given several times. Default: all that the device has.",
)
precision_option = click.option(
    "--precision",
    "precisions",
    multiple=True,
    type=click.Choice([p.value for p in Precision if p is not Precision.MIXED]),
    help="Which files of a model's name or a folder; may be given several times. Default: all.",
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, 64), help="CPU threads. Default: the profile's."
)


def sustained(function: _F) -> _F:
    """Of a load that goes on, for `simulate`."""
    for option in (
        click.option("--seed", type=int, help="Of what is random with --duration. Default: 0."),
        click.option("--ambient", help="With --duration: the air around the device. Default: 25C."),
        click.option("--duration", help="90s, 10min, 1h of back-to-back invokes, by the minute."),
    ):
        function = option(function)
    return function


def planning(function: _F) -> _F:
    """All options that make a plan, for `run` and `plan`."""
    for option in (
        click.option("--seed", type=int, help="Of random inputs. Default: 0."),
        click.option(
            "--repetitions", type=click.IntRange(1, 1000), help="Processes per measured case."
        ),
        click.option(
            "--protocol",
            type=click.Choice(["quick", "default", "mlperf", "sustained"]),
            help="quick: 5 processes x (>= 20 invokes and >= 0.3 s); default: 10 x (>= 50 and "
            ">= 3 s); mlperf: 5 x (>= 1024 and >= 60 s), p90; sustained: 3 x 10 min. "
            "Without it: quick.",
        ),
        click.option(
            "--budget",
            "budgets",
            multiple=True,
            help="A limit for every case, such as 'p50 <= 8 ms' or 'not delegated -> fail'; a "
            "broken one ends with exit code 1.",
        ),
        click.option(
            "--aa",
            is_flag=True,
            default=None,
            help="Measure every case twice, as A and B: what differs then is noise.",
        ),
        click.option(
            "--xnnpack/--no-xnnpack",
            default=None,
            help="CPU operators on XNNPACK (the runtime's default) or on TFLite's own kernels.",
        ),
        click.option(
            "--threads",
            multiple=True,
            type=click.IntRange(1, 64),
            help="CPU threads; may be given several times. Default: the profile's.",
        ),
        precision_option,
        delegate_option,
        click.option(
            "--serial",
            "serials",
            multiple=True,
            help="Which attached device; several run at the same time.",
        ),
        device_option,
        click.argument("models", nargs=-1),
    ):
        function = option(function)
    return function


RESOLVING = ("aa_model", "aa_precision", "aa_repetitions", "aa_protocol", "aa_margin", "aa_out")


def resolving(function: _F) -> _F:
    """Of `doctor --aa`."""
    for option in (
        click.option(
            "--out",
            "aa_out",
            type=click.Path(path_type=Path),
            default=Path("results"),
            show_default=True,
            help="With --aa: the folder that receives the session.",
        ),
        click.option(
            "--margin", "aa_margin", type=PERCENT, default="2%", help="With --aa. Default: 2%."
        ),
        click.option(
            "--protocol",
            "aa_protocol",
            type=click.Choice(["quick", "default", "mlperf"]),
            default="default",
            help="With --aa. Default: default.",
        ),
        click.option(
            "--repetitions",
            "aa_repetitions",
            type=click.IntRange(2, 1000),
            default=10,
            help="With --aa: processes per side. Default: 10.",
        ),
        click.option(
            "--precision",
            "aa_precision",
            type=click.Choice([p.value for p in Precision if p is not Precision.MIXED]),
            help="With --aa: of a model that has several files. Default: int8 of a built-in one.",
        ),
        click.option("--model", "aa_model", help="With --aa. Default: the built-in smallcnn."),
        click.option(
            "--aa", "is_aa", is_flag=True, help="What difference can this set-up resolve?"
        ),
    ):
        function = option(function)
    return function


def on_device(function: _F) -> _F:
    """What may be chosen about runs on an attached device; see qbench.android.options."""
    file = click.Path(path_type=Path)
    for option in (
        click.option("--cool-to", "cool_to_c", type=float, help="C below which a run may start."),
        click.option(
            "--rest",
            "cool_least_s",
            type=click.FloatRange(0),
            help="Seconds between two runs. Default: 1 (quick), 10 (default).",
        ),
        click.option(
            "--patience",
            "patience_s",
            type=click.FloatRange(0),
            help="Seconds that a lost device is waited for. Default: 600.",
        ),
        click.option(
            "--lock-clocks", "locks_clocks", is_flag=True, help="Root only: governor performance."
        ),
        click.option(
            "--gpu-fp32",
            "is_gpu_fp16_allowed",
            is_flag=True,
            flag_value=False,
            default=True,
            help="No fp16 arithmetic on the GPU.",
        ),
        click.option(
            "--cache-quota",
            "cache_bytes",
            type=click.IntRange(1),
            metavar="BYTES",
            help="What models and tools may take on the device. Default: 4 GB.",
        ),
        click.option("--nnapi-accelerator", help="One of those that the device lists."),
        click.option("--qnn-libraries", type=file, help="Folder with the QNN delegate's files."),
        click.option("--hexagon-libraries", type=file, help="Folder with the Hexagon libraries."),
        click.option("--benchmark-apk", type=file, help="The app to run there; means --app."),
        click.option(
            "--app",
            "is_app",
            is_flag=True,
            help="benchmark_model as an app (APK): no taskset; its GPU may be faster.",
        ),
        click.option("--benchmark-binary", type=file, help="The benchmark_model to run there."),
        click.option(
            "--allow-fallback",
            "is_fallback_allowed",
            is_flag=True,
            help="A run that no delegate took is a CPU number, not a failure.",
        ),
        click.option(
            "--accept",
            "accepted",
            multiple=True,
            type=click.Choice([t.value for t in Taint]),
            help="With --strict: a taint that is allowed, and stays in the result.",
        ),
        click.option("--strict", "is_strict", is_flag=True, help="Refuse a device with taints."),
    ):
        function = option(function)
    return function
