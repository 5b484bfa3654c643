"""The command line. One file per command; a command's module is imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from qbench import __version__
from qbench.cli.exit_codes import BUG, INTERRUPTED, exit_code_of
from qbench.errors import QBenchError
from qbench.units import printable

# name -> (module, its click object, one line of help): `qbench --help` imports none of them
COMMANDS: dict[str, tuple[str, str, str]] = {
    "run": ("run", "run", "Measure and simulate models; the main job."),
    "show": ("show", "show", "Print the results of a session."),
    "compare": ("compare", "compare", "Faster, slower, the same, or how many more runs tell."),
    "history": ("history", "history", "How latencies went over all sessions, and their steps."),
    "sql": ("sql", "sql", "Ask a question in SQL about the runs of all sessions."),
    "report": ("report", "report", "Write a page about sessions, or tables for other tools."),
    "resume": ("resume", "resume", "Perform the runs that an interrupted session still lacks."),
    "reread": ("reread", "reread", "Rebuild a session's records from its raw output."),
    "plan": ("plan", "plan", "Print the cases that a run would perform; touches nothing."),
    "inspect": ("inspect", "inspect", "Show a model's operators and who would run them."),
    "simulate": ("simulate", "simulate", "Predict latencies, operator by operator."),
    "calibrate": ("calibrate", "calibrate", "Measure a device's kernels for the simulator."),
    "fidelity": ("fidelity", "fidelity", "Grade the simulator against measured latencies."),
    "models": ("models", "models", "List the built-in models; build the case study's networks."),
    "data": ("data", "data", "Draw or check a folder of labelled images."),
    "train": ("train", "train", "Train a network on labelled images."),
    "convert": ("convert", "convert", "Turn a trained network into an fp32 .tflite."),
    "env": ("env", "env", "Show and remove the environments of conversions."),
    "quantize": ("quantize", "quantize", "Make an fp32 model dynamic, fp16 or int8."),
    "evaluate": ("evaluate", "evaluate", "Grade models on labelled images."),
    "analyze": ("analyze", "analyze", "See what quantization did inside a network."),
    "study": ("study", "study", "Train, quantize and compare the case study's networks."),
    "read-log": ("read_log", "read_log", "Read a saved log of benchmark_model by itself."),
    "virtual": ("virtual", "virtual", "Start, stop and break virtual Android devices."),
    "doctor": ("doctor", "doctor", "Examine adb and attached devices; say what fixes them."),
    "tools": ("tools", "tools", "Fetch the benchmark_model that runs on devices."),
    "devices": ("devices", "devices", "List attached devices and the profiles qbench knows."),
}


class _Commands(click.Group):
    """Loads a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name, _ = COMMANDS[cmd_name]
        found: click.Command = getattr(import_module(f"qbench.cli.{module}"), name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS:
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            ctx.fail(f"No such command {args[0]!r}." + (f" Meant {close[0]!r}?" if close else ""))
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="qbench")
@click.option("-H", "--adb-host", help="Where the adb server runs, as adb's own -H.")
@click.option("-P", "--adb-port", type=click.IntRange(1, 65535), help="Its port, as adb's own -P.")
def group(adb_host: str | None, adb_port: int | None) -> None:
    """How fast, how accurate and how trustworthy is this TFLite model on that phone?

    \b
    Exit codes: 0 done and all measured; 1 a regression or budget was exceeded; 2 command line
    or input wrong; 3 no usable device, or lost; 4 done in part (failed runs are in runs.jsonl);
    70 a bug; 130 interrupted (qbench resume goes on).
    """
    # As variables, so that whatever this starts talks to the same server.
    if adb_host is not None or adb_port is not None:
        os.environ.pop("ADB_SERVER_SOCKET", None)
    if adb_host is not None:
        os.environ["ANDROID_ADB_SERVER_ADDRESS"] = adb_host
    if adb_port is not None:
        os.environ["ANDROID_ADB_SERVER_PORT"] = str(adb_port)


def main(args: Sequence[str] | None = None) -> None:
    """Entry point: every error that is not a bug becomes a line, a hint and an exit code."""
    try:
        result = group.main(args, prog_name="qbench", standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except QBenchError as exc:
        _say_error(exc)
        sys.exit(exit_code_of(exc))
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output has had enough: not an error of ours
        sys.stderr.close()
        sys.exit(0)
    except Exception:  # noqa: BLE001 - the last resort: a bug, told as one
        import traceback

        traceback.print_exc()
        click.echo("this is a bug in qbench; please report it with the lines above", err=True)
        sys.exit(BUG)
    sys.exit(result if isinstance(result, int) else 0)


def _say_error(error: QBenchError) -> None:
    click.echo(f"error: {printable(str(error))}", err=True)
    if error.hint:
        click.echo(f"hint: {printable(error.hint)}", err=True)
