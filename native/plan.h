// The operators of one partition of a graph, the values between them and the memory in which those live.
#pragma once

#include "memory.h"
#include "pool.h"
#include "profile.h"
#include "report.h"
#include "shape.h"
#include "tfl_abi.h"

namespace larq_el {

// A tensor as the plan sees it. The runtime allocates what crosses the partition's border; what stays inside has no
// memory there, nor a shape that follows when the model's inputs are resized.
struct Value {
  enum Place { kInput, kOutput, kInside };

  int tensor = -1;  // its number in the runtime
  Place place = kInside;
  tfl::Type type = tfl::kFloat32;
  tfl::Quantization quantization = {};
  Shape shape;
  size_t bytes = 0;
  size_t offset = 0;  // in the arena, of an inside value
};

// What an operator runs on.
struct Run {
  const void* const* inputs;
  void* const* outputs;
  void* scratch;  // of scratch_bytes(), 64-byte aligned
  Pool* pool;
  int threads;
};

class Op : public Allocated {
 public:
  static constexpr int kMaxOperands = 8;

  virtual ~Op() {}

  // Checks the inputs' types and shapes, sets the outputs' shapes, and gets ready for `threads` threads. Called before
  // the first run and whenever a shape or the number of threads changes; false, with a message, where they do not fit.
  virtual bool prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) = 0;

  // Working memory that a run needs, after prepare.
  virtual size_t scratch_bytes() const { return 0; }

  virtual void run(const Run& run) const = 0;
};

// The number of bytes of an element; 0 for types that no operator here has.
size_t size_of(tfl::Type type);

class Plan : public Allocated {
 public:
  // `profile` may be null.
  Plan(Pool* pool, Profile* profile)
      : pool_(pool->retain()), profile_(profile == nullptr ? nullptr : profile->retain()) {}
  ~Plan();

  // Whether a runtime's tensor is among the values.
  bool knows(int tensor) const { return find(tensor) >= 0; }

  // The index of a runtime's tensor among the values, which it joins if need be; -1 where memory is short.
  int value(int tensor, const tfl::Tensor& description, Value::Place place);

  // Appends an operator, which now belongs to the plan; operands are indices of values. False where memory is short or
  // there are too many operands. `label` names it in profiles.
  bool add(const char* label, Op* op, const int* inputs, int inputs_count, const int* outputs, int outputs_count);

  // Propagates shapes from the partition's inputs, lays out the arena, and gives the outputs their shapes.
  bool prepare(tfl::Context* context, const Reporter& report);

  bool invoke(tfl::Context* context, const Reporter& report);

  // Bytes of the arena, after prepare.
  size_t arena_bytes() const { return arena_.size(); }

 private:
  struct Step {
    Op* op;
    int inputs[Op::kMaxOperands];
    int outputs[Op::kMaxOperands];
    int inputs_count;
    int outputs_count;
    int entry;       // in the profile
    size_t scratch;  // offset in the arena
  };

  int find(int tensor) const;
  bool read_inputs(tfl::Context* context, const Reporter& report);
  bool propagate(int threads, const Reporter& report);
  bool lay_out(const Reporter& report);
  bool resize_outputs(tfl::Context* context, const Reporter& report);
  bool bind(tfl::Context* context, const Reporter& report);

  Pool* pool_;
  Profile* profile_;
  int threads_ = 1;
  Array<Value> values_;
  Array<Step> steps_;
  Array<uint8_t> arena_;
  Array<void*> addresses_;  // of the values, during a run
};

}  // namespace larq_el
