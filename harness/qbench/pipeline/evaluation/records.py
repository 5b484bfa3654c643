"""What a model answered, and how right that was. Frozen values, no I/O."""

from __future__ import annotations

import msgspec

from qbench.records import Delegate, DeviceInfo, Interval, Precision


class Answer(msgspec.Struct, frozen=True):
    """To one image. `took_us`: one invoke on this host; None: was not timed. `raw`: the output
    tensor's bytes."""

    image: str
    label: int
    probabilities: tuple[float, ...]
    took_us: int | None = None
    raw: bytes = b""

    @property
    def told(self) -> int:
        """The class with the highest probability, the first of equals."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def is_right(self) -> bool:
        return self.told == self.label


class Subject(msgspec.Struct, frozen=True):
    """One model file that is examined. `network`: what it has in common with its other
    precisions. `precision` None: a PyTorch checkpoint."""

    network: str
    precision: Precision | None
    path: str
    sha256: str
    file_bytes: int

    @property
    def title(self) -> str:
        return f"{self.network} {self.precision or 'PyTorch'}"


class Share(msgspec.Struct, frozen=True):
    """`hits` of `trials`, with Wilson's 95 % interval; no trials: no ratio, no interval."""

    hits: int
    trials: int
    ratio: float | None
    interval: Interval | None


class Versus(msgspec.Struct, frozen=True):
    """Against the fp32 model of the same network, on the same images.

    `p_value` is McNemar's, after Holm's correction over all schemes of the network.
    """

    agreement: Share
    only_reference_right: int
    only_this_right: int
    p_value: float


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """All that is said of one model. Rows of `confusion` are true classes, columns told ones.

    `sensitivity`, `specificity` and `auc` are of two classes only, for class `positive`.
    `latency_us` is the median invoke on this host while the evaluation ran, which may have used
    every processor: no benchmark.
    """

    subject: Subject
    accuracy: Share
    confusion: tuple[tuple[int, ...], ...]
    positive: str | None
    sensitivity: Share | None
    specificity: Share | None
    auc: float | None
    auc_interval: Interval | None
    latency_us: int | None
    versus_fp32: Versus | None = None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """The same model's answers here and elsewhere. `identical`: images whose output tensors are
    equal bit for bit. `largest`: the largest difference of two outputs, as real numbers;
    `largest_steps`: in the integers of an int8 output; None: the output is float."""

    subject: Subject
    identical: Share
    agreement: Share
    largest: float
    largest_steps: int | None


class There(msgspec.Struct, frozen=True, kw_only=True):
    """The same evaluation on `device`, by `delegate`. `executed`, per subject: which units took the
    model's nodes, as the tool's log proves it."""

    device: DeviceInfo
    delegate: Delegate
    tool: str
    answers: dict[Subject, tuple[Answer, ...]]
    grades: tuple[Grade, ...]
    matches: tuple[Match, ...]
    executed: tuple[str, ...]
