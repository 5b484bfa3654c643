"""Training: learns, resumes to the same, keeps the best, refuses what cannot be used.

Tests that need PyTorch are skipped without it; scripts/test installs it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from fakes import classifiers
from fakes.manual_clock import ManualClock
from qbench import cli
from qbench.errors import InputError
from qbench.pipeline.classifier import InputRange
from qbench.pipeline.data import load
from qbench.pipeline.evaluation import answers, examine, grade
from qbench.pipeline.training import checkpoint
from qbench.pipeline.training.checkpoint import Checkpoint
from qbench.pipeline.training.networks import ARCHITECTURES, network
from qbench.pipeline.training.options import Epoch, TrainOptions
from qbench.pipeline.training.train import train
from qbench.pipeline.workers import Pool

torch: Any = pytest.importorskip("torch", reason="not installed: torch (extra)")


def options(**more: Any) -> TrainOptions:
    chosen: dict[str, Any] = {
        "arch": "small",
        "lr": 3e-3,
        "epochs": 4,
        "batch": 8,
        "size": 32,
    } | more
    return TrainOptions(**chosen)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("set")
    return classifiers.pictures(folder, per_class=12, splits=("train", "val", "test"))


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "small"
    train(load(root), options(), out, ManualClock())
    return out


# Networks


@pytest.mark.parametrize(
    ("arch", "parameters"),
    # Of the study's networks, in millions: its own figures (19.4, 15.4, 21.3) in full.
    [("vgg16", 19_446_082), ("googlenet", 15_411_922), ("resnet34", 21_279_426)],
)
def test_a_network_of_the_study_has_its_size(arch: str, parameters: int) -> None:
    with torch.device("meta"):
        model = network(arch, 2)
    found = sum(p.numel() for p in model.parameters())
    assert found == pytest.approx(parameters, rel=0.005)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_network_gives_a_logit_per_class(arch: str) -> None:
    with torch.device("meta"):
        assert network(arch, 3)(torch.zeros(2, 1, 64, 64)).shape == (2, 3)


def test_the_convolution_without_a_normalization_begins_with_he_s_weights() -> None:
    torch.manual_seed(0)
    last = network("vgg16", 2)[0][-1][0]
    assert float(last.weight.detach().std()) == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.02)
    assert not bool(last.bias.any())


# Training


def test_brightness_is_learnt_in_a_few_epochs(trained: Path, root: Path) -> None:
    said = checkpoint.describe(trained / "best.pt")
    assert (said.arch, said.classes, said.size) == ("small", ("dark", "light"), 32)
    assert not said.is_synthetic
    data = load(root)
    one = examine(trained / "best.pt", data)
    assert (one.network, one.precision) == ("small", None)
    given = answers([one], data.splits["test"], InputRange(), Pool(1), lambda done, total: None)
    (found,) = grade(given, data.classes, "light")
    assert found.auc is not None
    assert found.auc >= 0.95


def test_the_best_validation_is_kept_and_the_last_epoch_too(trained: Path) -> None:
    best, last = (checkpoint.describe(trained / n) for n in ("best.pt", "last.pt"))
    assert len(last.history) == 4
    rank = {e.number: (e.val_accuracy, -e.val_loss) for e in last.history}
    assert best.history[-1].number == max(rank, key=lambda number: rank[number])
    metrics = json.loads((trained / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["best_epoch"] == best.history[-1].number == best.best.number
    assert (trained / "curve.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_best_epoch_is_told_even_where_later_ones_were_worse() -> None:
    rows = [(0.5, 0.9), (0.8, 0.4), (0.8, 0.6), (0.8, 0.4), (0.7, 0.1)]
    history = tuple(
        Epoch(n, 1e-3, 0.5, loss, share, 1.0) for n, (share, loss) in enumerate(rows, 1)
    )
    said = Checkpoint(
        arch="small",
        classes=("dark", "light"),
        size=32,
        trained_on="images",
        is_synthetic=False,
        options=options(),
        history=history,
    )
    assert said.best.number == 2


def test_the_learning_rate_follows_half_a_cosine(trained: Path) -> None:
    rates = [e.lr for e in checkpoint.describe(trained / "last.pt").history]
    assert rates == pytest.approx([3e-3 * (1 + math.cos(math.pi * k / 4)) / 2 for k in range(4)])


class Pulled(Exception):
    """The plug, that is."""


def test_an_interrupted_training_goes_on_to_what_one_in_a_single_go_gives(
    trained: Path, root: Path, tmp_path: Path
) -> None:
    def pull(epoch: Epoch) -> None:
        if epoch.number == 2:
            raise Pulled

    with pytest.raises(Pulled):
        train(load(root), options(), tmp_path / "run", ManualClock(), ended=pull)
    train(load(root), options(), tmp_path / "run", ManualClock(), resume=True)
    ours, whole = (checkpoint.describe(p / "last.pt").history for p in (tmp_path / "run", trained))
    assert [e.number for e in ours] == [1, 2, 3, 4]
    assert [e.train_loss for e in ours] == pytest.approx([e.train_loss for e in whole], rel=1e-4)


def test_bfloat16_learns_nearly_the_same_and_is_kept_in_float32(
    trained: Path, root: Path, tmp_path: Path
) -> None:
    train(load(root), options(bfloat16=True), tmp_path / "run", ManualClock())
    said, weights, _ = checkpoint.load_all(tmp_path / "run" / "last.pt")
    half, full = (h[0].train_loss for h in (said.history, _history(trained)))
    assert half != full
    assert half == pytest.approx(full, rel=0.1)
    assert {w.dtype for name, w in weights.items() if "num_batches" not in name} == {torch.float32}


def test_training_may_start_from_weights_trained_at_another_size(
    trained: Path, root: Path, tmp_path: Path
) -> None:
    start, out = trained / "best.pt", tmp_path / "run"
    quiet = options(lr=1e-12, epochs=1, size=48)
    said = train(load(root), quiet, out, ManualClock(), start=start)
    assert said.size == 48
    assert said.started_from == checkpoint.describe(start).title
    assert said.started_from.startswith("small, ")
    assert " epochs at 32x32 on " in said.started_from
    before, after = (checkpoint.load_all(p)[1]["3.weight"] for p in (start, out / "best.pt"))
    assert torch.allclose(before, after, atol=1e-6)


def _history(folder: Path) -> tuple[Epoch, ...]:
    return checkpoint.describe(folder / "last.pt").history


def test_training_stops_early_when_nothing_gets_better(root: Path, tmp_path: Path) -> None:
    slow = options(lr=1e-12, epochs=50, patience=2)
    train(load(root), slow, tmp_path / "run", ManualClock())
    assert len(checkpoint.describe(tmp_path / "run" / "last.pt").history) < 50


# Refusals


def test_a_folder_with_a_training_in_it_is_not_written_over(trained: Path, root: Path) -> None:
    with pytest.raises(InputError, match="has a training in it already") as error:
        train(load(root), options(), trained, ManualClock())
    assert error.value.hint == "--resume goes on with it"


def test_a_checkpoint_of_another_architecture_is_refused(trained: Path, root: Path) -> None:
    with pytest.raises(InputError, match=r"last\.pt: is of small, not of resnet34"):
        train(load(root), options(arch="resnet34"), trained, ManualClock(), resume=True)


def test_weights_that_do_not_fit_or_are_no_numbers_are_named(trained: Path, tmp_path: Path) -> None:
    content = torch.load(trained / "best.pt", weights_only=True)
    name = next(n for n in content["model"] if n.endswith("weight"))
    weight = content["model"][name]
    for other, message in (
        (weight[:1], f"weights of another architecture: {name} is"),
        (weight * math.nan, f"weights are broken: {name} holds NaN"),
    ):
        broken = {**content, "model": {**content["model"], name: other}}
        torch.save(broken, tmp_path / "x.pt")
        with pytest.raises(InputError) as error:
            checkpoint.load(tmp_path / "x.pt")
        assert message in str(error.value)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04"])
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.pt: is no PyTorch checkpoint"):
        checkpoint.describe(tmp_path / "x.pt")


def test_a_checkpoint_of_somebody_else_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "x.pt")
    with pytest.raises(InputError, match="is no checkpoint of qbench train"):
        checkpoint.describe(tmp_path / "x.pt")


def test_a_loss_that_is_no_number_ends_the_training(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the loss of epoch \d+ is no number") as error:
        train(load(root), options(lr=1e30), tmp_path / "run", ManualClock())
    assert error.value.hint is not None
    assert "lower --lr" in error.value.hint


# qbench train


def test_the_command_trains_and_says_on_what(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "run")
    sizes = ("--epochs", "1", "--size", "32", "--threads", "1", "--batch", "8")
    with pytest.raises(SystemExit) as ended:
        cli.main(["train", "--arch", "small", "--data", str(root), "--out", out, *sizes])
    assert not ended.value.code
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == f"{out}/best.pt"
    assert "1 epochs at 32x32 on images" in told.out
    assert "epoch 1/1" in told.err
