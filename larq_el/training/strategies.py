"""One processor, several of one machine, or several machines."""

import os
from typing import Any

from larq_el._keras import tf
from larq_el.errors import UserError, first_line

NAMES = ("none", "auto", "mirrored", "multiworker")


def strategy_of(name: str) -> Any:
    """A `tf.distribute.Strategy` by name.

    # Arguments
        name: "none" for one processor; "mirrored" for all GPUs of this machine (or what
            `tf.config.set_logical_device_configuration` divides the CPU into); "multiworker" for a cluster, as the
            environment variable TF_CONFIG or Slurm describes it; "auto" for what is there of these.

    # Raises
        ValueError: where there is no such strategy, or no cluster for "multiworker".

    >>> strategy_of("none").num_replicas_in_sync
    1
    """
    if name not in NAMES:
        raise UserError(f"strategy must be one of {', '.join(NAMES)}, got {name!r}.")
    in_slurm = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    is_cluster = in_slurm or "TF_CONFIG" in os.environ
    if name == "multiworker" and not is_cluster:
        raise UserError(
            "strategy 'multiworker' needs a cluster: set TF_CONFIG in each worker (see docs/training.md), or start it "
            "with srun."
        )
    if name == "multiworker" or (name == "auto" and is_cluster):
        return _multiworker(in_slurm)
    if name == "mirrored" or (name == "auto" and len(tf.config.list_logical_devices("GPU")) > 1):
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def _multiworker(in_slurm: bool) -> Any:
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver() if in_slurm else None
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except (ValueError, KeyError, RuntimeError, tf.errors.OpError) as error:
        raise UserError(
            f"the cluster cannot be used ({first_line(error)}); look at TF_CONFIG: the same 'cluster' in each worker, "
            "and a 'task' of its own."
        ) from error
