"""Loads the weights of a model: published ones, or those of a file."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from larq_el.errors import UserError, first_line
from larq_el.zoo.backbones import Options
from larq_el.zoo.backbones.base import SMALL_IMAGE, is_small
from larq_el.zoo.weights.download import download
from larq_el.zoo.weights.packed import load_packed
from larq_el.zoo.weights.published import PublishedWeights, find_published


def load_weights(
    model: Any,
    weights: str | os.PathLike[str],
    *,
    model_name: str | None = None,
    options: Options | None = None,
) -> None:
    """Loads published weights or a weights file into a model of the same topology.

    # Arguments
        model: a `tf.keras.Model`.
        weights: "imagenet" (or another published set), or the path of an `.npz` file of `save_weights`, or of an `.h5`
            or `.keras` file of weights alone or of a whole model.
        model_name: of `list_models()`, by which published weights are found; the model's own name by default.
        options: that the model was built with, to be compared with those of published weights where they are given.

    # Raises
        ValueError: where there is no such file, it cannot be downloaded, or it does not hold this model's weights. The
            model is then left as it was.
    """
    path = os.fspath(weights)
    published = find_published(model_name or model.name, path)
    if published is not None:
        _check_fits(model, published, options)
        file = download(published.url, sha256=published.sha256, size=published.size, file_name=published.file_name)
        _load_file(model, os.fspath(file))
        return
    if path == "imagenet":
        raise UserError(
            f"weights 'imagenet' of {model.name!r} are not published yet; give the path of a weights file, or train "
            "some: `larq-el train` with --dataset imagenet2012 follows the paper's recipe."
        )
    if not os.path.isfile(path):
        raise UserError(f"weights must be None or the path of a weights file, and there is no file {path!r}.")
    _load_file(model, path)


def _load_file(model: Any, path: str) -> None:
    if Path(path).suffix == ".npz":
        load_packed(model, path)
        return
    before = model.get_weights()
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError, ImportError) as error:
        # Keras assigns layer by layer, and may have come some way
        model.set_weights(before)
        raise UserError(f"{path!r} does not hold the weights of {model.name!r}: {first_line(error)}") from error


def _check_fits(model: Any, published: PublishedWeights, options: Options | None) -> None:
    """Refuses what the shapes of the weights would tell too late, after the download, or not at all."""
    name = f"weights {published.name!r} of {published.model!r}"
    classifier = next((layer for layer in model.layers if layer.name == "logits"), None)
    if classifier is not None and classifier.units != published.classes:
        raise UserError(
            f"{name} are of {published.classes} classes, and the model has {classifier.units}; give "
            f"classes={published.classes}, or include_top=False and a classifier of your own."
        )
    # the first layer with weights sees the image, also where an input_tensor comes from other layers
    image = next(layer for layer in model.layers if layer.weights).input
    height, _, channels = published.input_shape
    if image.shape[-1] != channels:
        raise UserError(
            f"{name} are for images of {channels} channels, and the model's have {image.shape[-1]}; give "
            f"input_shape={published.input_shape}."
        )
    if is_small(image) != (height < SMALL_IMAGE):
        raise UserError(
            f"{name} are for images of {published.input_shape}, and the model's are of {tuple(image.shape[1:])}, for "
            f"which it is built with another first convolution; give input_shape={published.input_shape}."
        )
    if options is not None and options != published.options:
        differing = {k: v for k, v in asdict(published.options).items() if v != getattr(options, k)}
        wanted = ", ".join(f"{option}={value!r}" for option, value in differing.items())
        got = ", ".join(f"{option}={getattr(options, option)!r}" for option in differing)
        raise UserError(f"{name} are for {wanted}, and the model was built with {got}; give {wanted}.")
