"""`larq-el predict`."""

from pathlib import Path
from typing import Any

import click

from larq_el.cli import options
from larq_el.cli.tables import print_rows


@click.command("predict")
@click.argument("model", type=options.FILE)
@click.argument("images", nargs=-1, required=True, type=options.FILE)
@click.option("--labels", type=options.FILE, help="File with the name of a class a line.  [default: what MODEL knows]")
@click.option("--top", default=3, show_default=True, type=click.IntRange(min=1), help="Classes to show.")
@click.option("--weights", help="A weights file to load into the model.")
@options.model_shape
@options.imports
@options.runtime("What runs a flatbuffer.  [default: lce-indirect, native or stock, what is installed and fits]")
@options.as_json
def command(
    model: str,
    images: tuple[str, ...],
    labels: str | None,
    top: int,
    weights: str | None,
    imports: tuple[str, ...],
    runtime: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Say what is in IMAGES, files or folders of them, by MODEL.

    MODEL is an .h5 or .keras file, a SavedModel, a name of `larq-el zoo` with --weights, or a .tflite flatbuffer, which
    needs no TensorFlow. Images are prepared as those that a network of the zoo is trained on.
    """
    import numpy as np

    from larq_el.data.image_files import model_input
    from larq_el.data.image_size import image_size_of
    from larq_el.tflite.class_names import check_count, read_class_names

    files = _files(images)
    names = None if labels is None else read_class_names(labels)
    predictor, own = _predictor(model, runtime, weights, imports, options.shape_of(given))
    names = names or own or [str(number) for number in range(predictor.classes)]
    check_count(names, predictor.classes)
    size = image_size_of(predictor.image_shape)
    found: list[tuple[str, list[tuple[str, float]]]] = []
    for path in files:
        scores = predictor.predict(model_input(path, size))[0]
        best = np.argsort(scores)[::-1][:top]
        found.append((str(path), [(names[i], float(scores[i])) for i in best]))
    if as_json:
        options.print_json(
            [
                {"image": image, "classes": [{"name": name, "score": score} for name, score in classes]}
                for image, classes in found
            ]
        )
        return
    rows = [[image, *(f"{name} {score:.1%}" for name, score in classes)] for image, classes in found]
    columns = ["image", *(str(place) for place in range(1, 1 + max(len(row) - 1 for row in rows)))]
    print_rows(f"{model}, by {predictor.runtime}", columns, rows)


def _files(images: tuple[str, ...]) -> list[Path]:
    from larq_el.data.image_files import list_images
    from larq_el.errors import UserError

    files: list[Path] = []
    for image in images:
        path = Path(image)
        if path.is_dir():
            inside = list_images(path)
            if not inside:
                raise UserError(f"there are no images in folder {image!r}; name files, or a folder that holds some.")
            files += inside
        elif path.is_file():
            files.append(path)
        else:
            raise UserError(f"there is no image {image!r}.")
    return files


def _predictor(
    model: str, runtime: str | None, weights: str | None, imports: tuple[str, ...], shape: dict[str, Any]
) -> tuple[Any, list[str] | None]:
    """What classifies, and the names of the classes if they are known."""
    from larq_el import evaluation
    from larq_el.errors import UserError
    from larq_el.tflite.class_names import beside, class_names_of
    from larq_el.tflite.flatbuffer import Flatbuffer

    if model.endswith(".tflite"):
        if weights or imports or shape:
            raise UserError(
                f"{model!r} is a flatbuffer, with weights and a shape of its own; give no options for them."
            )
        predictor = evaluation.flatbuffer_predictor(model, runtime=runtime)
        return predictor, class_names_of(Flatbuffer(model)) or beside(model)
    if runtime is not None:
        raise UserError(f"--runtime is for flatbuffers, and {model!r} is a Keras model; leave it out.")
    from larq_el.models.loading import load_model
    from larq_el.models.source import check_source

    path = check_source(model)
    loaded = load_model(model, weights=weights, imports=imports, **shape)
    return evaluation.keras_predictor(loaded), None if path is None else beside(path)
