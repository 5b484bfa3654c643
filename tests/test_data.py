"""Labelled images: what is wrong with a folder is said at once, and the made-up set says so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from qbench import cli
from qbench.errors import InputError
from qbench.pipeline.data import images, inspection, load, pictures, synthetic
from qbench.pipeline.data.lesions import CLASSES, draw
from qbench.pipeline.data.rendering import render

FEW = {"train": 4, "val": 2, "test": 2}


def picture(path: Path, value: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6), value, np.uint8)).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes in three splits, one picture each, all different."""
    value = 0
    for split in ("train", "val", "test"):
        for label in ("benign", "malignant"):
            value += 10
            picture(tmp_path / "set" / split / label / "a.png", value)
    return tmp_path / "set"


# The folder


def test_a_folder_is_read_in_the_order_of_its_names(folder: Path) -> None:
    picture(folder / "test" / "benign" / "0.jpg", 99)
    (folder / "test" / "benign" / "notes.txt").write_text("x")
    data = load(folder)
    assert data.classes == ("benign", "malignant")
    assert list(data.splits) == ["train", "val", "test"]
    found = [(Path(s.path).name, s.label) for s in data.splits["test"]]
    assert found == [("0.jpg", 0), ("a.png", 0), ("a.png", 1)]
    assert data.ignored_files == 1
    assert not data.is_synthetic
    assert "SYNTHETIC" not in data.title


def refusal(folder: Path) -> str:
    with pytest.raises(InputError) as error:
        load(folder)
    return str(error.value).replace(str(folder), "SET")


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == "SET: is not a folder of images"


def test_a_split_that_is_needed_and_not_there_is_refused(folder: Path) -> None:
    for path in (folder / "val").rglob("*.png"):
        path.unlink()
    for path in (folder / "val").iterdir():
        path.rmdir()
    (folder / "val").rmdir()
    assert refusal(folder) == "SET: has no folder val/"
    assert list(load(folder, need=("test",)).splits) == ["train", "test"]


def test_an_empty_class_is_refused(folder: Path) -> None:
    (folder / "test" / "malignant" / "a.png").rename(folder / "test" / "malignant" / "a.xyz")
    assert refusal(folder) == "SET/test/malignant: the class has no images (1 other files)"


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        picture(tmp_path / split / "benign" / "a.png", 1)
    message = "SET: there is nothing to tell apart: train/ has one class only (benign)"
    assert refusal(tmp_path) == message


def test_splits_with_different_classes_are_refused(folder: Path) -> None:
    (folder / "val" / "benign").rename(folder / "val" / "good")
    expected = "SET: the classes differ: train/ has benign, malignant, val/ has good, malignant"
    assert refusal(folder) == expected


def test_the_same_file_in_two_splits_is_leakage(folder: Path) -> None:
    picture(folder / "test" / "benign" / "b.png", 10)
    message = "SET/test/benign/b.png: is the same file as SET/train/benign/a.png: "
    assert refusal(folder) == message + "test would not be independent of train"


def test_the_same_file_in_two_classes_is_refused(folder: Path) -> None:
    picture(folder / "train" / "malignant" / "b.png", 10)
    assert refusal(folder).endswith("both benign and malignant")


def test_a_damaged_card_is_refused(folder: Path) -> None:
    (folder / "dataset.json").write_text("{}")
    assert refusal(folder).startswith("SET/dataset.json: is not a data set's card:")


def test_calibration_takes_the_pictures_of_val_and_none_of_test(folder: Path) -> None:
    assert {p.parent.parent.name for p in pictures(folder)} == {"val"}
    assert len(pictures(folder / "train" / "benign")) == 1


def test_a_folder_without_pictures_cannot_calibrate(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no images"):
        pictures(tmp_path)


# One image


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.jpg"])
def test_an_image_becomes_grey_values_between_0_and_1(tmp_path: Path, name: str) -> None:
    image = images.read(picture(tmp_path / name, 51), 4, 6, 1)
    assert image.shape == (4, 6, 1)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, 0.2, atol=0.005)


def test_sixteen_bits_of_grey_are_kept(tmp_path: Path) -> None:
    values = np.array([[0, 1000, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_allclose(
        images.read(tmp_path / "a.png", 1, 3, 1)[0, :, 0], values[0] / 65535, rtol=1e-6
    )


def test_colour_becomes_grey_or_stays_as_asked(tmp_path: Path) -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[:, :, 0] = 255
    Image.fromarray(red).save(tmp_path / "a.png")
    assert images.read(tmp_path / "a.png", 2, 2, 3)[0, 0].tolist() == [1.0, 0.0, 0.0]
    assert images.read(tmp_path / "a.png", 2, 2, 1)[0, 0, 0] == pytest.approx(76 / 255)
    assert images.read(picture(tmp_path / "b.png", 51), 4, 6, 3).shape == (4, 6, 3)


def test_an_image_is_brought_to_the_size_asked_for(tmp_path: Path) -> None:
    image = images.read(picture(tmp_path / "a.png", 255), 9, 5, 1)
    assert image.shape == (9, 5, 1)
    np.testing.assert_allclose(image, 1, atol=1e-6)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"not an image"])
@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.dcm"])
def test_what_is_no_image_is_refused_by_name(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"{name}: cannot be read as an image"):
        images.read(path, 8, 8, 1)


def test_an_image_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cannot be read as an image"):
        images.read(path, 8, 8, 1)


def write_dicom(path: Path, values: np.ndarray, photometric: str) -> None:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    file = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    file.Rows, file.Columns = values.shape
    file.BitsAllocated, file.BitsStored, file.HighBit = 16, 12, 11
    file.SamplesPerPixel, file.PixelRepresentation = 1, 0
    file.PhotometricInterpretation = photometric
    file.PixelData = values.astype("<u2").tobytes()
    file.save_as(path, enforce_file_format=True)


def test_dicom_is_shown_from_its_least_to_its_largest_value(tmp_path: Path) -> None:
    values = np.array([[100, 600], [1100, 100]])
    write_dicom(tmp_path / "a.dcm", values, "MONOCHROME2")
    write_dicom(tmp_path / "b.dcm", values, "MONOCHROME1")
    shown = images.read(tmp_path / "a.dcm", 2, 2, 1)[:, :, 0]
    np.testing.assert_allclose(shown, np.array([[0, 0.5], [1, 0]]))
    np.testing.assert_allclose(images.read(tmp_path / "b.dcm", 2, 2, 1)[:, :, 0], 1 - shown)


# The made-up set


def test_a_drawn_image_depends_on_its_key_alone() -> None:
    def drawn(key: int, label: str) -> np.ndarray:
        rng = np.random.default_rng(key)
        return render(draw(label, rng), rng, 64)

    np.testing.assert_array_equal(drawn(3, "benign"), drawn(3, "benign"))
    assert not np.array_equal(drawn(3, "benign"), drawn(4, "benign"))
    assert not np.array_equal(drawn(3, "benign"), drawn(3, "malignant"))


def test_lesions_differ_as_the_lexicon_says_and_overlap() -> None:
    drawn = {c: [draw(c, np.random.default_rng((1, i))) for i in range(300)] for c in CLASSES}
    benign, malignant = drawn["benign"], drawn["malignant"]
    assert np.mean([x.aspect for x in benign]) < 0.85 < 1 < np.mean([x.aspect for x in malignant])
    spiculated = [np.mean([bool(x.spicules) for x in group]) for group in (benign, malignant)]
    assert 0.03 < spiculated[0] < 0.2
    assert 0.8 < spiculated[1] < 0.97
    shadow = [np.mean([x.behind_db < x.decoy_db for x in group]) for group in (benign, malignant)]
    assert 0.02 < shadow[0] < 0.4
    assert shadow[1] > 0.8


def test_the_set_says_that_it_is_synthetic_in_every_file(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    out = synthetic.write(
        tmp_path / "s", 5, FEW, size=48, progress=lambda a, b: told.append((a, b))
    )
    data = load(out)
    assert data.is_synthetic
    assert data.title.startswith("SYNTHETIC images")
    assert {name: len(samples) for name, samples in data.splits.items()} == FEW
    for samples in data.splits.values():
        for sample in samples:
            with Image.open(sample.path) as image:
                assert image.size == (48, 48)
                assert "SYNTHETIC" in image.info["Comment"]
    assert told[-1] == (8, 8)
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_neither_processes_nor_other_images_change_an_image(tmp_path: Path) -> None:
    few = load(synthetic.write(tmp_path / "a", 5, FEW, size=48))
    many = load(synthetic.write(tmp_path / "b", 5, {**FEW, "train": 6}, size=48, jobs=2))
    assert [s.sha256 for s in few.splits["test"]] == [s.sha256 for s in many.splits["test"]]
    assert {s.sha256 for s in few.splits["train"]} < {s.sha256 for s in many.splits["train"]}


def test_a_folder_that_is_not_empty_is_not_written_over(folder: Path) -> None:
    with pytest.raises(InputError, match="is there already"):
        synthetic.write(folder, 0, FEW)
    assert load(folder).splits


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written: Not a directory"):
        synthetic.write(tmp_path / "file" / "x", 0, FEW)


# qbench data


def qbench(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    told = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, told.out, told.err


def test_data_synth_and_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "s")
    sizes = ("--train", "4", "--val", "2", "--test", "2", "--size", "48", "--jobs", "1")
    code, told, _ = qbench(capsys, "data", "synth", "--out", out, "--seed", "3", *sizes)
    assert (code, told) == (
        0,
        f"SYNTHETIC images {out} (4 train / 2 val / 2 test; benign, malignant)\n",
    )
    code, told, _ = qbench(capsys, "data", "check", out, "--json", "--jobs", "1")
    body = json.loads(told)
    assert body["is_synthetic"] is True
    assert [look["images"] for look in body["looks"]] == [2, 2, 1, 1, 1, 1]
    code, told, _ = qbench(capsys, "data", "check", out, "--jobs", "1")
    assert "SYNTHETIC: drawn by qbench data synth --seed 3" in told


def test_check_names_the_image_that_cannot_be_read(folder: Path) -> None:
    (folder / "val" / "benign" / "b.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"val/benign/b\.png: cannot be read as an image"):
        inspection.inspect(load(folder), 1, lambda done, total: None)


@pytest.mark.heavy
def test_a_linear_model_cannot_tell_the_made_up_classes_apart(tmp_path: Path) -> None:
    """Ridge regression on pixels, its strength chosen on the test images themselves."""
    data = load(synthetic.write(tmp_path / "s", 0, jobs=2))

    def pixels(split: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        rows = [images.read(Path(s.path), 56, 56, 1).ravel() for s in data.splits[split]]
        return np.array(rows, np.float64), np.array([2.0 * s.label - 1 for s in data.splits[split]])

    (x, y), (u, v) = pixels("train"), pixels("test")
    mean = x.mean(axis=0)
    x, u = x - mean, u - mean
    inner = x @ x.T
    shares = []
    for strength in 10.0 ** np.arange(-2, 5):
        weights = x.T @ np.linalg.solve(inner + strength * np.eye(len(x)), y)
        shares.append(float(np.mean(np.sign(u @ weights) == v)))
    assert max(shares) < 0.75
