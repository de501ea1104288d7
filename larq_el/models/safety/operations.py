"""The functions of TensorFlow that a Keras file may name, as `tf.nn.relu(x)` and `x + 1` between layers write them."""

from larq_el.models.safety.allowed import words

OPERATIONS = frozenset(
    words("""
    __operators__.add __operators__.eq __operators__.getitem __operators__.ne compat.v1.floor_div argsort
    boolean_mask broadcast_to cast clip_by_value concat expand_dims gather gather_nd identity one_hot ones_like pad
    rank repeat reshape reverse roll shape size slice split squeeze stack stop_gradient strided_slice tile transpose
    unstack where zeros_like space_to_batch batch_to_space sequence_mask sort fill ones range zeros meshgrid
    tensor_scatter_nd_update norm einsum tensordot compat.v1.concat compat.v1.expand_dims compat.v1.gather
    compat.v1.gather_nd compat.v1.norm compat.v1.ones_like compat.v1.pad compat.v1.rank compat.v1.shape
    compat.v1.size compat.v1.squeeze compat.v1.strided_slice compat.v1.transpose compat.v1.where
    compat.v1.zeros_like compat.v1.boolean_mask math.abs math.add math.add_n math.argmax math.argmin math.ceil
    math.cos math.cosh math.cumsum math.cumprod math.divide math.divide_no_nan math.equal math.erf math.exp
    math.expm1 math.floor math.floordiv math.floormod math.greater math.greater_equal math.l2_normalize math.less
    math.less_equal math.log math.log1p math.log_sigmoid math.log_softmax math.logical_and math.logical_not
    math.logical_or math.logical_xor math.maximum math.minimum math.mod math.multiply math.multiply_no_nan
    math.negative math.not_equal math.pow math.reciprocal math.reduce_all math.reduce_any math.reduce_logsumexp
    math.reduce_max math.reduce_mean math.reduce_min math.reduce_prod math.reduce_std math.reduce_sum
    math.reduce_variance math.round math.rsqrt math.scalar_mul math.sigmoid math.sign math.sin math.sinh
    math.softplus math.sqrt math.square math.squared_difference math.subtract math.tan math.tanh math.top_k
    math.truediv math.xdivy math.xlogy math.acos math.acosh math.asin math.asinh math.atan math.atan2 math.atanh
    math.erfc math.is_finite math.is_inf math.is_nan math.rint math.zero_fraction math.count_nonzero
    math.reciprocal_no_nan math.reduce_euclidean_norm math.cumulative_logsumexp random.normal random.uniform
    quantization.fake_quant_with_min_max_args quantization.fake_quant_with_min_max_vars
    quantization.fake_quant_with_min_max_vars_per_channel nn.avg_pool nn.avg_pool2d nn.batch_normalization
    nn.bias_add nn.conv1d nn.conv2d nn.conv2d_transpose nn.convolution nn.crelu nn.depth_to_space
    nn.depthwise_conv2d nn.elu nn.gelu nn.l2_loss nn.l2_normalize nn.leaky_relu nn.local_response_normalization
    nn.log_softmax nn.max_pool nn.max_pool2d nn.moments nn.pool nn.relu nn.relu6 nn.selu nn.separable_conv2d
    nn.sigmoid nn.silu nn.softmax nn.softplus nn.softsign nn.space_to_depth nn.swish nn.tanh nn.top_k nn.avg_pool3d
    nn.max_pool3d nn.conv3d nn.dropout linalg.band_part linalg.diag linalg.diag_part linalg.einsum linalg.matmul
    linalg.matrix_transpose linalg.matvec linalg.norm linalg.tensordot image.adjust_brightness image.adjust_contrast
    image.central_crop image.crop_to_bounding_box image.flip_left_right image.flip_up_down image.grayscale_to_rgb
    image.pad_to_bounding_box image.per_image_standardization image.resize image.resize_with_crop_or_pad
    image.resize_with_pad image.rgb_to_grayscale image.rgb_to_hsv image.hsv_to_rgb image.rot90 image.transpose
    image.convert_image_dtype image.extract_patches keras.activations.elu keras.activations.exponential
    keras.activations.gelu keras.activations.hard_sigmoid keras.activations.linear keras.activations.mish
    keras.activations.relu keras.activations.selu keras.activations.sigmoid keras.activations.softmax
    keras.activations.softplus keras.activations.softsign keras.activations.swish keras.activations.tanh
    keras.backend.abs keras.backend.batch_dot keras.backend.batch_flatten keras.backend.cast keras.backend.clip
    keras.backend.concatenate keras.backend.dot keras.backend.elu keras.backend.equal keras.backend.exp
    keras.backend.expand_dims keras.backend.flatten keras.backend.greater keras.backend.greater_equal
    keras.backend.hard_sigmoid keras.backend.l2_normalize keras.backend.less keras.backend.less_equal
    keras.backend.log keras.backend.max keras.backend.maximum keras.backend.mean keras.backend.min
    keras.backend.minimum keras.backend.permute_dimensions keras.backend.pow keras.backend.prod keras.backend.relu
    keras.backend.repeat keras.backend.repeat_elements keras.backend.reshape keras.backend.resize_images
    keras.backend.reverse keras.backend.round keras.backend.shape keras.backend.sigmoid keras.backend.sign
    keras.backend.softmax keras.backend.softplus keras.backend.softsign keras.backend.sqrt keras.backend.square
    keras.backend.squeeze keras.backend.stack keras.backend.std keras.backend.sum keras.backend.tanh
    keras.backend.tile keras.backend.transpose keras.backend.var
""")
)
"""All of them compute on tensors alone: none reads, writes, prints, calls another function or keeps a state."""
