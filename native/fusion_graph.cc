#include "fusion_graph.h"

#include <cstring>

#include "plan.h"
#include "shape.h"

namespace larq_el {
namespace {

constexpr struct {
  int code;
  Kind kind;
} kBuiltins[] = {
    {tfl::kAdd, Kind::kAdd},
    {tfl::kSub, Kind::kSub},
    {tfl::kMul, Kind::kMul},
    {tfl::kRelu, Kind::kRelu},
    {tfl::kPrelu, Kind::kPrelu},
    {tfl::kReshape, Kind::kReshape},
    {tfl::kSum, Kind::kSum},
    {tfl::kMean, Kind::kMean},
    {tfl::kAbs, Kind::kAbs},
    {tfl::kMaxPool2d, Kind::kMaxPool},
    {tfl::kStridedSlice, Kind::kStridedSlice},
    {tfl::kDepthwiseConv2d, Kind::kDepthwise},
    {tfl::kPadV2, Kind::kPad},
    {tfl::kConv2d, Kind::kConv},
    {tfl::kAveragePool2d, Kind::kAveragePool},
    {tfl::kQuantize, Kind::kQuantizeInt8},
    {tfl::kDequantize, Kind::kDequantizeInt8},
};

constexpr struct {
  const char* name;
  Kind kind;
} kCustoms[] = {
    {"LceQuantize", Kind::kQuantize},
    {"LceDequantize", Kind::kDequantize},
    {"LceBconv2d", Kind::kBconv},
    {"LceBMaxPool2d", Kind::kBMaxPool},
};

}  // namespace

Kind kind_of(const tfl::Registration& registration) {
  // Only the code says whether the name is one.
  if (registration.builtin_code == tfl::kCustom) {
    for (const auto& custom : kCustoms) {
      if (registration.custom_name != nullptr && strcmp(custom.name, registration.custom_name) == 0) return custom.kind;
    }
    return Kind::kOther;
  }
  for (const auto& builtin : kBuiltins) {
    if (builtin.code == registration.builtin_code) return builtin.kind;
  }
  return Kind::kOther;
}

bool FusionGraph::read(tfl::Context* context, const int* nodes, int count, const tfl::IntArray* outputs,
                       const Reporter& report) {
  context_ = context;
  const size_t tensors = context->tensors_size;
  if (!producers_.assign_zeros(tensors) || !readers_.assign_zeros(tensors) || !last_reader_.assign_zeros(tensors) ||
      !elsewhere_.assign_zeros(tensors)) {
    return report.error("there is not enough memory to read the graph.");
  }
  for (int& producer : producers_) producer = -1;
  for (int position = 0; position < count; ++position) {
    tfl::Node* node = nullptr;
    tfl::Registration* registration = nullptr;
    if (context->GetNodeAndRegistration(context, nodes[position], &node, &registration) != tfl::kOk ||
        node == nullptr || registration == nullptr) {
      return report.error("node %d cannot be read.", nodes[position]);
    }
    FusionNode view;
    view.index = nodes[position];
    view.kind = kind_of(*registration);
    describe(*node, &view);
    if (!nodes_.push_back(view)) return report.error("there is not enough memory to read the graph.");
    for (int i = 0; node->inputs != nullptr && i < node->inputs->size; ++i) {
      const int tensor = node->inputs->data[i];
      if (!valid(tensor)) continue;
      ++readers_[tensor];
      last_reader_[tensor] = position;
    }
    for (int i = 0; node->outputs != nullptr && i < node->outputs->size; ++i) {
      if (valid(node->outputs->data[i])) producers_[node->outputs->data[i]] = position;
    }
  }
  for (size_t i = 0; outputs == nullptr && i < tensors; ++i) elsewhere_[i] = readers_[i] == 0;
  for (int i = 0; outputs != nullptr && i < outputs->size; ++i) {
    if (valid(outputs->data[i])) elsewhere_[outputs->data[i]] = 1;
  }
  return true;
}

void FusionGraph::describe(const tfl::Node& node, FusionNode* view) const {
  view->params = node.builtin_data;
  if (node.outputs != nullptr && node.outputs->size == 1 && valid(node.outputs->data[0])) {
    view->output = node.outputs->data[0];
  }
  const int count = node.inputs == nullptr ? 0 : node.inputs->size;
  view->inputs_count = count > FusionNode::kMaxInputs ? -1 : count;
  for (int i = 0; i < view->inputs_count; ++i) view->inputs[i] = node.inputs->data[i];
}

int FusionGraph::only_reader(int tensor) const {
  return valid(tensor) && readers_[tensor] == 1 && elsewhere_[tensor] == 0 ? last_reader_[tensor] : -1;
}

int FusionGraph::rank(int tensor) const {
  if (!valid(tensor)) return 0;
  const tfl::IntArray* dims = context_->tensors[tensor].dims;
  return dims == nullptr || dims->size > Shape::kMaxRank ? 0 : dims->size;
}

bool FusionGraph::same_image(int a, int b) const {
  return is_image(a) && is_image(b) && dim(a, 1) == dim(b, 1) && dim(a, 2) == dim(b, 2);
}

// The layout of the scales is told by their number, which is known: where it is not the first word, that is a part of
// an address, and no tensor has so many channels. A tensor with one scale alone, whose array may end behind it, has
// that among its parameters too.
const float* FusionGraph::channel_scales(int tensor, int channels) const {
  if (!valid(tensor)) return nullptr;
  const tfl::Tensor& found = context_->tensors[tensor];
  const tfl::AffineQuantization* params = found.quantization.params;
  if (found.quantization.type != tfl::kAffineQuantization || params == nullptr || found.params.scale != 0.0f) {
    return nullptr;
  }
  const tfl::IntArray* zero_points = params->zero_point;
  if (params->scale == nullptr || zero_points == nullptr || params->quantized_dimension != 0) return nullptr;
  if (zero_points->size != channels || channels < 2) return nullptr;
  for (int c = 0; c < channels; ++c) {
    if (zero_points->data[c] != 0) return nullptr;
  }
  const tfl::IntArray* inside = static_cast<const tfl::IntArray*>(params->scale);
  if (inside->size == channels) return reinterpret_cast<const float*>(inside->data);
  const tfl::FloatArray* apart = static_cast<const tfl::FloatArray*>(params->scale);
  return apart->size == channels ? apart->values : nullptr;
}

const void* FusionGraph::constant_data(int tensor, tfl::Type type, int* count) const {
  *count = 0;
  if (!valid(tensor)) return nullptr;
  const tfl::Tensor& found = context_->tensors[tensor];
  const bool kept = found.allocation_type == tfl::kMmapRo || found.allocation_type == tfl::kPersistentRo;
  if (!kept || found.type != type || found.data == nullptr || found.dims == nullptr) return nullptr;
  size_t elements = 1;
  for (int i = 0; i < found.dims->size; ++i) {
    if (found.dims->data[i] <= 0 || !multiply(elements, static_cast<size_t>(found.dims->data[i]), &elements)) {
      return nullptr;
    }
  }
  if (elements > Shape::kMaxElements || found.bytes < elements * size_of(type)) return nullptr;
  *count = static_cast<int>(elements);
  return found.data;
}

}  // namespace larq_el
