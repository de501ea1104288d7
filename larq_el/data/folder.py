"""A folder of images as a data set: one folder a class, in `train` and `test` (or `val`, `validation`), or in one."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from larq_el._keras import tf
from larq_el.data.dataset import ImageDataset
from larq_el.data.image_files import SUFFIXES, list_images, read_image
from larq_el.data.reading import NO_IMAGE
from larq_el.errors import UserError

TRAIN, TEST = "train", ("test", "val", "validation")
"""Names of the folders of splits."""
TEST_PART = 0.1
"""Of a folder without splits."""


def image_folder(folder: str | os.PathLike[str], *, any_images: bool = False) -> ImageDataset:
    """Images in folders named after their classes.

    Either `FOLDER/train/CLASS/*.jpg` and `FOLDER/test/CLASS/*.jpg` (or `val`, or `validation`), the layout of
    `tfds.ImageFolder`, or `FOLDER/CLASS/*.jpg`, of which every tenth image of each class is kept for testing.

    # Arguments
        folder: of the data set.
        any_images: whether a folder of a single class, or of images alone, will do: for what measures no accuracy.

    # Returns
        An `ImageDataset`; images are read and decoded when they are needed.

    # Raises
        ValueError: where there are no images, less than two classes, or a class that is in one split alone.
    """
    root = Path(folder)
    tests = [root / name for name in TEST if (root / name).is_dir()]
    if (root / TRAIN).is_dir():
        if not tests:
            raise UserError(
                f"folder {str(root)!r} has {TRAIN!r} and no {', '.join(map(repr, TEST))}; put images to test on into "
                f"one of them, or give {str(root / TRAIN)!r}, of which a tenth is then kept for testing."
            )
        train, test = _classes(root / TRAIN, any_images), _classes(tests[0], any_images)
        _check_same(root / TRAIN, train, tests[0], test)
    else:
        both = _classes(root, any_images)
        every = round(1 / TEST_PART)
        test = {name: files[::every] for name, files in both.items()}
        train = {name: [file for file in files if file not in set(test[name])] for name, files in both.items()}
        if few := [name for name, files in train.items() if not files and not any_images]:
            raise UserError(
                f"class {few[0]!r} of folder {str(root)!r} has a single image; add others, to train and to test on."
            )
    names = tuple(sorted(train))
    return ImageDataset(
        str(folder),
        _examples(train, names),
        _examples(test, names),
        sum(map(len, train.values())),
        sum(map(len, test.values())),
        class_names=names,
        decode=_decode,
        source={"name": str(root.absolute())},
    )


def _classes(folder: Path, any_images: bool) -> dict[str, list[str]]:
    """The images of each class."""
    found = {
        path.name: files
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.name.startswith(".") and (files := [str(file) for file in list_images(path)])
    }
    if not found and any_images and (files := [str(file) for file in list_images(folder)]):
        return {folder.name: files}
    if not found:
        kinds = ", ".join(sorted(SUFFIXES))
        raise UserError(
            f"folder {str(folder)!r} has no folders of images ({kinds}); make a folder for each class, and put its "
            "images there."
        )
    if len(found) == 1 and not any_images:
        raise UserError(
            f"folder {str(folder)!r} has images of one class alone, {next(iter(found))!r}; a classifier needs two: "
            "make a folder for each class."
        )
    return found


def _check_same(train_folder: Path, train: dict[str, Any], test_folder: Path, test: dict[str, Any]) -> None:
    if lone := sorted(train.keys() ^ test.keys()):
        here, there = (train_folder, test_folder) if lone[0] in train else (test_folder, train_folder)
        raise UserError(
            f"class {lone[0]!r} has images in {str(here)!r} and none in {str(there)!r}; both must have the same "
            "classes."
        )


def _examples(classes: dict[str, list[str]], names: tuple[str, ...]) -> Any:
    """(path, number of the class), mixed once and for all: those of a class are not beside each other."""
    paths = [path for name in names for path in classes[name]]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(classes[name]) for name in names])
    order = np.random.default_rng(0).permutation(len(paths))
    return tf.data.Dataset.from_tensor_slices((np.array(paths, object)[order].astype(str), labels[order]))


def _decode(path: Any) -> Any:
    image = tf.numpy_function(_read, [path], tf.uint8, stateful=False)
    return tf.ensure_shape(image, (None, None, 3))


def _read(path: bytes) -> np.ndarray:
    try:
        return read_image(os.fsdecode(path))
    except UserError as error:
        reason = str(error.__cause__)
        raise ValueError(f"{NO_IMAGE} «{os.fsdecode(path)}» «{reason}»") from error
