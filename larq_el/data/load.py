"""Data sets by name."""

from larq_el.data.dataset import ImageDataset
from larq_el.data.digits import digits
from larq_el.data.tfds import tfds_dataset
from larq_el.errors import UserError


def load_dataset(
    name: str = "digits",
    data_dir: str | None = None,
    *,
    split: str | None = None,
    test_split: str | None = None,
    any_images: bool = False,
) -> ImageDataset:
    """Loads a data set by name.

    # Arguments
        name: "digits" (scikit-learn's 1,797 handwritten digits, upscaled to 32 px; nothing is downloaded), or any
            image-classification set of TensorFlow Datasets, such as "cifar10" or "imagenette/160px-v2".
        data_dir: where TFDS keeps its data; None for its default.
        split, test_split: what to train and to test on, as TFDS writes it: "train[:90%]". None for "train", and "test"
            or "validation"; of a set that has neither, for what the other one leaves of its split.
        any_images: where there are no test images, training images stand for them: for what measures no accuracy.

    # Returns
        An `ImageDataset`.

    # Raises
        ValueError: where TFDS knows no such set, it cannot be had, or it is not one of images and labels.

    >>> load_dataset("digits").train_size
    1437
    """
    if name != "digits":
        return tfds_dataset(name, data_dir, split, test_split, any_images=any_images)
    if split or test_split:
        raise UserError("the digits have no named splits; leave out split and test_split.")
    return digits()
