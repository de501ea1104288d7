"""Counts every model of the zoo at 224 px and writes the table of docs/models.md, the last section of that file.

python benchmarks/model_table.py [--output docs/models.md]
"""

import argparse
from pathlib import Path

from larq_el import zoo
from larq_el._keras import keras
from larq_el.complexity import complexity
from larq_el.files import write_atomically

HEAD = """## Counts

Full size, 224 px, 1000 classes, written by `python benchmarks/model_table.py`. BOPs and FLOPs are multiply-accumulates
of convolutions and dense layers, binary and other; OPs = FLOPs + BOPs / 64 (the convention of Bi-Real net). MB is the
size of the weights when deployed, one bit or four bytes each. Top-1 is on ImageNet as published, in percent; "Not
Converge" is a result of the paper's Table 3; the zoo has no trained weights of its own yet.

| model | same network | source | published top-1 | parameters, M | binary, M | BOPs, M | FLOPs, M | OPs, M | MB |
|---|---|---|---|---|---|---|---|---|---|
"""


def row(name: str) -> str:
    keras.backend.clear_session()
    described, counted = zoo.describe(name), complexity(zoo.create_model(name))
    millions = (counted.parameters, counted.binary_parameters, counted.bops, counted.flops, counted.ops, counted.bytes)
    top1 = "" if described["top1"] is None else f"{described['top1']:.1f}"
    top1 = "Not Converge" if described["not_converged"] else top1
    cells = [name, ", ".join(described["same_as"]), described["source"], top1]
    return "| " + " | ".join(cells + [f"{value / 1e6:.2f}" for value in millions]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "docs" / "models.md")
    output = parser.parse_args().output
    before = output.read_text().split(HEAD.splitlines()[0])[0] if output.exists() else ""
    output.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(output, (before + HEAD + "\n".join(map(row, zoo.list_models())) + "\n").encode())
    print(f"{output}: {len(zoo.list_models())} models")


if __name__ == "__main__":
    main()
