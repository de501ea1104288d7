"""Recipes of several stages: what each begins with, what it leaves, and what happens between."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from larq_el import zoo
from larq_el._keras import keras
from larq_el.errors import UserError
from larq_el.introspection import has_binary_kernel
from larq_el.training import load_dataset, networks_of, resume_training, train
from larq_el.training.stage import Setting, initial_network
from larq_el.training.stage_folder import StageFolder
from larq_el.training.transfer import named_weights
from larq_el.zoo.recipes import RECIPES, Losses, Recipe, Schedule, Stage

TINY = {"input_shape": (32, 32, 3), "classes": 10, "width": 0.125}
TWO = Recipe(
    "two",
    (
        Stage("activations", epochs=1, batch_size=32, level="binary_activations"),
        Stage("binary", epochs=2, batch_size=32, start="activations", schedule=Schedule("linear", drops=())),
    ),
)


def student(seed=3):
    keras.utils.set_random_seed(seed)
    return zoo.create_model("el_resnet18", **{**TINY, "width": 0.0625})


def weights_of(path):
    return keras.models.load_model(path, compile=False).get_weights()


@pytest.fixture(scope="module")
def straight(few, tmp_path_factory):
    """A training of two stages that nothing interrupts."""
    folder = tmp_path_factory.mktemp("straight") / "run"
    model = student()
    return train(model, few, TWO, folder, verbose=0), model, folder


def test_a_stage_has_its_level_and_hands_its_weights_on(straight):
    _, model, folder = straight
    first = keras.models.load_model(folder / "activations" / "model.keras", compile=False)
    assert not any(map(has_binary_kernel, first.layers))
    assert sum(map(has_binary_kernel, model.layers)) == 16
    saved = keras.models.load_model(folder / "model.keras", compile=False)
    assert sum(map(has_binary_kernel, saved.layers)) == 16
    for ours, theirs in zip(saved.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_a_run_leaves(straight, few):
    result, _, folder = straight
    assert sorted(os.listdir(folder)) == [
        ".lock", "activations", "binary", "labels.txt", "model.keras", "networks", "settings.json",
    ]  # fmt: skip
    assert (folder / "labels.txt").read_text().split() == list(few.class_names)
    assert list(result.stages) == ["activations", "binary"]
    assert [row["epoch"] for row in result.metrics] == [1, 2]
    table = (folder / "binary" / "metrics.csv").read_text().splitlines()
    assert len(table) == 3
    assert {"epoch", "loss", "accuracy", "top5", "gradient_norm", "test_accuracy", "test_top5", "learning_rate"} <= set(
        table[0].split(",")
    )


@pytest.mark.parametrize("at", [("activations", 2), ("binary", 1), ("binary", 6)])
def test_interrupted_in_the_middle_of_an_epoch_it_ends_as_if_it_had_not_been(straight, few, tmp_path, at):
    result, model, _ = straight

    class Stop(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            Stop.steps += 1
            if Stop.steps == at[1] + (4 if at[0] == "binary" else 0):
                raise KeyboardInterrupt

    # a checkpoint after each step; the last step is lost, as the interruption comes before its own
    with pytest.raises(KeyboardInterrupt):
        train(student(), few, TWO, tmp_path / "run", verbose=0, checkpoint_minutes=0, callbacks=[Stop()])
    resumed = student(seed=99)  # whatever a new process begins with
    again = train(resumed, few, TWO, tmp_path / "run", resume=True, verbose=0)
    assert again.stages == result.stages
    for ours, theirs in zip(resumed.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


KILLED = """
import sys
from larq_el import zoo
from larq_el._keras import keras
from larq_el.training import load_dataset, resume_training, train
from larq_el.zoo.recipes import Recipe, Stage
folder = sys.argv[1]
if sys.argv[2] == "start":
    keras.utils.set_random_seed(3)
    model = zoo.create_model("el_resnet18", input_shape=(32, 32, 3), classes=10, width=0.0625)
    stages = (Stage("a", epochs=1, batch_size=32, level="tanh"), Stage("b", epochs=2, batch_size=32, start="a"))
    train(model, load_dataset(images=128), Recipe("two", stages), folder, verbose=0, checkpoint_minutes=0)
else:
    resume_training(folder, verbose=0)
"""


def steps_done(folder):
    """Steps of all stages that have a checkpoint."""
    parts = [StageFolder(folder / stage).checkpoints() for stage in "ab"]
    return sum(int(found[0].rpartition("-")[2]) for found in parts if found)


def run(folder, what, until=None):
    """Starts or resumes a training in a process of its own, and kills it after so many steps."""
    command = [sys.executable, "-c", KILLED, str(folder), what]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while until is not None and process.poll() is None and steps_done(folder) < until:
            time.sleep(0.001)
        if until is not None:
            process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    assert process.returncode == (0 if until is None else -signal.SIGKILL), said


def test_killed_anywhere_it_ends_as_if_it_had_not_been(tmp_path):
    """In the middle of an epoch, between two stages, and whatever is being written at that time."""
    run(tmp_path / "straight", "start")
    run(tmp_path / "killed", "start", until=2)
    run(tmp_path / "killed", "resume", until=4)
    run(tmp_path / "killed", "resume", until=7)
    run(tmp_path / "killed", "resume")
    expected, found = (weights_of(tmp_path / name / "model.keras") for name in ("straight", "killed"))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for stage in "ab":
        expected, found = ((tmp_path / name / stage / "metrics.json").read_text() for name in ("straight", "killed"))
        assert found == expected


def test_more_epochs_extend_a_finished_training(straight, few, tmp_path):
    _, model, folder = straight
    shutil.copytree(folder, tmp_path / "run")
    longer = TWO.changed(epochs={"binary": 3})
    result = train(student(), few, longer, tmp_path / "run", resume=True, verbose=0)
    assert [row["epoch"] for row in result.metrics] == [1, 2, 3]
    assert json.loads((tmp_path / "run" / "settings.json").read_text())["stages"][1]["epochs"] == 3
    saved = weights_of(tmp_path / "run" / "model.keras")
    assert any(not np.array_equal(a, b) for a, b in zip(saved, model.get_weights(), strict=True))
    with pytest.raises(UserError, match="stage 'binary' has 3 epochs behind it, and cannot end after 1; give at least"):
        train(student(), few, TWO.changed(epochs={"binary": 1}), tmp_path / "run", resume=True, verbose=0)
    with pytest.raises(UserError, match="stage 'binary' builds on 'activations', which had 1 epochs and not 4; repeat"):
        train(student(), few, TWO.changed(epochs={"activations": 4}), tmp_path / "run", resume=True, verbose=0)


def test_a_stage_is_repeated_alone(straight, few, tmp_path):
    result, model, folder = straight
    shutil.copytree(folder, tmp_path / "run")
    before = (tmp_path / "run" / "activations" / "model.keras").stat().st_mtime_ns
    again = student(seed=5)
    repeated = train(again, few, TWO, tmp_path / "run", resume=True, repeat="binary", verbose=0)
    assert (tmp_path / "run" / "activations" / "model.keras").stat().st_mtime_ns == before
    assert repeated.metrics == result.metrics
    for ours, theirs in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(UserError, match="recipe 'two' has no stage 'binry'; did you mean 'binary'"):
        train(student(), few, TWO, tmp_path / "run", resume=True, repeat="binry", verbose=0)


def test_a_damaged_stage_is_a_sentence(straight, few, tmp_path):
    shutil.copytree(straight[2], tmp_path / "run")
    (tmp_path / "run" / "activations" / "model.keras").write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"activations/model.keras' is damaged, .* train stage 'activations' again"):
        train(student(), few, TWO, tmp_path / "run", resume=True, verbose=0)


def test_a_training_is_resumed_from_its_folder_alone(few, tmp_path):
    data = load_dataset(validation=0.1, images=64)
    recipe = TWO.changed(epochs=1)
    first = train(student(), data, recipe, tmp_path / "run", verbose=0, seed=4)
    again = resume_training(tmp_path / "run", epochs={"binary": 2}, verbose=0)
    assert again.stages["activations"] == first.stages["activations"]
    assert [row["epoch"] for row in again.metrics] == [1, 2]
    assert "validation_accuracy" in again.metrics[0]
    with pytest.raises(UserError, match="there is no training to resume"):
        resume_training(tmp_path / "none")


def test_what_cannot_be_resumed_from_its_folder_says_how(few, tmp_path):
    from dataclasses import replace

    own = replace(few, source=None, name="mine")
    train(student(), own, TWO.changed(epochs=1), tmp_path / "run", verbose=0)
    with pytest.raises(UserError, match=r"on a data set of its own, 'mine'; resume it by .*train\(..., resume=True\)"):
        resume_training(tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    del settings["stages"]
    (tmp_path / "run" / "settings.json").write_text(json.dumps(settings))
    with pytest.raises(UserError, match="the settings in '.*run' lack 'stages': another version wrote them"):
        resume_training(tmp_path / "run")


def test_lost_networks_are_a_sentence(straight, few, tmp_path):
    shutil.copytree(straight[2], tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "settings.json").read_text())
    settings["source"] = {"name": "digits"}
    (tmp_path / "run" / "settings.json").write_text(json.dumps(settings))
    shutil.rmtree(tmp_path / "run" / "networks")
    with pytest.raises(UserError, match="has lost 'student.keras', the network that the training began with"):
        resume_training(tmp_path / "run")


MODELS = {
    "real_to_binary": "real_to_bin_resnet18",
    "real_to_binary_cifar10": "el_dagger_resnet26",
    "reactnet": "el_reactnet_c",
    "reactnet_cifar10": "react_resnet18",
    "bi_real": "bi_real_resnet18",
    "bi_real_fine_tuning": "bi_real_resnet18",
    "binary_e": "binary_e_resnet18",
    "xnor_net": "xnor_resnet18",
    "xnor_plus_plus": "xnor_plus_plus_resnet18",
    "abc_net": "abc_resnet18",
    "tbn": "tbn_resnet18",
    "ci_net": "ci_net_resnet18",
    "mobinet": "mobinet_mid",
    "full_precision": "resnet18",
    "full_precision_cifar10": "resnet26",
    "elastic_link": "el_resnet26",
    "elastic_link_cifar10": "el_mobilenet",
    "elastic_link_imagenette": "el_resnet18",
}


def test_every_recipe_is_tried():
    # the one for networks that are not of the zoo is tried by the story of docs/binarize.md
    assert {*MODELS, "binarized"} == RECIPES.keys()


@pytest.mark.slow
@pytest.mark.parametrize(("recipe", "name"), MODELS.items())
def test_every_recipe_runs_through_all_its_stages(recipe, name, tmp_path):
    chosen = RECIPES[recipe].quick()
    shape = {**TINY, "width": 0.0625}
    networks = networks_of(chosen, name, **shape)
    data = load_dataset(images=64)
    result = train(zoo.create_model(name, **shape), data, chosen, tmp_path / "run", networks=networks, verbose=0)
    assert list(result.stages) == [stage.name for stage in chosen.stages]
    assert all(np.isfinite(row["loss"]) for rows in result.stages.values() for row in rows)


def test_a_student_learns_from_its_teacher_alone(few, tmp_path):
    """Without labels: what the loss falls by is what the teacher says."""
    alone = Losses(cross_entropy=0.0, distillation=1.0, attention=10.0)
    taught = Recipe(
        "taught",
        (
            Stage("teacher", epochs=1, batch_size=32, network="float"),
            Stage("binary", epochs=3, batch_size=32, teacher="teacher", losses=alone),
        ),
    )
    networks = networks_of(taught, "el_resnet18", **{**TINY, "width": 0.0625})
    rows = train(student(), few, taught, tmp_path / "run", networks=networks, verbose=0).metrics
    assert rows[2]["loss"] < rows[0]["loss"]
    for row in rows:
        np.testing.assert_allclose(row["distillation"] + row["attention"], row["loss"], rtol=1e-5)
    # a teacher that is there takes the place of the stage
    given = {"teacher": keras.models.load_model(tmp_path / "run" / "teacher" / "model.keras", compile=False)}
    again = train(student(), few, taught, tmp_path / "again", networks=given, verbose=0)
    assert list(again.stages) == ["binary"]
    assert again.metrics == rows


def test_teachers_that_do_not_fit_are_sentences(few, tmp_path):
    recipe = Recipe("taught", (Stage(epochs=1, teacher="teacher", losses=Losses(distillation=1.0), batch_size=32),))

    def taught_by(chosen, **networks):
        train(student(), few, chosen, tmp_path / "run", networks=networks, verbose=0)

    other = zoo.create_model("resnet18", **{**TINY, "classes": 7})
    with pytest.raises(UserError, match="the teacher 'resnet18' has 7 classes and 'el_resnet18' has 10; give a teach"):
        taught_by(recipe, teacher=other)
    larger = zoo.create_model("resnet18", **{**TINY, "input_shape": (40, 40, 3)})
    with pytest.raises(UserError, match=r"takes images of shape \(40, 40, 3\) and 'el_resnet18' of \(32, 32, 3\)"):
        taught_by(recipe, teacher=larger)
    with pytest.raises(UserError, match="recipe 'elastic_link' has no teacher; leave the teacher out"):
        taught_by(RECIPES["elastic_link"], teacher=other)
    with pytest.raises(
        UserError, match="stage 'train' of recipe 'float' trains the network 'float', which is not amon"
    ):
        taught_by(Recipe("float", (Stage(network="float"),)))
    with pytest.raises(UserError, match="trains the float network of 'el_reactnet_c', and the zoo has none"):
        networks_of(RECIPES["real_to_binary"], "el_reactnet_c", **TINY)
    with pytest.raises(UserError, match="takes a teacher that neither a stage nor you give"):
        taught_by(recipe)
    assert not (tmp_path / "run").exists()


def test_attention_needs_blocks_that_both_have(few, tmp_path):
    recipe = Recipe("taught", (Stage(epochs=1, teacher="teacher", losses=Losses(attention=1.0), batch_size=32),))
    networks = {"teacher": zoo.create_model("mobilenet", **TINY)}
    with pytest.raises(UserError, match="'el_resnet18' and its teacher 'mobilenet' have no blocks of one name and siz"):
        train(student(), few, recipe, tmp_path / "run", networks=networks, verbose=0)


def test_a_batch_larger_than_the_data_is_a_sentence(few, tmp_path):
    with pytest.raises(UserError, match="a batch of 256 images is larger than the data: 'digits' has 128 to train on"):
        train(student(), few, RECIPES["elastic_link"], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_latent_weights_start_where_the_stage_says(few):
    def kernel(stage, name):
        return named_weights(initial_network(stage, student(), None, Setting(few)))[name].numpy()

    name = "stage1_block1_first_conv/kernel"
    np.testing.assert_allclose(kernel(Stage(latent_scale=0.1), name), 0.1 * kernel(Stage(), name), rtol=1e-6)
    ranged = Stage(latent_range=(0.0, 1e-3))
    assert 0 <= kernel(ranged, name).min() < kernel(ranged, name).max() < 1e-3
    np.testing.assert_array_equal(kernel(ranged, "stem_conv/kernel"), kernel(Stage(), "stem_conv/kernel"))


def test_mined_edges_are_handed_on(few, tmp_path):
    stages = (
        Stage("train", epochs=1, batch_size=64),
        Stage("mined", epochs=1, batch_size=64, start="train", proposals=40),
        Stage("last", epochs=1, batch_size=64, start="mined"),
    )
    train(zoo.create_model("ci_net_resnet18", **TINY), few, Recipe("mined", stages), tmp_path / "run", verbose=0)
    edges = []
    for stage in stages:
        saved = keras.models.load_model(tmp_path / "run" / stage.name / "model.keras", compile=False)
        edges.append([layer.edges for layer in saved.layers if hasattr(layer, "edges")])
    assert not any(edges[0])
    assert any(edges[1])
    assert edges[2] == edges[1]


def test_callbacks_of_the_user_see_one_training(few, tmp_path):
    seen = []

    class Seen(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append("begin")

        def on_epoch_end(self, epoch, logs=None):
            seen.append(epoch)
            self.model.stop_training = epoch == 1

        def on_train_end(self, logs=None):
            seen.append("end")

    recipe = Recipe("short", (Stage(epochs=4, batch_size=64),))
    result = train(student(), few, recipe, tmp_path / "run", verbose=0, callbacks=[Seen()])
    assert seen == ["begin", 0, 1, "end"]
    assert len(result.metrics) == 2


def test_the_best_network_is_kept_beside_the_last(few, tmp_path):
    recipe = Recipe("short", (Stage(epochs=4, batch_size=32, learning_rate=0.03),))
    result = train(student(), few, recipe, tmp_path / "run", verbose=0)
    best = keras.models.load_model(result.best_path, compile=False)
    images, labels = few.samples(64, (32, 32))
    found = np.mean(best.predict_on_batch(images).argmax(-1) == labels)
    np.testing.assert_allclose(found, max(row["test_accuracy"] for row in result.metrics), atol=1e-6)
