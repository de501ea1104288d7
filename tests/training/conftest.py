from dataclasses import replace

import pytest

from larq_el.training import load_dataset


@pytest.fixture(scope="session")
def few():
    """128 training and 64 test images."""
    digits = load_dataset("digits")
    return replace(digits, train=digits.train.take(128), test=digits.test.take(64), train_size=128, test_size=64)
