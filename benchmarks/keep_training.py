"""Keeps what a finished training came to: settings, metrics, gammas, and the last network's weights, packed.

    python benchmarks/keep_training.py RUN [RUN ...] --output benchmarks/results/trainings

Binary weights take one bit each; where the data set was on this machine is left out.
"""

import argparse
import json
import shutil
from pathlib import Path

from larq_el import zoo
from larq_el.files import write_atomically
from larq_el.models.loading import load_model
from larq_el.training.run import MODEL, read_settings
from larq_el.training.stage_folder import GAMMAS, METRICS


def keep(run: Path, output: Path) -> int:
    """Copies a run into a folder of its name, and returns the bytes of the weights."""
    folder = output / run.name
    folder.mkdir(parents=True, exist_ok=True)
    settings = read_settings(run)
    (settings["source"] or {}).pop("data_dir", None)
    write_atomically(folder / "settings.json", (json.dumps(settings, indent=2) + "\n").encode())
    for stage in settings["stages"]:
        for name in (METRICS, GAMMAS):
            if (run / stage["name"] / name).is_file():
                shutil.copy(run / stage["name"] / name, folder / f"{stage['name']}-{name}")
    report = zoo.save_weights(load_model(run / MODEL), folder / "weights.npz", overwrite=True)
    return report.size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    for run in args.runs:
        print(f"{run.name}: {keep(run, args.output) / 1e6:.2f} MB of weights")


if __name__ == "__main__":
    main()
