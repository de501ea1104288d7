"""Continues a training from its folder alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from larq_el.data.load import load_dataset
from larq_el.errors import UserError
from larq_el.models.loading import load_model
from larq_el.training.loop import TrainingResult, train
from larq_el.training.run import NETWORKS, check_folder, read_settings
from larq_el.zoo.recipes.recipe import recipe_from
from larq_el.zoo.recipes.stage import STUDENT


def resume_training(
    folder: str | Path,
    *,
    epochs: Mapping[str, int] | int | None = None,
    repeat: str | None = None,
    strategy: Any = None,
    imports: Sequence[str] = (),
    data_dir: str | None = None,
    verbose: int | str = "auto",
    on_epoch: Callable[[dict[str, float]], None] | None = None,
) -> TrainingResult:
    """Continues a training where it stopped, whatever stopped it, or extends one that is finished.

    # Arguments
        folder: of the training.
        epochs: of each stage, a number for all of them or a mapping from stages' names, where they are to be others.
        repeat: the name of a stage to train anew.
        strategy: a `tf.distribute.Strategy`, of as many replicas as before.
        imports: modules, or paths of Python files, that register custom layers and quantizers.
        data_dir: where TensorFlow Datasets keeps its data, if it is elsewhere now.
        verbose, on_epoch: see `train`.

    # Returns
        A `TrainingResult`.

    # Raises
        ValueError: where the folder holds no training, a damaged one, or one on a data set that was not loaded by name.
    """
    folder = Path(folder)
    check_folder(folder, resume=True)
    settings = read_settings(folder)
    try:
        source, name, stages, notes = (settings[key] for key in ("source", "recipe", "stages", "notes"))
        arguments = {key: settings[key] for key in ("seed", "precision")}
        frozen = tuple(settings["frozen"])
    except KeyError as error:
        raise UserError(
            f"the settings in {str(folder)!r} lack {error}: another version wrote them; start the training again in "
            "another folder."
        ) from error
    if source is None:
        raise UserError(
            f"the training in {str(folder)!r} is on a data set of its own, {settings['dataset']!r}; resume it by "
            "larq_el.training.train(..., resume=True)."
        )
    recipe = recipe_from(name, stages).changed(epochs=epochs)
    source = source if data_dir is None else {**source, "data_dir": data_dir}
    dataset = replace(load_dataset(**source), source=settings["source"])
    networks = {path.stem: load_model(path, imports=imports) for path in sorted((folder / NETWORKS).glob("*.keras"))}
    if STUDENT not in networks:
        raise UserError(
            f"{str(folder / NETWORKS)!r} has lost {STUDENT + '.keras'!r}, the network that the training began with; "
            "start it again in another folder."
        )
    model = networks.pop(STUDENT)
    return train(
        model,
        dataset,
        recipe,
        folder,
        networks=networks,
        resume=True,
        repeat=repeat,
        strategy=strategy,
        frozen=frozen,
        tensorboard=notes.get("tensorboard", False),
        checkpoint_minutes=notes.get("checkpoint_minutes", 10.0),
        verbose=verbose,
        on_epoch=on_epoch,
        notes=notes,
        **arguments,
    )
