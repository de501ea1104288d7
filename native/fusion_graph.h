// The nodes of a graph, or of a partition of it, as fusion looks at them: who computes a tensor, and who reads it.
#pragma once

#include "memory.h"
#include "report.h"
#include "tfl_abi.h"

namespace larq_el {

enum class Kind {
  kOther,
  kQuantize,
  kDequantize,
  kBconv,
  kBMaxPool,
  kAdd,
  kSub,
  kMul,
  kRelu,
  kPrelu,
  kReshape,
  kSum,
  kMean,
  kAbs,
  kMaxPool,
  kStridedSlice,
  kDepthwise,
  kPad,
  kConv,
  kAveragePool,
  kQuantizeInt8,
  kDequantizeInt8,
};

// The kind of a node, by its registration.
Kind kind_of(const tfl::Registration& registration);

struct FusionNode {
  static constexpr int kMaxInputs = 5;

  int index = -1;  // in the runtime
  Kind kind = Kind::kOther;
  int inputs[kMaxInputs] = {-1, -1, -1, -1, -1};
  int inputs_count = 0;  // -1 where there are more, or an operand that does not exist
  int output = -1;       // the only one, or -1
  const void* params = nullptr;

  // Of two inputs, the one beside a tensor.
  int other_input(int tensor) const { return inputs[inputs[0] == tensor ? 1 : 0]; }
};

class FusionGraph {
 public:
  // Reads `count` nodes in the order of execution. `outputs` are the tensors that are read elsewhere; where it is null
  // those are the tensors that no node reads. False, with a message, where a node cannot be read.
  bool read(tfl::Context* context, const int* nodes, int count, const tfl::IntArray* outputs, const Reporter& report);

  int size() const { return static_cast<int>(nodes_.size()); }
  const FusionNode& node(int position) const { return nodes_[position]; }

  // The position of the node that computes a tensor; -1 where none here does.
  int producer(int tensor) const { return valid(tensor) ? producers_[tensor] : -1; }

  // The position of the only node that reads a tensor; -1 where there are others, or it is read elsewhere.
  int only_reader(int tensor) const;

  bool read_elsewhere(int tensor) const { return valid(tensor) && elsewhere_[tensor] != 0; }

  // A tensor's sizes: how many dimensions (0 where it is unknown), and each of them (-1 where there is none).
  int rank(int tensor) const;
  int dim(int tensor, int axis) const { return axis < rank(tensor) ? context_->tensors[tensor].dims->data[axis] : -1; }

  bool is_float(int tensor) const { return valid(tensor) && context_->tensors[tensor].type == tfl::kFloat32; }
  bool is_image(int tensor) const { return is_float(tensor) && rank(tensor) == 4 && dim(tensor, 3) > 0; }
  int channels(int tensor) const { return dim(tensor, 3); }
  bool same_image(int a, int b) const;  // height and width

  bool is_int8(int tensor) const { return valid(tensor) && context_->tensors[tensor].type == tfl::kInt8; }
  const tfl::Quantization& quantization(int tensor) const { return context_->tensors[tensor].params; }

  // The scales of a tensor whose first axis has `channels` of them, and zero points of 0; null where it has others.
  const float* channel_scales(int tensor, int channels) const;

  // The values of a constant of the given type; null where it is none. `count` becomes their number.
  template <class T>
  const T* constant(int tensor, tfl::Type type, int* count) const {
    return static_cast<const T*>(constant_data(tensor, type, count));
  }

 private:
  bool valid(int tensor) const { return tensor >= 0 && static_cast<size_t>(tensor) < context_->tensors_size; }
  void describe(const tfl::Node& node, FusionNode* view) const;
  const void* constant_data(int tensor, tfl::Type type, int* count) const;

  tfl::Context* context_ = nullptr;
  Array<FusionNode> nodes_;
  Array<int> producers_;  // of each tensor: position
  Array<int> readers_;    // number of reads
  Array<int> last_reader_;
  Array<uint8_t> elsewhere_;
};

}  // namespace larq_el
