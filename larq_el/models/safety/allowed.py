"""What a Keras file of unknown origin may name: layers, initializers and the like, and functions of tensors.

Names are listed one by one. Most of what the packages offer beside them is harmless too, but among it are functions
that download, unpack, import and call, so that whatever is added here has to be looked at first. What of Keras is left
out holds code (Lambda), reads files (DenseFeatures, DynamicLookup), or calls whatever method of a tensor a file names.
"""


def words(text: str) -> list[str]:
    """The words of a text.

    >>> words("ELU ReLU")
    ['ELU', 'ReLU']
    """
    return text.split()


LAYERS = words("""
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average AveragePooling1D
    AveragePooling2D AveragePooling3D AvgPool1D AvgPool2D AvgPool3D BatchNormalization Bidirectional
    CategoryEncoding CenterCrop Concatenate Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose
    ConvLSTM1D ConvLSTM2D ConvLSTM3D Convolution1D Convolution1DTranspose Convolution2D Convolution2DTranspose
    Convolution3D Convolution3DTranspose Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D
    Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell GaussianDropout GaussianNoise
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D GlobalAvgPool1D GlobalAvgPool2D
    GlobalAvgPool3D GlobalMaxPool1D GlobalMaxPool2D GlobalMaxPool3D GlobalMaxPooling1D GlobalMaxPooling2D
    GlobalMaxPooling3D GroupNormalization HashedCrossing Hashing Identity InputLayer IntegerLookup LSTM LSTMCell
    Layer LayerNormalization LeakyReLU LocallyConnected1D LocallyConnected2D Masking MaxPool1D MaxPool2D MaxPool3D
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply Normalization PReLU Permute
    RNN RandomBrightness RandomContrast RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation
    RandomWidth RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D SeparableConv2D
    SeparableConvolution1D SeparableConvolution2D SimpleRNN SimpleRNNCell Softmax SpatialDropout1D SpatialDropout2D
    SpatialDropout3D SpectralNormalization StackedRNNCells StringLookup Subtract TextVectorization ThresholdedReLU
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D ZeroPadding2D
    ZeroPadding3D
""")
INITIALIZERS = words("""
    Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal LecunUniform Ones Orthogonal
    RandomNormal RandomUniform TruncatedNormal VarianceScaling Zeros constant glorot_normal glorot_uniform he_normal
    he_uniform identity lecun_normal lecun_uniform ones orthogonal random_normal random_uniform truncated_normal
    variance_scaling zeros
""")
CONSTRAINTS = words("""
    MaxNorm MinMaxNorm NonNeg RadialConstraint UnitNorm max_norm min_max_norm non_neg radial_constraint unit_norm
""")
REGULARIZERS = words("L1 L1L2 L2 OrthogonalRegularizer l1 l1_l2 l2 orthogonal_regularizer")
ACTIVATIONS = words("""
    elu exponential gelu hard_sigmoid leaky_relu linear log_softmax mish relu relu6 selu sigmoid silu softmax
    softplus softsign swish tanh
""")

LARQ_LAYERS = words("""
    QuantConv1D QuantConv2D QuantConv2DTranspose QuantConv3D QuantConv3DTranspose QuantDense QuantDepthwiseConv2D
    QuantLocallyConnected1D QuantLocallyConnected2D QuantSeparableConv1D QuantSeparableConv2D
""")
QUANTIZERS = words("""
    ApproxSign DoReFa DoReFaQuantizer MagnitudeAwareSign NoOp NoOpQuantizer SteHeaviside SteSign SteTern SwishSign
""")
QUANTIZER_NAMES = words("""
    approx_sign dorefa_quantizer magnitude_aware_sign ste_heaviside ste_sign ste_tern swish_sign
""")
LARQ_CONSTRAINTS = words("WeightClip weight_clip")
LARQ_ACTIVATIONS = words("hard_tanh leaky_tanh")

CLASSES = {
    "keras": ["Model", "Sequential"],
    "keras.layers": LAYERS,
    "keras.layers.experimental": ["EinsumDense", "RandomFourierFeatures", "SyncBatchNormalization"],
    "keras.initializers": INITIALIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras.regularizers": [name for name in REGULARIZERS if name != "l1_l2"],
    "keras.mixed_precision": ["Policy"],
    # Keras exports these under no name of its own
    "keras.src.engine.functional": ["Functional"],
    "keras.src.layers.core.tf_op_layer": ["SlicingOpLambda", "TFOpLambda"],
    # of networks of keras.applications
    "keras.src.applications.convnext": ["LayerScale", "StochasticDepth"],
    "keras.src.applications.inception_resnet_v2": ["CustomScaleLayer"],
    "larq.layers": LARQ_LAYERS,
    "larq.quantizers": QUANTIZERS,
    "larq.constraints": LARQ_CONSTRAINTS,
}
"""Classes, by the module that a file writes; those of larq_el come to it."""
FUNCTIONS = {
    "builtins": ACTIVATIONS,
    "keras.activations": ACTIVATIONS,
    "keras.regularizers": ["l1_l2"],
    "larq.activations": LARQ_ACTIVATIONS,
    "larq.quantizers": QUANTIZER_NAMES,
}
"""Functions, likewise. Keras writes "builtins" for its own."""
SHORT_NAMES = [
    *(name for names in CLASSES.values() for name in names),
    *QUANTIZER_NAMES,
    "BatchNormalizationV1",
    "BatchNormalizationV2",
    *(f"{name}V2" for name in INITIALIZERS),
    *words("normal uniform one zero maxnorm nonneg unitnorm"),
]
"""Names of classes without a module, as in .h5 files."""
DTYPES = frozenset(
    words(
        "bfloat16 float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 bool complex64 complex128 "
        "string"
    )
)
"""Types of constants in a file; others could be of any size."""
