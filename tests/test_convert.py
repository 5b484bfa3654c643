"""Converting: the right route, answers compared, one line when it cannot be done."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fakes import classifiers
from qbench import cli, models
from qbench.errors import InputError, ModelFileError, RunnerCrashedError
from qbench.pipeline.classifier import Classifier
from qbench.pipeline.conversion import Route, environments, route_of, worker
from qbench.pipeline.conversion.convert import compare, output_path
from qbench.records import Precision

HERE = Path(sys.executable)


def silent(text: str) -> None:
    raise AssertionError(f"nothing was to be said, but: {text}")


# Routes


@pytest.mark.parametrize(
    ("name", "route"),
    [("a.pt", "direct"), ("a.onnx", "onnx"), ("a.keras", "keras"), ("a.h5", "keras")],
)
def test_a_file_goes_by_the_route_that_knows_its_kind(
    tmp_path: Path, name: str, route: str
) -> None:
    (tmp_path / name).write_bytes(b"")
    assert route_of(tmp_path / name, None) == route


def test_a_checkpoint_may_go_by_onnx_and_a_folder_is_a_saved_model(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"")
    assert route_of(tmp_path / "a.pt", Route.ONNX) is Route.ONNX
    assert route_of(tmp_path, None) is Route.KERAS


def test_what_no_route_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"")
    (tmp_path / "a.onnx").write_bytes(b"")
    with pytest.raises(InputError, match=r"a\.txt: cannot be converted"):
        route_of(tmp_path / "a.txt", None)
    with pytest.raises(InputError, match=r"does not go by route direct") as error:
        route_of(tmp_path / "a.onnx", Route.DIRECT)
    assert error.value.hint == "--route onnx"
    with pytest.raises(InputError, match="there is no such file"):
        route_of(tmp_path / "none.pt", None)


def test_the_network_names_the_file() -> None:
    assert output_path(Path("run/best.pt"), "vgg16", None) == Path("run/vgg16-fp32.tflite")
    assert output_path(Path("net.onnx"), None, Path("out")) == Path("out/net-fp32.tflite")


# Answers


def compared(folder: Path, change: float, tolerance: float = 1e-3) -> float:
    """A model against its own answers, the first of which is `change` off."""
    made = classifiers.brightness(folder / worker.MODEL)
    images = np.random.default_rng(0).random((4, 16, 16, 1), np.float32)
    model = Classifier(made)
    answers = np.stack([model.scores(image)[0] for image in images])
    answers[0, 0] += change
    np.save(folder / worker.IMAGES, images)
    np.save(folder / worker.ANSWERS, answers)
    return compare(Path("net.pt"), made, folder, tolerance).max_abs_difference


def test_answers_that_agree_pass_with_their_largest_difference(tmp_path: Path) -> None:
    assert compared(tmp_path, 5e-4) == pytest.approx(5e-4, rel=1e-3)


def test_a_conversion_that_changes_an_answer_fails(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"net\.pt: the conversion changed the answers: by up"):
        compared(tmp_path, 2e-3)


def test_a_conversion_that_changes_a_class_fails_whatever_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"the same class on 75\.0 % of 4 images"):
        compared(tmp_path, 100, tolerance=1000)


def test_answers_that_are_no_numbers_fail(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="changed the answers"):
        compared(tmp_path, float("nan"))


# Environments


def test_modules_that_are_here_need_no_environment() -> None:
    recipes = {"here": environments.Recipe(("numpy",), ("numpy",), "here")}
    assert environments.python("here", silent, recipes) == HERE


@pytest.mark.heavy  # makes a virtual environment
def test_what_pip_cannot_install_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    missing = str(tmp_path / "no-such-package.whl")
    recipes = {"x": environments.Recipe((missing,), ("no_such_module",), "nothing")}
    told: list[str] = []
    with pytest.raises(InputError, match="x: pip could not install"):
        environments.python("x", told.append, recipes)
    assert told == [
        "making an environment of its own for x: nothing (qbench env shows it)",
    ]
    assert environments.found() == ()


def test_an_environment_is_another_one_when_its_recipe_changes() -> None:
    recipes = [environments.Recipe((r,), ("a",), "x") for r in ("a==1", "a==2")]
    folders = [environments.folder("x", recipe) for recipe in recipes]
    assert folders[0] != folders[1]
    assert {f.parent for f in folders} == {models.cache_dir().parent / "envs"}


def put_environment(name: str, ready: bool) -> Path:
    path = environments.root() / f"{name}-12345678"
    path.mkdir(parents=True)
    (path / "file").write_bytes(b"x" * 1000)
    if ready:
        (path / "qbench-ready.json").write_text(json.dumps({"requirements": ["a==1"]}))
    return path


def test_environments_are_listed_with_their_size_and_removed_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kept, gone = put_environment("onnx2tf", True), put_environment("litert-torch", False)
    with pytest.raises(SystemExit):
        cli.main(["env", "list"])
    told = capsys.readouterr().out
    assert "onnx2tf  1.0 kB" in told
    assert "litert-torch  1.0 kB  not finished" in told
    with pytest.raises(SystemExit):
        cli.main(["env", "remove", "litert-torch"])
    assert (kept.exists(), gone.exists()) == (True, False)
    with pytest.raises(InputError, match="there is no such environment"):
        environments.remove("litert-torch")


def test_a_step_tells_what_it_does_and_ends_with_what_is_wrong(tmp_path: Path) -> None:
    """The real worker, with a source that the framework does not even have to be there for."""
    source = tmp_path / "a.pt"
    source.write_bytes(b"")
    request = worker.Request(route="nowhere", source=str(source), folder=str(tmp_path))
    import msgspec

    with pytest.raises(RunnerCrashedError, match="KeyError") as error:
        environments.run(HERE, worker.__name__, msgspec.json.encode(request), silent)
    assert "Traceback" in str(error.value.hint)


# The whole way (needs environments, which take minutes to make)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return classifiers.pictures(tmp_path / "set", per_class=8, splits=("train", "val", "test"))


def convert(capsys: pytest.CaptureFixture[str], source: Path, *words: str) -> dict[str, Any]:
    """What the command says of a conversion without a stray operator and with the same answers."""
    run(capsys, "convert", str(source), "--json", *words)
    told: dict[str, Any] = json.loads(capsys.readouterr().out)["converted"]
    assert told["transposes"] == 0
    assert told["check"]["agreement_ratio"] == 1
    assert told["check"]["max_abs_difference"] < 1e-3
    assert Classifier(Path(told["path"])).info.precision is Precision.FP32
    return told


def run(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main(list(words))
    assert not ended.value.code


@pytest.mark.heavy
def test_a_trained_network_converts_by_both_routes_and_so_does_the_onnx_file_between(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch", reason="not installed: torch (extra)")
    sizes = ("--epochs", "1", "--size", "64", "--batch", "8", "--threads", "1")
    trained, between = tmp_path / "run", tmp_path / "between.onnx"
    run(capsys, "train", "--arch", "small", "--data", str(data), "--out", str(trained), *sizes)
    source, out = trained / "best.pt", ("--data", str(data), "--out")
    by_itself = convert(capsys, source, *out, str(tmp_path / "direct"))
    wanted = ("--route", "onnx", "--onnx", str(between))
    by_onnx = convert(capsys, source, *wanted, *out, str(tmp_path / "onnx"))
    assert by_itself["path"] != by_onnx["path"]
    convert(capsys, between, *out, str(tmp_path / "file"))


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras, to itself and to NumPy
def test_keras_files_and_a_saved_model_convert(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorflow", reason="not installed: tensorflow (extra convert)")
    from qbench.pipeline import networks
    from qbench.pipeline.speckle import speckle_images

    network = networks.network("smallcnn")
    networks.randomize(network, 3, speckle_images(4, 3))
    network.save(tmp_path / "net.keras")
    network.save(tmp_path / "net.h5")
    network.export(str(tmp_path / "saved"))
    for name in ("net.keras", "net.h5", "saved"):
        convert(capsys, tmp_path / name, "--data", str(data), "--out", str(tmp_path / "out"))
