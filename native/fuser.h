// Finds what can follow a binary convolution in one pass over its output: the nodes of BatchNorm's factors, of
// Elastic-Link (its Squeeze, Expand or Identity, with gamma), of K, of the residual sum, and of the next layers' signs.
//
// An intermediate tensor may vanish only where nothing else reads it. The order of operations and their roundings stay
// those of the single nodes, so that no sign turns over.
#pragma once

#include "depthwise.h"
#include "fusion_graph.h"
#include "int8_match.h"
#include "kernels/kernel.h"
#include "memory.h"

namespace larq_el {

struct FusedStep {
  RowStep::Kind kind;
  int operand;            // a tensor, or -1
  const float* constant;  // or a constant
  int count;              // of its values: 1 or one for each channel
  int channels;           // of an operand that is added
  float scale;
  int result = -1;  // the tensor that the step computes in the graph
};

// Rows of one tensor, from a convolution or from memory, their steps, and the forms in which the result is wanted.
struct FusedRows {
  int conv = -1;    // position of the convolution's node, or -1
  int source = -1;  // the tensor that is read, where there is no convolution
  int reads = -1;   // the tensor whose values an int8 convolution reads
  int beside = -1;  // the rows, by number, of an int8 convolution whose result a step adds and nothing else reads,
  int step = -1;    // and that step
  bool is_beside = false;  // the same, of the int8 convolution's
  int position = 0;        // of the node after which all operands are there
  FusedStep steps[kMaxSteps];
  int steps_count = 0;
  int start = -1;   // what the convolution computes, or the source
  int result = -1;  // tensors; -1 where a form is not wanted
  int values = -1;
  int bits = -1;
  int magnitude = -1;
  int groups = -1;
  int group_channels = 0;
};

// A mean magnitude of a part of the pixels.
struct FusedMagnitude {
  int position;
  int source;
  int result;
  int row_stride;
  int column_stride;
};

class Fuser {
 public:
  // `int8` is the kernel of int8 convolutions, which are left to the runtime where it is null; with `always` they are
  // taken where they are slower, too.
  Fuser(const FusionGraph& graph, const Int8Kernel* int8, bool always) : graph_(graph), int8_(int8), always_(always) {}

  // Finds all there is. In a partition, every node that a claim took must find its place again: builtin nodes that
  // follow no convolution here start from memory. False where memory is short.
  bool run(bool partition);

  const Array<FusedRows>& rows() const { return rows_; }
  const Array<FusedMagnitude>& magnitudes() const { return magnitudes_; }

  // Whether a node is part of what was found.
  bool takes(int position) const { return taken_[position] != 0; }

 private:
  // A tensor in another form than its values.
  struct Form {
    enum Kind { kBits, kMagnitude, kGroups };
    Kind kind;
    int source;
    int result;
    int group_channels;
    int position;
  };

  bool start_from_conv(int position, bool partition);
  void start_from_depthwise(const DepthwiseMatch& match, FusedRows* rows);
  void start_from_int8(const Int8Match& match, FusedRows* rows);
  bool is_wanted(const Int8Match& match) const;
  bool is_here(int position) const;

  bool grow(FusedRows* rows);
  bool absorb(FusedRows* rows, int position);
  bool absorb_sum(FusedRows* rows, const FusionNode& node, int position);
  bool absorb_product(FusedRows* rows, const FusionNode& node, int position);
  bool absorb_activation(FusedRows* rows, const FusionNode& node, int position);
  bool absorb_expand(FusedRows* rows, const FusionNode& node, int position);
  bool append(FusedRows* rows, const FusedStep& step, int position, int result);

  bool find_squeeze(int tensor, int channels, FusedStep* step);
  bool find_magnitude(int tensor);
  bool find_strided(const FusionNode& slice, int position, FusedMagnitude* found) const;
  bool scaled(int* tensor, float* scale, int* node) const;
  void take_pool(int tensor);

  bool is_shifted_sign(const FusionNode& node) const;
  bool start_from_memory(int position);
  bool attach_forms();
  bool attach(const Form& form);
  void want_values();
  void pair();
  bool is_summand(const FusedRows& rows) const;

  const FusionGraph& graph_;
  const Int8Kernel* int8_;
  bool always_;
  Array<uint8_t> taken_;
  Array<FusedRows> rows_;
  Array<FusedMagnitude> magnitudes_;
  Array<Form> forms_;
};

}  // namespace larq_el
