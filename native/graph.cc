#include "graph.h"

#include <cmath>

#include "bconv.h"
#include "ops.h"

namespace larq_el {
namespace {

bool contains(const tfl::IntArray* array, int tensor) {
  for (int i = 0; array != nullptr && i < array->size; ++i) {
    if (array->data[i] == tensor) return true;
  }
  return false;
}

// One node, whose operands are checked before they are used.
struct NodeView {
  tfl::Context* context;
  const tfl::Node* node;
  const char* name;
  const Reporter& report;

  int inputs() const { return node->inputs == nullptr ? 0 : node->inputs->size; }
  int outputs() const { return node->outputs == nullptr ? 0 : node->outputs->size; }

  bool operands(int wanted_inputs, int wanted_outputs) const {
    return (inputs() == wanted_inputs && outputs() == wanted_outputs) ||
           report.error("%s: it has %d inputs and %d outputs instead of %d and %d.", name, inputs(), outputs(),
                        wanted_inputs, wanted_outputs);
  }

  // Null, with a message, where there is no such tensor.
  const tfl::Tensor* tensor(int index) const {
    if (index >= 0 && static_cast<size_t>(index) < context->tensors_size) return &context->tensors[index];
    report.error("%s: an operand is missing.", name);
    return nullptr;
  }

  const tfl::Tensor* input(int position) const { return tensor(node->inputs->data[position]); }
  const tfl::Tensor* output(int position) const { return tensor(node->outputs->data[position]); }

  // The values of a constant with the given dims; null, with a message, where it is something else.
  const void* constant(int position, tfl::Type type, const int* dims, int rank) const {
    const tfl::Tensor* found = input(position);
    if (found == nullptr) return nullptr;
    bool fits = found->type == type && found->dims != nullptr && found->dims->size == rank;
    size_t bytes = size_of(type);
    for (int i = 0; fits && i < rank; ++i) {
      fits = dims[i] > 0 && found->dims->data[i] == dims[i] && multiply(bytes, static_cast<size_t>(dims[i]), &bytes);
    }
    const bool kept = found->allocation_type == tfl::kMmapRo || found->allocation_type == tfl::kPersistentRo;
    if (fits && kept && found->data != nullptr && found->bytes >= bytes) return found->data;
    report.error("%s: input %d must be a constant of %s and of a shape that fits the filter.", name, position,
                 type == tfl::kFloat32 ? "float32" : "int32");
    return nullptr;
  }
};

Op* make_quantize(const NodeView& node, const BinaryKernel& kernel) {
  return node.operands(1, 1) ? new Quantize(kernel) : nullptr;
}

Op* make_dequantize(const NodeView& node, const BinaryKernel&) {
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

Op* make_bmaxpool(const NodeView& node, const BinaryKernel&) {
  BMaxPoolAttributes attributes;
  if (!node.operands(1, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  return new BMaxPool(attributes);
}

// Filter, and either multiplier and bias or thresholds; those that an output of this type does not need may be missing.
bool read_constants(const NodeView& node, BconvConstants* constants) {
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

Op* make_bconv(const NodeView& node, const BinaryKernel& kernel) {
  BconvAttributes attributes;
  BconvConstants constants;
  if (!node.operands(5, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  if (!read_constants(node, &constants)) return nullptr;
  return Bconv::create(attributes, constants, kernel, node.report);
}

// An operator that runs here. Its first `activations` inputs are computed by the graph, the others are constants, which
// `make` reads.
struct Claim {
  const char* name;
  int activations;
  Op* (*make)(const NodeView& node, const BinaryKernel& kernel);
};

constexpr Claim kClaims[] = {
    {"LceQuantize", 1, make_quantize},
    {"LceDequantize", 1, make_dequantize},
    {"LceBconv2d", 1, make_bconv},
    {"LceBMaxPool2d", 1, make_bmaxpool},
};

// Only the code says whether the name is one.
const Claim* claim_of(const tfl::Registration& registration) {
  if (registration.builtin_code != tfl::kCustom || registration.custom_name == nullptr) return nullptr;
  for (const Claim& claim : kClaims) {
    if (strcmp(claim.name, registration.custom_name) == 0) return &claim;
  }
  return nullptr;
}

// Puts the node's operands among the plan's values. The runtime's execution order lets no node read a tensor before it
// is computed, nor two write the same; in a malformed graph that may be otherwise.
bool connect(const NodeView& node, int activations, const tfl::DelegateParams& params, Plan* plan, Op* op) {
  Owned<Op> owned(op);
  int inputs[Op::kMaxOperands], outputs[1];
  for (int i = 0; i < activations; ++i) {
    const int index = node.node->inputs->data[i];
    const tfl::Tensor* tensor = node.tensor(index);
    if (tensor == nullptr) return false;
    const bool known = plan->knows(index);
    if (!known && !contains(params.input_tensors, index)) {
      return node.report.error("%s: tensor %d is read before it is computed.", node.name, index);
    }
    inputs[i] = plan->value(index, *tensor, Value::kInput);
  }
  const int index = node.node->outputs->data[0];
  const tfl::Tensor* tensor = node.tensor(index);
  if (tensor == nullptr) return false;
  if (plan->knows(index)) return node.report.error("%s: tensor %d is computed twice.", node.name, index);
  outputs[0] = plan->value(index, *tensor, contains(params.output_tensors, index) ? Value::kOutput : Value::kInside);
  for (int i = 0; i < activations; ++i) {
    if (inputs[i] < 0) return node.report.error("%s: there is not enough memory.", node.name);
  }
  if (outputs[0] < 0 || !plan->add(owned.release(), inputs, activations, outputs, 1)) {
    return node.report.error("%s: there is not enough memory.", node.name);
  }
  return true;
}

bool add_node(tfl::Context* context, int index, const tfl::DelegateParams& params, const BinaryKernel& kernel,
              Plan* plan, const Reporter& report) {
  tfl::Node* node = nullptr;
  tfl::Registration* registration = nullptr;
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != tfl::kOk || node == nullptr ||
      registration == nullptr) {
    return report.error("node %d cannot be read.", index);
  }
  const Claim* claim = claim_of(*registration);
  if (claim == nullptr) return report.error("node %d is of an operator that was not claimed.", index);
  const NodeView view{context, node, claim->name, report};
  Op* op = claim->make(view, kernel);
  return op != nullptr && connect(view, claim->activations, params, plan, op);
}

}  // namespace

bool claims(const tfl::Registration& registration) { return claim_of(registration) != nullptr; }

Plan* build_plan(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, Pool* pool,
                 const Reporter& report) {
  Owned<Plan> plan(new Plan(pool));
  if (!plan || params.nodes_to_replace == nullptr) {
    report.error("there is not enough memory for a plan.");
    return nullptr;
  }
  for (int i = 0; i < params.nodes_to_replace->size; ++i) {
    if (!add_node(context, params.nodes_to_replace->data[i], params, kernel, plan.get(), report)) return nullptr;
  }
  return plan.release();
}

}  // namespace larq_el
