// One walk over a graph: its patterns share what they have claimed, and stand together for that.
#include "fuser.h"

#include <initializer_list>

namespace larq_el {
namespace {

bool is_plain(const FusionNode& node) {
  const tfl::ArithmeticParams* params = static_cast<const tfl::ArithmeticParams*>(node.params);
  return params != nullptr && params->activation == tfl::kNone;
}

bool is_relu(const FusionNode& node) {
  const tfl::ArithmeticParams* params = static_cast<const tfl::ArithmeticParams*>(node.params);
  return params != nullptr && params->activation == tfl::kReluActivation;
}

// Whether a reduction's only axis is `axis`, counted from the front or the back.
bool reduces(const FusionGraph& graph, const FusionNode& node, int axis) {
  int count = 0;
  const int* axes = node.inputs_count == 2 ? graph.constant<int>(node.inputs[1], tfl::kInt32, &count) : nullptr;
  const int rank = graph.rank(node.inputs[0]);
  return axes != nullptr && count == 1 && (axes[0] == axis || axes[0] + rank == axis);
}

}  // namespace

bool Fuser::run(bool partition) {
  if (!taken_.assign_zeros(graph_.size())) return false;
  for (int position = 0; position < graph_.size(); ++position) {
    if (!start_from_conv(position, partition)) return false;
  }
  for (int position = 0; position < graph_.size(); ++position) {
    if (takes(position) || !(partition || is_shifted_sign(graph_.node(position)))) continue;
    if (!start_from_memory(position)) return false;
  }
  for (int position = 0; position < graph_.size(); ++position) {
    const FusionNode& node = graph_.node(position);
    if (node.kind != Kind::kQuantize || node.inputs_count != 1 || !graph_.is_image(node.inputs[0])) continue;
    if (!forms_.push_back({Form::kBits, node.inputs[0], node.output, 0, position})) return false;
  }
  if (!attach_forms()) return false;
  want_values();
  pair();
  return true;
}

// Adds steps as long as one node alone reads the result, and pushes the rows.
bool Fuser::grow(FusedRows* rows) {
  while (rows->steps_count < kMaxSteps) {
    const int reader = graph_.only_reader(rows->result);
    if (reader < 0 || takes(reader) || !absorb(rows, reader)) break;
  }
  return rows_.push_back(*rows);
}

bool Fuser::absorb(FusedRows* rows, int position) {
  const FusionNode& node = graph_.node(position);
  if (node.output < 0) return false;
  switch (node.kind) {
    case Kind::kAdd:
    case Kind::kSub:
      return absorb_sum(rows, node, position);
    case Kind::kMul:
      return absorb_product(rows, node, position);
    case Kind::kRelu:
    case Kind::kPrelu:
      return absorb_activation(rows, node, position);
    case Kind::kReshape:
      return absorb_expand(rows, node, position);
    default:
      return false;
  }
}

bool Fuser::append(FusedRows* rows, const FusedStep& step, int position, int result) {
  rows->steps[rows->steps_count] = step;
  rows->steps[rows->steps_count++].result = result;
  if (position > rows->position) rows->position = position;
  rows->result = result;
  taken_[position] = 1;
  return true;
}

bool Fuser::absorb_sum(FusedRows* rows, const FusionNode& node, int position) {
  const bool relu = is_relu(node);
  if (node.inputs_count != 2 || (!relu && !is_plain(node)) || !graph_.is_image(node.output)) return false;
  if (relu && rows->steps_count + 2 > kMaxSteps) return false;
  const int other = node.other_input(rows->result), channels = graph_.channels(rows->result);
  if (other == rows->result || graph_.channels(node.output) != channels) return false;
  FusedStep step = {RowStep::kShift, -1, nullptr, 0, channels, 1.0f};
  step.constant = graph_.constant<float>(other, tfl::kFloat32, &step.count);
  if (step.constant != nullptr) {
    if (node.kind == Kind::kSub || (step.count != 1 && step.count != channels)) return false;
  } else {
    if (node.kind == Kind::kSub || !graph_.same_image(other, rows->result)) return false;
    if (graph_.channels(other) != channels) return false;
    step.kind = RowStep::kAdd;
    step.operand = other;
    find_squeeze(other, channels, &step);
    take_pool(step.operand);
  }
  append(rows, step, position, node.output);
  if (relu) rows->steps[rows->steps_count++] = {RowStep::kRelu, -1, nullptr, 0, 1, 1.0f};
  return true;
}

bool Fuser::absorb_product(FusedRows* rows, const FusionNode& node, int position) {
  if (node.inputs_count != 2 || !is_plain(node) || !graph_.is_image(node.output)) return false;
  const int other = node.other_input(rows->result), channels = graph_.channels(rows->result);
  if (other == rows->result || graph_.channels(node.output) != channels) return false;
  FusedStep step = {RowStep::kScale, -1, nullptr, 0, 1, 1.0f};
  step.constant = graph_.constant<float>(other, tfl::kFloat32, &step.count);
  if (step.constant != nullptr) {
    if (step.count != 1 && step.count != channels) return false;
  } else {
    if (!graph_.same_image(other, rows->result) || graph_.channels(other) != 1) return false;
    step.kind = RowStep::kScalePixel;
    step.operand = other;
    if (!find_magnitude(other)) return false;
  }
  return append(rows, step, position, node.output);
}

bool Fuser::absorb_activation(FusedRows* rows, const FusionNode& node, int position) {
  FusedStep step = {RowStep::kRelu, -1, nullptr, 0, 1, 1.0f};
  if (!graph_.is_image(node.output) || graph_.channels(node.output) != graph_.channels(rows->result)) return false;
  if (node.kind == Kind::kPrelu) {
    step.kind = RowStep::kPrelu;
    if (node.inputs_count != 2 || node.inputs[0] != rows->result) return false;
    step.constant = graph_.constant<float>(node.inputs[1], tfl::kFloat32, &step.count);
    if (step.constant == nullptr || (step.count != 1 && step.count != graph_.channels(rows->result))) return false;
  }
  return append(rows, step, position, node.output);
}

// RESHAPE to (pixels, copies, channels), ADD of (pixels, 1, channels), RESHAPE back: a sum with copies of a narrower
// image, scaled or not.
bool Fuser::absorb_expand(FusedRows* rows, const FusionNode& node, int position) {
  const int sum = graph_.only_reader(node.output);
  if (sum < 0 || graph_.node(sum).kind != Kind::kAdd || graph_.rank(node.output) != 3) return false;
  const FusionNode& add = graph_.node(sum);
  if (add.inputs_count != 2 || !is_plain(add)) return false;
  const int back = graph_.only_reader(add.output), flat = add.other_input(node.output);
  const int widen = graph_.producer(flat);
  if (back < 0 || widen < 0 || graph_.node(back).kind != Kind::kReshape || graph_.only_reader(flat) != sum)
    return false;
  const FusionNode& narrow = graph_.node(widen);
  if (narrow.kind != Kind::kReshape || narrow.inputs_count < 1 || graph_.rank(flat) != 3) return false;
  int operand = narrow.inputs[0], scaling = -1;
  float scale = 1.0f;
  if (!scaled(&operand, &scale, &scaling)) return false;
  const int result = graph_.node(back).output;
  if (!graph_.same_image(operand, rows->result) || !graph_.same_image(result, rows->result)) return false;
  const int channels = graph_.channels(operand), all = graph_.channels(rows->result);
  const bool fits = graph_.dim(flat, 1) == 1 && graph_.dim(flat, 2) == channels && channels < all &&
                    graph_.dim(node.output, 2) == channels && graph_.channels(result) == all && all % channels == 0;
  if (!fits) return false;
  for (const int taken : {position, sum, widen, scaling}) {
    if (taken >= 0) taken_[taken] = 1;
  }
  take_pool(operand);
  return append(rows, {RowStep::kAdd, operand, nullptr, 0, channels, scale}, back, result);
}

// Follows a tensor back over a product with one constant, where nothing else reads it.
bool Fuser::scaled(int* tensor, float* scale, int* node) const {
  const int position = graph_.producer(*tensor);
  if (position < 0 || graph_.node(position).kind != Kind::kMul || graph_.only_reader(*tensor) < 0) return true;
  const FusionNode& product = graph_.node(position);
  if (product.inputs_count != 2 || !is_plain(product)) return true;
  for (int i = 0; i < 2; ++i) {
    int count = 0;
    const float* constant = graph_.constant<float>(product.inputs[i], tfl::kFloat32, &count);
    if (constant == nullptr || count != 1) continue;
    *scale = *constant;
    *tensor = product.inputs[1 - i];
    *node = position;
    return true;
  }
  return true;
}

// RESHAPE to (pixels, groups, channels), SUM of the groups, a product with one constant or none, RESHAPE back.
bool Fuser::find_squeeze(int tensor, int channels, FusedStep* step) {
  const int back = graph_.producer(tensor);
  if (back < 0 || graph_.node(back).kind != Kind::kReshape || graph_.only_reader(tensor) < 0) return false;
  int narrow = graph_.node(back).inputs[0], scaling = -1;
  float scale = 1.0f;
  if (graph_.only_reader(narrow) != back || !scaled(&narrow, &scale, &scaling)) return false;
  const int sum = graph_.producer(narrow);
  if (sum < 0 || graph_.node(sum).kind != Kind::kSum || graph_.only_reader(narrow) < 0) return false;
  const int flat = graph_.node(sum).inputs[0], split = graph_.producer(flat);
  if (split < 0 || graph_.node(split).kind != Kind::kReshape || graph_.only_reader(flat) != sum) return false;
  const int wide = graph_.node(split).inputs[0];
  const bool fits = graph_.rank(flat) == 3 && reduces(graph_, graph_.node(sum), 1) && graph_.dim(flat, 2) == channels &&
                    graph_.same_image(wide, tensor) && graph_.rank(narrow) == 2 &&
                    graph_.channels(wide) == int64_t{channels} * graph_.dim(flat, 1);
  if (!fits || !forms_.push_back({Form::kGroups, wide, narrow, channels, split})) return false;
  for (const int taken : {back, scaling, sum, split}) {
    if (taken >= 0) taken_[taken] = 1;
  }
  take_pool(wide);
  step->operand = narrow;
  step->scale = scale;
  return true;
}

// ABS and MEAN over the channels, perhaps of a part of the pixels. True also where the tensor is something else, which
// is read as it is.
bool Fuser::find_magnitude(int tensor) {
  const int mean = graph_.producer(tensor);
  if (mean < 0 || takes(mean) || graph_.node(mean).kind != Kind::kMean) return true;
  const FusionNode& reducer = graph_.node(mean);
  const int abs = graph_.producer(reducer.inputs[0]);
  if (!reduces(graph_, reducer, 3) || abs < 0 || graph_.node(abs).kind != Kind::kAbs) return true;
  if (graph_.only_reader(reducer.inputs[0]) != mean || !graph_.is_image(graph_.node(abs).inputs[0])) return true;
  const int source = graph_.node(abs).inputs[0], slice = graph_.producer(source);
  FusedMagnitude strided = {mean, source, tensor, 1, 1};
  if (slice >= 0 && graph_.node(slice).kind == Kind::kStridedSlice && graph_.only_reader(source) == abs &&
      find_strided(graph_.node(slice), mean, &strided)) {
    if (!magnitudes_.push_back(strided)) return false;
    taken_[slice] = 1;
  } else if (!forms_.push_back({Form::kMagnitude, source, tensor, 0, abs})) {
    return false;
  }
  taken_[abs] = taken_[mean] = 1;
  return true;
}

// Whether a slice takes whole pixels at regular distances from the image's first one on.
bool Fuser::find_strided(const FusionNode& slice, int position, FusedMagnitude* found) const {
  const tfl::StridedSliceParams* params = static_cast<const tfl::StridedSliceParams*>(slice.params);
  if (params == nullptr || slice.inputs_count != 4 || !graph_.is_image(slice.inputs[0])) return false;
  if (params->ellipsis_mask != 0 || params->new_axis_mask != 0 || params->shrink_axis_mask != 0) return false;
  const int* values[3];
  for (int i = 0; i < 3; ++i) {
    int count = 0;
    values[i] = graph_.constant<int>(slice.inputs[i + 1], tfl::kInt32, &count);
    if (values[i] == nullptr || count != 4) return false;
  }
  for (int axis = 0; axis < 4; ++axis) {
    const bool from_start = values[0][axis] == 0 || (params->begin_mask >> axis & 1) != 0;
    const bool to_end = values[1][axis] >= graph_.dim(slice.inputs[0], axis) || (params->end_mask >> axis & 1) != 0;
    if (!from_start || !to_end || values[2][axis] < 1) return false;
  }
  if (values[2][0] != 1 || values[2][3] != 1) return false;
  *found = {position, slice.inputs[0], found->result, values[2][1], values[2][2]};
  return true;
}

// A max-pool in front of what is fused would split the graph if it were left to the runtime.
void Fuser::take_pool(int tensor) {
  const int position = graph_.producer(tensor);
  if (position < 0 || graph_.node(position).kind != Kind::kMaxPool) return;
  const FusionNode& node = graph_.node(position);
  const tfl::PoolParams* params = static_cast<const tfl::PoolParams*>(node.params);
  if (params == nullptr || params->activation != tfl::kNone || node.inputs_count != 1) return;
  // one behind the runtime's own operators splits nothing, and is better left to it
  const int before = graph_.producer(node.inputs[0]);
  if (before < 0 || !takes(before)) return;
  if (graph_.is_image(node.inputs[0]) && graph_.is_image(node.output)) taken_[position] = 1;
}

// What was claimed behind a convolution that stands in another partition.
// A sum with a constant that signs alone are taken of: left to the runtime, it would cut the graph before each sign.
bool Fuser::is_shifted_sign(const FusionNode& node) const {
  if (node.kind != Kind::kAdd || node.inputs_count != 2) return false;
  int count = 0;
  const bool constant = graph_.constant<float>(node.inputs[0], tfl::kFloat32, &count) != nullptr ||
                        graph_.constant<float>(node.inputs[1], tfl::kFloat32, &count) != nullptr;
  const int reader = graph_.only_reader(node.output);
  return constant && reader >= 0 && graph_.node(reader).kind == Kind::kQuantize;
}

bool Fuser::start_from_memory(int position) {
  const FusionNode& node = graph_.node(position);
  for (int i = 0; i < node.inputs_count && i < 2; ++i) {
    if (!graph_.is_image(node.inputs[i])) continue;
    FusedRows rows;
    rows.source = rows.start = rows.result = node.inputs[i];
    rows.position = position;
    if (absorb(&rows, position)) return grow(&rows);
  }
  return true;
}

bool Fuser::attach_forms() {
  for (const Form& form : forms_) {
    if (!attach(form)) return false;
  }
  return true;
}

// Lets the rows that compute a tensor give it in another form, or reads it again where none here do. Of a form that is
// there already, as where two nodes take the same signs, the second is left to an operator of its own.
bool Fuser::attach(const Form& form) {
  FusedRows* rows = nullptr;
  for (FusedRows& candidate : rows_) {
    if (candidate.result == form.source &&
        (candidate.conv >= 0 || candidate.source != form.source || candidate.position <= form.position)) {
      rows = &candidate;
    }
  }
  if (rows == nullptr) {
    FusedRows memory;
    memory.source = memory.start = memory.result = form.source;
    memory.position = form.position;
    // before the first node that reads any form of it
    for (const Form& other : forms_) {
      if (other.source == form.source && other.position < memory.position) memory.position = other.position;
    }
    if (!rows_.push_back(memory)) return false;
    rows = &rows_[rows_.size() - 1];
  }
  int* slot = form.kind == Form::kBits ? &rows->bits : form.kind == Form::kMagnitude ? &rows->magnitude : &rows->groups;
  if (*slot >= 0) {
    // bits have an operator of their own; the others need rows of their own
    if (form.kind == Form::kBits) return true;
    FusedRows again;
    again.source = again.start = again.result = form.source;
    again.position = form.position;
    (form.kind == Form::kMagnitude ? again.magnitude : again.groups) = form.result;
    again.group_channels = form.group_channels;
    return rows_.push_back(again);
  }
  *slot = form.result;
  if (form.kind == Form::kGroups) rows->group_channels = form.group_channels;
  if (form.kind == Form::kBits) taken_[form.position] = 1;
  return true;
}

// Values are stored where anything reads them: a node that is not fused, an operand, rows from memory, a pool.
void Fuser::want_values() {
  for (FusedRows& rows : rows_) {
    if (rows.source == rows.result && rows.steps_count == 0) continue;
    bool wanted = graph_.read_elsewhere(rows.result);
    for (int position = 0; position < graph_.size(); ++position) {
      const FusionNode& node = graph_.node(position);
      if (takes(position) && node.kind != Kind::kMaxPool) continue;
      for (int i = 0; i < node.inputs_count; ++i) wanted = wanted || node.inputs[i] == rows.result;
    }
    for (const FusedRows& other : rows_) {
      wanted = wanted || other.source == rows.result || other.reads == rows.result;
      for (int i = 0; i < other.steps_count; ++i) wanted = wanted || other.steps[i].operand == rows.result;
    }
    for (const FusedMagnitude& magnitude : magnitudes_) wanted = wanted || magnitude.source == rows.result;
    if (wanted) rows.values = rows.result;
  }
}

}  // namespace larq_el
