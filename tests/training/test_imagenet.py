"""The recipe for ImageNet at 224 px, on a few hundred images in the layout of `imagenet2012`."""

import numpy as np
import pytest

from larq_el import zoo
from larq_el.data.load import load_dataset
from larq_el.training import train
from larq_el.zoo.recipes import RECIPES

tfds = pytest.importorskip("tensorflow_datasets")
COUNTS = {"train": 96, "validation": 24}


@pytest.fixture
def imagenet(tmp_path):
    """JPEGs of many sizes, of 1,000 classes, under the names that TensorFlow Datasets gives ImageNet's files."""

    class Imagenet2012(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("5.1.0")
        name = "imagenet2012"
        pkg_dir_path = tmp_path

        def _info(self):
            features = tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(encoding_format="jpeg"),
                    "label": tfds.features.ClassLabel(num_classes=1000),
                    "file_name": tfds.features.Text(),
                }
            )
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager):
            return {split: self._generate_examples(split) for split in COUNTS}

        def _generate_examples(self, split):
            random = np.random.default_rng(len(split))
            for at in range(COUNTS[split]):
                shape = (*random.integers(180, 400, 2), 3)
                image = np.full(shape, random.integers(0, 256, 3), np.uint8)
                yield at, {"image": image, "label": int(random.integers(1000)), "file_name": f"{at}.JPEG"}

    Imagenet2012(data_dir=str(tmp_path)).download_and_prepare()
    return load_dataset("imagenet2012", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["elastic_link", "reactnet"])
def test_the_recipe_runs_at_224_px(imagenet, recipe, tmp_path):
    assert (imagenet.train_size, imagenet.test_size) == (96, 24)
    assert len(imagenet.class_names) == 1000
    assert imagenet.default_image_size == 224
    shape = {"input_shape": (224, 224, 3), "classes": 1000, "width": 0.125}
    from larq_el.training import networks_of

    chosen = RECIPES[recipe].quick().changed(batch_size=32)
    name = "el_resnet26" if recipe == "elastic_link" else "react_resnet18"
    networks = networks_of(chosen, name, **shape)
    result = train(zoo.create_model(name, **shape), imagenet, chosen, tmp_path / "run", networks=networks, verbose=0)
    assert np.isfinite(result.metrics[-1]["loss"])
    assert "test_top5" in result.metrics[-1]
