"""The registry of published weights."""

from dataclasses import dataclass, field

from larq_el.zoo.backbones import Options


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights that anybody may download.

    # Attributes
        model: name of the model, of `list_models()`.
        name: of the set, as in `create_model(..., weights="imagenet")`.
        url: of the file: `.npz` of `save_weights`, or `.h5` or `.keras` of Keras.
        sha256: of the file, in hexadecimal digits; a file with another is refused.
        size: of the file in bytes.
        input_shape: (height, width, channels) of the images that it was evaluated on.
        classes: number of classes.
        preprocessing: of the images, such as "larq_el.zoo.preprocess_input".
        top1: accuracy in percent on the dataset's validation split, measured with this very file.
        dataset: that it was trained on.
        recipe: that it was trained by, of `larq_el.zoo.recipes`, or a link.
        licence: of the weights.
        options: of the model that the weights are for.
    """

    model: str
    name: str
    url: str
    sha256: str
    size: int
    input_shape: tuple[int, int, int]
    classes: int
    preprocessing: str
    top1: float
    dataset: str
    recipe: str
    licence: str
    options: Options = field(default_factory=Options)

    @property
    def file_name(self) -> str:
        """What the file is called in the cache folder: another version of it has another name."""
        suffix = self.url.rsplit(".", 1)[-1]
        return f"{self.model}-{self.name}-{self.sha256[:8]}.{suffix}"


PUBLISHED: tuple[PublishedWeights, ...] = ()
"""All that is published: nothing yet."""


def find_published(model_name: str, weights_name: str) -> PublishedWeights | None:
    """The published weights of a model.

    # Arguments
        model_name: of `list_models()`.
        weights_name: of the set, such as "imagenet".

    # Returns
        None where there are none.

    >>> find_published("el_resnet26", "imagenet") is None
    True
    """
    matches = (entry for entry in PUBLISHED if (entry.model, entry.name) == (model_name, weights_name))
    return next(matches, None)
