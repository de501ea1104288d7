"""Pictures of trainings: curves, the links' gammas (the paper's Figure 4), feature maps (its Figure 1)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from larq_el.errors import UserError
from larq_el.pictures import as_picture, new_figure
from larq_el.training.run import check_folder, read_settings
from larq_el.training.stage_folder import GAMMAS, METRICS, read_rows

HELD_OUT = ("validation", "test")


def _stages(run: Path) -> list[str]:
    check_folder(run, resume=True, in_use=True)
    try:
        return [str(stage["name"]) for stage in read_settings(run)["stages"]]
    except (KeyError, TypeError) as error:
        raise UserError(f"the settings in {str(run)!r} name no stages; give the folder of a training.") from error


def draw_curves(runs: Sequence[Path], suffix: str) -> bytes:
    """Loss and accuracy over the epochs, the stages of each training one after the other; a colour a training.

    # Arguments
        runs: folders of trainings.
        suffix: of the picture, such as ".png".

    # Raises
        ValueError: where one is no training, or has no finished epoch.
    """
    figure = new_figure(11, 5)
    losses, accuracies = figure.subplots(1, 2)
    for number, run in enumerate(runs):
        done, colour, drawn = 0, f"C{number % 10}", False
        for stage in _stages(run):
            rows = read_rows(run / stage / METRICS)
            held_out = next((name for name in HELD_OUT if rows and f"{name}_accuracy" in rows[0]), None)
            if held_out is None:
                continue
            epochs = [done + row["epoch"] for row in rows]
            label = None if drawn else f"{run.name}, {held_out}"
            style = {"color": colour, "marker": "." if len(rows) < 30 else None}
            accuracies.plot(epochs, [100 * row[f"{held_out}_accuracy"] for row in rows], label=label, **style)
            accuracies.plot(epochs, [100 * row["accuracy"] for row in rows], color=colour, linestyle=":", linewidth=1)
            losses.plot(epochs, [row["loss"] for row in rows], label=None if drawn else run.name, **style)
            if done:
                for panel in (losses, accuracies):
                    panel.axvline(done + 0.5, color=colour, linewidth=0.5, alpha=0.5)
            done, drawn = epochs[-1], True
        if not drawn:
            raise UserError(f"no epoch of the training in {str(run)!r} is finished; wait for one.")
    losses.set(xlabel="epoch", ylabel="training loss", title="Loss of each stage")
    accuracies.set(xlabel="epoch", ylabel="top-1, %", title="Accuracy (dotted: on training images, augmented)")
    for panel in (losses, accuracies):
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.legend(fontsize=8)
    return as_picture(figure, suffix)


def gammas_of_run(run: Path) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """The links' gammas before and after a training, by the links' names, in the order of computation.

    # Arguments
        run: folder of a training.

    # Raises
        ValueError: where it is none, or its network has no links with a gamma.
    """
    for stage in reversed(_stages(run)):
        rows = read_rows(run / stage / GAMMAS)
        if len(rows) > 1:
            return rows[0]["gammas"], rows[-1]["gammas"]
    raise UserError(
        f"the training in {str(run)!r} has logged no gammas; its network has no learned links, or no epoch."
    )


def draw_gammas(runs: Sequence[Path], suffix: str) -> bytes:
    """Figure 4: every gamma before and after training, by depth; reductions and expansions in colours of their own.

    # Arguments
        runs: folders of trainings.
        suffix: of the picture, such as ".png".
    """
    figure = new_figure(10, 3.6 * len(runs))
    panels = np.atleast_1d(figure.subplots(len(runs), 1))
    for panel, run in zip(panels, runs, strict=True):
        before, after = gammas_of_run(run)
        for kind, colour in (("reduce", "C0"), ("expand", "C1"), ("", "C2")):
            places = [
                (depth, name)
                for depth, name in enumerate(before)
                if (kind and kind in name) or (not kind and "reduce" not in name and "expand" not in name)
            ]
            if not places:
                continue
            depths = [depth for depth, _ in places]
            panel.scatter(depths, [before[name] for _, name in places], facecolors="none", edgecolors=colour)
            panel.scatter(depths, [after[name] for _, name in places], color=colour, label=f"{kind or 'link'}, trained")
            for depth, name in places:
                panel.plot([depth, depth], [before[name], after[name]], color=colour, linewidth=1)
        panel.set_xticks(range(len(before)), [_short(name) for name in before], rotation=60, ha="right", fontsize=7)
        panel.set(ylabel="gamma", title=f"{run.name} (hollow: before training)")
        panel.legend(fontsize=8)
    return as_picture(figure, suffix)


def _short(name: str) -> str:
    return name.removesuffix("_link").replace("stage", "").replace("_block", ".").replace("_", " ")


def draw_features(models: Mapping[str, Any], image: np.ndarray, suffix: str) -> bytes:
    """Figure 1: where several networks look, on one image: the mean of |activation| at the end of each stage.

    # Arguments
        models: `tf.keras.Model`s of the zoo by the titles of their columns.
        image: preprocessed, (1, H, W, 3).
        suffix: of the picture, such as ".png".

    # Raises
        ValueError: where a model has no blocks.
    """
    from larq_el._keras import keras
    from larq_el.data.policy import IMAGENET_MEAN
    from larq_el.training.distillation import block_ends

    maps = {}
    for title, model in models.items():
        ends: dict[Any, Any] = {}
        for tensor in block_ends(model).values():
            ends[tensor.shape[1:3]] = tensor  # the last block of each resolution
        if not ends:
            raise UserError(f"{model.name!r} has no blocks whose outputs could be drawn; give a model of the zoo.")
        outputs = keras.Model(model.inputs, list(ends.values())).predict_on_batch(image)
        maps[title] = [np.abs(output[0]).mean(axis=-1) for output in (outputs if len(ends) > 1 else [outputs])]
    rows = 1 + max(map(len, maps.values()))
    figure = new_figure(2.2 * len(maps), 2.2 * rows)
    panels = np.reshape(figure.subplots(rows, len(maps)), (rows, len(maps)))
    for column, (title, found) in enumerate(maps.items()):
        for panel in panels[:, column]:
            panel.axis("off")
        panels[0, column].imshow((image[0] + np.asarray(IMAGENET_MEAN)).clip(0, 255).astype(np.uint8))
        panels[0, column].set_title(title, fontsize=8)
        for panel, one in zip(panels[1:, column], found, strict=False):
            panel.imshow(one, cmap="viridis")
    return as_picture(figure, suffix)
