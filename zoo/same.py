"""Names of the zoo that stand for one network.

They are rows of the paper with accuracies of their own. Where two rows are one network, either the paper says so itself
(EL_6 is Elastic-Link; on basic blocks, where no width changes, EL-dagger is Real-to-Binary), or its text does not tell
what sets them apart (EL_2 and EL_3).
"""

SAME: tuple[tuple[str, ...], ...] = (
    ("el_resnet26", "el_6_resnet26"),
    ("el_2_resnet26", "el_3_resnet26"),
    ("el_1_resnet26", "s_first_el_resnet26"),
    ("s_ks_resnet26", "s_first_binary_resnet26"),
    ("real_to_bin_resnet18", "el_dagger_resnet18"),
    ("real_to_bin_resnet34", "el_dagger_resnet34"),
)
"""`tests/zoo/test_same.py` builds every model and finds these groups and no others."""


def same_as(name: str) -> list[str]:
    """The other names of a network.

    # Arguments
        name: of `list_models()`.

    # Returns
        Names of models with the same layers, in the same places, with the same gradients.

    >>> same_as("el_resnet26"), same_as("el_resnet50")
    (['el_6_resnet26'], [])
    """
    return [other for group in SAME if name in group for other in group if other != name]
