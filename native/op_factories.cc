#include "op_factories.h"

#include <cmath>
#include <initializer_list>

#include "average_pool.h"
#include "dispatch.h"
#include "float_ops.h"
#include "ops.h"

namespace larq_el {
namespace {

Op* make_quantize(const CheckedNode& node, const BinaryKernel& kernel) {
  return node.operands(1, 1) ? new Quantize(kernel) : nullptr;
}

Op* make_dequantize(const CheckedNode& node, const BinaryKernel&) {
  if (!node.operands(1, 1)) return nullptr;
  // The number of channels stands nowhere but in the output's shape.
  const tfl::Tensor* output = node.output(0);
  if (output == nullptr) return nullptr;
  const tfl::IntArray* dims = output->dims;
  if (dims == nullptr || dims->size < 1 || dims->size > Shape::kMaxRank || dims->data[dims->size - 1] < 1) {
    node.report.error("%s: the output has no number of channels.", node.name);
    return nullptr;
  }
  return new Dequantize(dims->data[dims->size - 1]);
}

Op* make_bmaxpool(const CheckedNode& node, const BinaryKernel&) {
  BMaxPoolAttributes attributes;
  if (!node.operands(1, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  return new BMaxPool(attributes);
}

// Filter, and either multiplier and bias or thresholds; those that an output of this type does not need may be missing.
bool read_constants(const CheckedNode& node, BconvConstants* constants) {
  const tfl::Tensor* filter = node.input(1);
  const tfl::Tensor* output = node.output(0);
  if (filter == nullptr || output == nullptr) return false;
  if (filter->dims == nullptr || filter->dims->size != 4) {
    return node.report.error("%s: the filter must have 4 dimensions.", node.name);
  }
  for (int i = 0; i < 4; ++i) constants->filter_dims[i] = filter->dims->data[i];
  const int* channels = constants->filter_dims;
  constants->filter = static_cast<const uint32_t*>(node.constant(1, tfl::kInt32, constants->filter_dims, 4));
  if (constants->filter == nullptr) return false;
  constants->output_type = output->type;
  constants->output_quantization = output->params;
  if (output->type == tfl::kInt32) {
    constants->threshold = static_cast<const int32_t*>(node.constant(4, tfl::kInt32, channels, 1));
    return constants->threshold != nullptr;
  }
  if (output->type != tfl::kFloat32 && output->type != tfl::kInt8) {
    return node.report.error("%s: the output must be float32, int8 or int32.", node.name);
  }
  if (output->type == tfl::kInt8 && !(output->params.scale > 0.0f && std::isfinite(output->params.scale))) {
    return node.report.error("%s: the output's scale must be positive.", node.name);
  }
  constants->multiplier = static_cast<const float*>(node.constant(2, tfl::kFloat32, channels, 1));
  if (constants->multiplier == nullptr) return false;
  constants->bias = static_cast<const float*>(node.constant(3, tfl::kFloat32, channels, 1));
  return constants->bias != nullptr;
}

constexpr int kMaxWindow = 1 << 10;  // of a pool, in pixels

Op* make_max_pool(const CheckedNode& node, const BinaryKernel& kernel) {
  const tfl::PoolParams* params = static_cast<const tfl::PoolParams*>(node.node->builtin_data);
  if (!node.operands(1, 1)) return nullptr;
  if (params == nullptr || params->activation != tfl::kNone) {
    node.report.error("%s: it has no options, or a fused activation.", node.name);
    return nullptr;
  }
  const Window height = {params->filter_height, params->stride_height, 1};
  const Window width = {params->filter_width, params->stride_width, 1};
  for (const int size : {height.size, width.size, height.stride, width.stride}) {
    if (size >= 1 && size <= kMaxWindow) continue;
    node.report.error("%s: window and stride must be from 1 to %d.", node.name, kMaxWindow);
    return nullptr;
  }
  return new MaxPool(kernel, height, width, params->padding == tfl::kSame);
}

Op* make_average_pool(const CheckedNode& node, const BinaryKernel& kernel) {
  const tfl::PoolParams* params = static_cast<const tfl::PoolParams*>(node.node->builtin_data);
  if (!node.operands(1, 1)) return nullptr;
  if (!is_average_pool(params)) {
    node.report.error("%s: it is not of 2x2 pixels, or has a fused activation.", node.name);
    return nullptr;
  }
  return new AveragePool(int8_kernel_beside(kernel), params->padding == tfl::kSame);
}

}  // namespace

Bconv* make_bconv(const CheckedNode& node, const BinaryKernel& kernel) {
  BconvAttributes attributes;
  BconvConstants constants;
  if (!node.operands(5, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  if (!read_constants(node, &constants)) return nullptr;
  return Bconv::create(attributes, constants, kernel, node.report);
}

Op* make_plain(Kind kind, const CheckedNode& node, const BinaryKernel& kernel) {
  switch (kind) {
    case Kind::kQuantize:
      return make_quantize(node, kernel);
    case Kind::kDequantize:
      return make_dequantize(node, kernel);
    case Kind::kBconv:
      return make_bconv(node, kernel);
    case Kind::kBMaxPool:
      return make_bmaxpool(node, kernel);
    case Kind::kMaxPool:
      return make_max_pool(node, kernel);
    case Kind::kAveragePool:
      return make_average_pool(node, kernel);
    default:
      node.report.error("%s: it stands in another part of the graph than what it belongs to; give the option fuse=off.",
                        node.name);
      return nullptr;
  }
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kQuantize:
      return "LceQuantize";
    case Kind::kDequantize:
      return "LceDequantize";
    case Kind::kBconv:
      return "LceBconv2d";
    case Kind::kBMaxPool:
      return "LceBMaxPool2d";
    case Kind::kMaxPool:
      return "MAX_POOL_2D";
    case Kind::kAveragePool:
      return "AVERAGE_POOL_2D";
    case Kind::kConv:
      return "CONV_2D";
    default:
      return "a fused operator";
  }
}

bool is_larq(Kind kind) {
  return kind == Kind::kQuantize || kind == Kind::kDequantize || kind == Kind::kBconv || kind == Kind::kBMaxPool;
}

}  // namespace larq_el
