"""Which images of a set of TensorFlow Datasets are trained on, and which are held out."""

import re
from typing import Any

from larq_el.errors import UserError, first_line

TEST_SPLITS = {"imagenet2012": "validation"}
"""Where it is not "test" although there is one: ImageNet's test labels are not published."""
SLICE = re.compile(r"(\w+)\[(?:(?P<until>:[^:\]]+)|(?P<since>[^:\]]+:))\]")
"""A split from its start, or to its end: train[:90%], train[90%:]."""


def choose_splits(
    builder: Any, split: str | None, test_split: str | None, *, any_images: bool = False
) -> tuple[str, str]:
    """The splits to train on and to test on.

    # Arguments
        builder: a `tfds.core.DatasetBuilder`.
        split, test_split: as TFDS writes them, see `larq_el.data.load.load_dataset`; None for what the set has.
        any_images: where the set has no test split, take the training images as such.

    # Raises
        ValueError: where the set has no such split, the two overlap, or one has to be named.
    """
    there = sorted(builder.info.splits)
    preferred = (TEST_SPLITS.get(builder.name, "test"), "validation")
    own = next((name for name in preferred if name in there), None)
    for given in (split, test_split):
        if given is not None:
            ranges(builder, given)
    if split is None and test_split is None:
        if "train" in there and (own or any_images):
            return "train", own or "train"
        raise UserError(
            f"data set {builder.name!r} must have a train and a test split, and has {', '.join(there)}; name parts of "
            f"what there is: --split '{there[0]}[:90%]' --test-split '{there[0]}[90%:]'."
        )
    train = split or _beside(builder, test_split or "", "train" if "train" in there else None)
    test = test_split or _beside(builder, train, own)
    if _overlap(builder, train, test):
        raise UserError(
            f"splits {train!r} and {test!r} of data set {builder.name!r} have images in common; test on others "
            "than are trained on."
        )
    return train, test


def _beside(builder: Any, spec: str, own: str | None) -> str:
    """The set's own split where it has no image in common with another one, else what that one leaves."""
    return own if own and not _overlap(builder, spec, own) else _rest(builder, spec)


def ranges(builder: Any, spec: str) -> dict[str, list[tuple[int, int]]]:
    """The images of a split: for each of the set's own splits the first and the one behind the last.

    # Arguments
        builder: a `tfds.core.DatasetBuilder`.
        spec: such as "train[:90%]+validation".

    # Raises
        ValueError: where the set has no such split, or no image is in it.
    """
    import tensorflow_datasets as tfds

    there = builder.info.splits
    try:
        parts = tfds.core.ReadInstruction.from_spec(spec).to_absolute(there)
    except (ValueError, AssertionError, KeyError) as error:
        raise UserError(
            f"data set {builder.name!r} has no split {spec!r} ({first_line(error).rstrip('.')}); it has "
            f"{', '.join(sorted(there))}, and parts such as 'train[:90%]'."
        ) from error
    found: dict[str, list[tuple[int, int]]] = {}
    for part in parts:
        first, last = part.from_ or 0, there[part.splitname].num_examples if part.to is None else part.to
        if first >= last:
            raise UserError(f"split {spec!r} of data set {builder.name!r} has no examples; name another part of it.")
        found.setdefault(part.splitname, []).append((first, last))
    return found


def _overlap(builder: Any, one: str, other: str) -> bool:
    ours, theirs = ranges(builder, one), ranges(builder, other)
    return any(
        max(a, c) < min(b, d) for name in ours.keys() & theirs.keys() for a, b in ours[name] for c, d in theirs[name]
    )


def _rest(builder: Any, spec: str) -> str:
    """What a part leaves of its split."""
    match = SLICE.fullmatch(spec)
    if match is None:
        raise UserError(
            f"what is not in split {spec!r} of data set {builder.name!r} cannot be told; name both, the one to train "
            "on (split, --split) and the one to test on (test_split, --test-split)."
        )
    part = f"{match['until'][1:]}:" if match["until"] else f":{match['since'][:-1]}"
    return f"{match[1]}[{part}]"
