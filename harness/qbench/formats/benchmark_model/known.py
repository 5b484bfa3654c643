"""Lines that are understood and say nothing that the reader needs; and lines that tell of trouble.

A line that no list here names is unknown: kept, counted, and shown to the user.
"""

from __future__ import annotations

import re

# The tool, the runtime, the delegates.
_QUIET = (
    "STARTING!",
    "Loaded model ",
    "resolved reporter",
    "The input model file size (MB): ",
    "Failed to get the input model file size",
    "Note: as the benchmark tool itself affects memory footprint",
    "Memory status at the end of exeution",
    "Memory status at the end of execution",
    "Initialized TensorFlow Lite runtime",
    "Using signature: ",
    "The Model contains ",
    "They are listed below",
    "-> Signature Key: ",
    "Saving benchmark result to: ",
    "Saved benchmark result to: ",
    "Generated model runtime info",
    "Tensorflow Version",
    "The list of TFLite runtime options",
    "Number of nodes executed: ",
    "GPU delegate is reset",
    "Ruy profil",
    "SL_ANeuralNetworks",
    "NNAPI SL ",
    "Registered diagnostics callbacks in NNAPI SL",
    "Cache file is stale",
    "Read ",
)
# Linker, C library, adb, the shell: noise of the place the tool ran in.
_NOISE = (
    "linker: ",
    "WARNING: linker: ",
    "__bionic_open_tzdata: ",
    "failed to parse the list of ",
    "failed to parse both lists of ",
    "* daemon not running",
    "* daemon started successfully",
    "adb server version ",
    "- waiting for device -",
    "$ ",
    "Warning: ",
    "libEGL warning: ",
)
_ABSL = re.compile(r"[IWEF]\d{4} \d\d:\d\d:")  # absl and TensorFlow's own loggers
_TF = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}: [IWEF] ")

# Builds before TF 2.10 print errors without a prefix.
_TROUBLE = (
    "Failed to ",
    "Could not ",
    "Couldn't ",
    "Didn't find ",
    "Registration failed",
    "No subgraph in the model",
    "Please specify ",
    "Disallowed CPU fallback",
    "Mmap of ",
    "The model is not ",
    "The model allocation ",
    "Model provided ",
    "Select TensorFlow op",
    "Regular TensorFlow ops are not supported",
    "Encountered unresolved custom op",
    "Unresolved custom op",
    "Node number ",
    "NN API returned ",
    "Input tensor #",
    "Inputs mismatch",
    "The number of items in ",
    "Output mode",
    "num_threads should be",
    "Signature not specified",
    "Signature key is specified",
    "#> Signature key: ",
    "Wrong ",
    "Any unknown sizes ",
    "Cannot find the corresponding input_layer",
    "Don't know how to populate tensor",
    "Incorrect size string",
    "Non-overlapping ",
    "Restored original execution plan",
    "TfLite",
    "failed to create XNNPACK runtime",
    "failed to ",
    "Benchmarking failed",
)
# What a shell, a loader, a runtime library or the kernel prints when a process dies.
_DEATH = (
    "Segmentation fault",
    "Aborted",
    "Abort message",
    "Killed",
    "Terminated",
    "Bus error",
    "Illegal instruction",
    "Floating point exception",
    "Trace/breakpoint trap",
    "Stack fault",
    "qemu: uncaught target signal",
    "CANNOT LINK EXECUTABLE",
    "terminate called",
    "terminating with uncaught exception",
    "terminating due to uncaught exception",
    "libc++abi",
    "Fatal signal ",
    "FORTIFY: ",
    "*** stack smashing",
    "Out of memory",
    "double free or corruption",
    "malloc(): ",
    "free(): ",
    "munmap_chunk(): ",
    "AddressSanitizer",
)
_DIED_IN_SHELL = re.compile(
    r"(?:\S{1,200}: )?(?:line \d{1,6}: )?(?:\[\d{1,4}\] {0,4}[+-]? {0,8})?(?:\d{1,9} )?"
    r"(?:Segmentation fault|Aborted|Killed|Bus error|Illegal instruction|Terminated)"
    r"(?: \(core dumped\))?(?: {1,40}.{0,400})?"
)
_UNREADABLE_TOOL = re.compile(
    r".{0,200}(?:not found|Permission denied|No such file or directory)\s{0,4}"
)


def is_quiet(text: str) -> bool:
    return text.startswith(_QUIET)


def is_noise(text: str) -> bool:
    if text.startswith(_NOISE):
        return True
    return _ABSL.match(text) is not None or _TF.match(text) is not None


def is_trouble(text: str) -> bool:
    """An error that may or may not have ended the run."""
    return text.lstrip().startswith(_TROUBLE)


def is_death(text: str) -> bool:
    """The process did not end by itself."""
    return text.startswith(_DEATH) or _DIED_IN_SHELL.fullmatch(text) is not None


def is_failed_invoke(text: str) -> bool:
    """One is enough: the tool counts the sample of a failed invoke like any other."""
    return text.startswith(("Failed to invoke", "failed to invoke")) or ") failed to invoke" in text


def is_no_tool(text: str) -> bool:
    """The shell could not start the tool at all."""
    return "benchmark_model" in text and _UNREADABLE_TOOL.fullmatch(text) is not None
