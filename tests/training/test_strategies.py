"""Several processors: the same network as by one, and what a lost worker costs."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from larq_el.errors import UserError
from larq_el.models.loading import load_model
from larq_el.training.stage_folder import StageFolder
from larq_el.training.strategies import strategy_of

TRAINING = """
import sys
from larq_el._keras import keras, tf
if sys.argv[2] == "mirrored":
    cpu, = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from larq_el.training.strategies import strategy_of
strategy = strategy_of(sys.argv[2])
from larq_el import zoo
from larq_el.training import load_dataset, train
from larq_el.zoo.recipes import Optimizer, Recipe, Stage
keras.utils.set_random_seed(3)
model = zoo.create_model("el_resnet18", input_shape=(32, 32, 3), classes=10, width=0.0625)
# smooth, without signs that turn and moments that magnify where sums have another order
sgd = Optimizer("sgd", weight_decay=1e-3)
stage = Stage(epochs=int(sys.argv[3]), batch_size=32, learning_rate=0.01, level="tanh", optimizer=sgd)
recipe = Recipe("short", (stage,))
train(
    model, load_dataset(images=96), recipe, sys.argv[1], resume=sys.argv[4] == "resume", verbose=0, strategy=strategy,
    checkpoint_minutes=0,
)
"""


def start(folder, strategy, epochs=2, resume="start", task=None, ports=()):
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"}
    if task is not None:
        workers = [f"localhost:{port}" for port in ports]
        environment["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": task}}
        )
    command = [sys.executable, "-c", TRAINING, str(folder), strategy, str(epochs), resume]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def free_ports():
    sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def finish(*processes, timeout=200):
    for process in processes:
        _, said = process.communicate(timeout=timeout)
        assert process.returncode == 0, said


def weights(folder):
    return load_model(folder / "model.keras").get_weights()


def rows(folder):
    return json.loads((folder / "train" / "metrics.json").read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """One process that computes whole batches."""
    folder = tmp_path_factory.mktemp("alone") / "run"
    finish(start(folder, "none"))
    return folder


def check_equal(folder, alone):
    """Equal but for the order of sums: far nearer than the 0.08 by which another order of images changes weights."""
    for ours, theirs in zip(weights(folder), weights(alone), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=5e-3, atol=5e-4)
    for ours, theirs in zip(rows(folder), rows(alone), strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-3)


def test_two_replicas_of_one_process_train_what_one_does(alone, tmp_path):
    finish(start(tmp_path / "run", "mirrored"))
    check_equal(tmp_path / "run", alone)
    saved = load_model(tmp_path / "run" / "model.keras")
    assert not any(getattr(layer, "synchronized", False) for layer in saved.layers)


def test_two_workers_train_what_one_process_does(alone, tmp_path):
    ports = free_ports()
    finish(*(start(tmp_path / "run", "multiworker", task=task, ports=ports) for task in range(2)))
    check_equal(tmp_path / "run", alone)


def test_a_lost_worker_costs_the_steps_since_the_last_checkpoint(alone, tmp_path):
    folder, ports = tmp_path / "run", free_ports()
    workers = [start(folder, "multiworker", task=task, ports=ports) for task in range(2)]
    stage = StageFolder(folder / "train")
    while all(worker.poll() is None for worker in workers) and not (
        stage.checkpoints() and int(stage.checkpoints()[0].rpartition("-")[2]) >= 2
    ):
        time.sleep(0.01)
    workers[1].send_signal(signal.SIGKILL)
    for worker in workers:
        worker.kill()  # the others cannot go on without it
        worker.communicate()
    assert not (folder / "model.keras").exists()
    ports = free_ports()
    finish(*(start(folder, "multiworker", resume="resume", task=task, ports=ports) for task in range(2)))
    check_equal(folder, alone)


def test_names_and_clusters_that_are_not_there(monkeypatch):
    with pytest.raises(UserError, match="strategy must be one of none, auto, mirrored, multiworker, got 'tpu'"):
        strategy_of("tpu")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(UserError, match="strategy 'multiworker' needs a cluster: set TF_CONFIG in each worker"):
        strategy_of("multiworker")
    monkeypatch.setenv("TF_CONFIG", "{")
    with pytest.raises(UserError, match="the cluster cannot be used .*; look at TF_CONFIG"):
        strategy_of("auto")
    monkeypatch.delenv("TF_CONFIG")
    assert strategy_of("auto").num_replicas_in_sync == 1


def test_a_batch_is_divided_among_replicas(few):
    from larq_el.training.stage import Setting, steps_of_epoch
    from larq_el.zoo.recipes import Stage

    class Three:
        num_replicas_in_sync = 3

    with pytest.raises(UserError, match="a batch of 32 images cannot be divided among 3 replicas; give a multiple"):
        steps_of_epoch(Stage(batch_size=32), Setting(few, strategy=Three()))
    assert steps_of_epoch(Stage(batch_size=33), Setting(few, strategy=Three())) == 3
    assert steps_of_epoch(Stage(batch_size=33), Setting(few)) == 4


def test_the_workers_parts_make_the_whole_batches(few):
    from larq_el.data.dataset import Share

    arguments = {"image_size": (32, 32), "batch_size": 32, "seed": 1}
    whole = list(few.epoch(0, **arguments).as_numpy_iterator())
    parts = [list(few.epoch(0, share=Share(w, 2, 2), **arguments).as_numpy_iterator()) for w in range(2)]
    assert [len(part) for part in parts] == [8, 8]
    for at, (images, labels) in enumerate(whole):
        found = [parts[worker][2 * at + replica] for worker in range(2) for replica in range(2)]
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), images)
        np.testing.assert_array_equal(np.concatenate([y for _, y in found]), labels)
    rest = list(few.epoch(0, share=Share(0, 2, 1), skip=3, **arguments).as_numpy_iterator())
    np.testing.assert_array_equal(rest[0][1], whole[3][1][:16])
