// One node of the runtime, whose operands are checked before they are used.
#pragma once

#include "memory.h"
#include "plan.h"
#include "report.h"
#include "tfl_abi.h"

namespace larq_el {

struct CheckedNode {
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

}  // namespace larq_el
