// How fusion begins at a convolution, and which convolutions are computed beside each other.
#include <initializer_list>

#include "fuser.h"
#include "op_factories.h"

namespace larq_el {
namespace {

// The fused activation of a convolution as a step; false where it has none.
bool activation_of(tfl::Activation activation, FusedStep* step) {
  static constexpr float kRelu6[2] = {0.0f, 6.0f}, kReluN1To1[2] = {-1.0f, 1.0f};
  switch (activation) {
    case tfl::kReluActivation:
      *step = {RowStep::kRelu, -1, nullptr, 0, 1, 1.0f};
      return true;
    case tfl::kRelu6Activation:
      *step = {RowStep::kClamp, -1, kRelu6, 2, 1, 1.0f};
      return true;
    case tfl::kReluN1To1Activation:
      *step = {RowStep::kClamp, -1, kReluN1To1, 2, 1, 1.0f};
      return true;
    default:
      return false;
  }
}

}  // namespace

// The rows that a convolution computes.
bool Fuser::start_from_conv(int position, bool partition) {
  const FusionNode& node = graph_.node(position);
  FusedRows rows;
  rows.conv = rows.position = position;
  rows.start = node.output;
  DepthwiseMatch depthwise;
  Int8Match int8;
  if (match_depthwise(graph_, node, &depthwise)) {
    start_from_depthwise(depthwise, &rows);
  } else if (match_int8_conv(graph_, node, &int8) && (partition || is_wanted(int8))) {
    start_from_int8(int8, &rows);
  } else if (node.kind != Kind::kBconv || !graph_.is_image(node.output)) {
    return true;
  }
  rows.result = rows.start;
  taken_[position] = 1;
  return grow(&rows);
}

void Fuser::start_from_depthwise(const DepthwiseMatch& match, FusedRows* rows) {
  for (const int front : {match.dequantize, match.pad}) {
    if (front >= 0) taken_[front] = 1;
  }
  rows->steps_count = activation_of(match.activation, &rows->steps[0]);
}

void Fuser::start_from_int8(const Int8Match& match, FusedRows* rows) {
  for (const int beside : {match.pool, match.quantize, match.dequantize}) {
    if (beside >= 0) taken_[beside] = 1;
  }
  rows->reads = match.input;
  rows->start = match.output;
  // a static one clamps its integers
  if (match.is_static()) rows->position = match.dequantize;
  if (!match.is_static()) rows->steps_count = activation_of(match.activation, &rows->steps[0]);
}

// An int8 convolution that stands among the runtime's own operators is better left to them.
bool Fuser::is_wanted(const Int8Match& match) const {
  if (int8_ == nullptr) return false;
  const int reader = graph_.only_reader(match.output);
  const bool behind = is_here(graph_.producer(match.input));
  const bool is_summed = reader >= 0 && graph_.node(reader).kind == Kind::kAdd &&
                         is_here(graph_.producer(graph_.node(reader).other_input(match.output)));
  return (behind || is_summed) && (always_ || pays_off(graph_, match, *int8_, behind));
}

// Whether a node, or none (-1), runs in the delegate as far as is known.
bool Fuser::is_here(int position) const {
  return position >= 0 && (takes(position) || is_larq(graph_.node(position).kind));
}

// Lets a binary convolution compute the int8 convolution that it is added to.
void Fuser::pair() {
  for (FusedRows& rows : rows_) {
    if (rows.conv < 0 || graph_.node(rows.conv).kind != Kind::kBconv) continue;
    for (int i = 0; i < rows.steps_count && rows.beside < 0; ++i) {
      const FusedStep& step = rows.steps[i];
      if (step.kind != RowStep::kAdd || step.scale != 1.0f || step.operand < 0) continue;
      for (size_t k = 0; k < rows_.size(); ++k) {
        if (rows_[k].result != step.operand || !is_summand(rows_[k])) continue;
        rows.beside = static_cast<int>(k);
        rows.step = i;
        rows_[k].is_beside = true;
      }
    }
  }
}

// Whether rows are an int8 convolution's that depend on no other tensor and are read once, as they are.
bool Fuser::is_summand(const FusedRows& rows) const {
  if (rows.reads < 0 || rows.is_beside || graph_.only_reader(rows.result) < 0) return false;
  if (rows.bits >= 0 || rows.magnitude >= 0 || rows.groups >= 0) return false;
  for (int i = 0; i < rows.steps_count; ++i) {
    if (rows.steps[i].operand >= 0) return false;
  }
  return true;
}

}  // namespace larq_el
