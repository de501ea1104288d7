"""Data sets by name."""

import os
from pathlib import Path

from larq_el.data.dataset import ImageDataset
from larq_el.data.digits import digits
from larq_el.errors import UserError


def load_dataset(
    name: str = "digits",
    data_dir: str | None = None,
    *,
    split: str | None = None,
    test_split: str | None = None,
    validation: float | None = None,
    images: int | None = None,
    any_images: bool = False,
) -> ImageDataset:
    """Loads a data set by name.

    # Arguments
        name: "digits" (scikit-learn's 1,797 handwritten digits, upscaled to 32 px; nothing is downloaded), a folder
            with a folder of images for each class (see `larq_el.data.folder.image_folder`), or any
            image-classification set of TensorFlow Datasets, such as "cifar10" or "imagenette/160px-v2".
        data_dir: where TFDS keeps its data; None for its default.
        split, test_split: what to train and to test on, as TFDS writes it: "train[:90%]". None for "train", and "test"
            or "validation"; of a set that has neither, for what the other one leaves of its split.
        validation: part of the training images that is kept for choosing, such as 0.1; None for none.
        images: that are taken of each part at most; None for all.
        any_images: where there are no test images, training images stand for them: for what measures no accuracy.

    # Returns
        An `ImageDataset`.

    # Raises
        ValueError: where TFDS knows no such set, it cannot be had, or it is not one of images and labels.

    >>> load_dataset("digits").train_size
    1437
    """
    data = _named(name, data_dir, split, test_split, any_images)
    data = data if validation is None else data.held_out(validation)
    return data if images is None else data.few(images)


def is_folder(name: str) -> bool:
    """Whether a data set's name is a folder that exists."""
    return name != "digits" and Path(name).is_dir()


def _named(
    name: str, data_dir: str | None, split: str | None, test_split: str | None, any_images: bool
) -> ImageDataset:
    if name == "digits" or is_folder(name):
        if split or test_split:
            what = "the digits have" if name == "digits" else f"folder {name!r} has"
            raise UserError(
                f"{what} no named splits; leave out split and test_split, or keep images for choosing (validation)."
            )
        if name == "digits":
            return digits()
        from larq_el.data.folder import image_folder

        return image_folder(name, any_images=any_images)
    if name.startswith((".", os.sep)) or name.endswith(os.sep):
        raise UserError(f"there is no folder {name!r}; give one with a folder of images for each class.")
    from larq_el.data.tfds import tfds_dataset

    return tfds_dataset(name, data_dir, split, test_split, any_images=any_images)
