#include "plan.h"

#include "arena.h"

// What the compiler puts where an operator lacks a function; the C++ runtime that usually has it is not linked.
extern "C" void __cxa_pure_virtual() { __builtin_trap(); }

namespace larq_el {

size_t size_of(tfl::Type type) {
  switch (type) {
    case tfl::kFloat32:
    case tfl::kInt32:
      return 4;
    case tfl::kInt8:
    case tfl::kBool:
      return 1;
  }
  return 0;
}

Plan::~Plan() {
  for (Step& step : steps_) delete step.op;
  pool_->release();
  if (profile_ != nullptr) profile_->release();
}

int Plan::find(int tensor) const {
  for (size_t i = 0; i < values_.size(); ++i) {
    if (values_[i].tensor == tensor) return static_cast<int>(i);
  }
  return -1;
}

int Plan::value(int tensor, const tfl::Tensor& description, Value::Place place) {
  const int known = find(tensor);
  if (known >= 0) return known;
  Value value;
  value.tensor = tensor;
  value.place = place;
  value.type = description.type;
  value.quantization = description.params;
  return values_.push_back(value) ? static_cast<int>(values_.size()) - 1 : -1;
}

bool Plan::add(const char* label, Op* op, const int* inputs, int inputs_count, const int* outputs, int outputs_count) {
  Owned<Op> owned(op);
  if (inputs_count > Op::kMaxOperands || outputs_count > Op::kMaxOperands) return false;
  Step step = {};
  step.op = op;
  step.entry = profile_ == nullptr ? -1 : profile_->add(label);
  step.inputs_count = inputs_count;
  step.outputs_count = outputs_count;
  for (int i = 0; i < inputs_count; ++i) step.inputs[i] = inputs[i];
  for (int i = 0; i < outputs_count; ++i) step.outputs[i] = outputs[i];
  if (!steps_.push_back(step)) return false;
  owned.release();
  return true;
}

bool Plan::prepare(tfl::Context* context, const Reporter& report) {
  threads_ = context->recommended_num_threads;
  const int most = processors() < kMaxThreads ? processors() : kMaxThreads;
  threads_ = threads_ < 1 ? 1 : threads_ > most ? most : threads_;
  return read_inputs(context, report) && propagate(threads_, report) && lay_out(report) &&
         resize_outputs(context, report);
}

bool Plan::read_inputs(tfl::Context* context, const Reporter& report) {
  for (Value& value : values_) {
    value.shape = Shape();  // until its operator is prepared
    if (value.place != Value::kInput) continue;
    const tfl::IntArray* dims = context->tensors[value.tensor].dims;
    if (dims == nullptr || dims->size < 1 || dims->size > Shape::kMaxRank) {
      return report.error("tensor %d: its number of dimensions is not from 1 to %d.", value.tensor, Shape::kMaxRank);
    }
    value.shape.rank = dims->size;
    for (int i = 0; i < dims->size; ++i) value.shape.dims[i] = dims->data[i];
    size_t elements = 0;
    if (!value.shape.elements(&elements)) {
      return report.error("tensor %d: its shape has no elements, or too many.", value.tensor);
    }
    value.bytes = elements * size_of(value.type);
  }
  return true;
}

bool Plan::propagate(int threads, const Reporter& report) {
  for (Step& step : steps_) {
    const Value* inputs[Op::kMaxOperands];
    Value* outputs[Op::kMaxOperands];
    for (int i = 0; i < step.inputs_count; ++i) inputs[i] = &values_[step.inputs[i]];
    for (int i = 0; i < step.outputs_count; ++i) outputs[i] = &values_[step.outputs[i]];
    if (!step.op->prepare(inputs, outputs, threads, report)) return false;
    for (int i = 0; i < step.outputs_count; ++i) {
      size_t elements = 0;
      if (!outputs[i]->shape.elements(&elements)) {
        return report.error("tensor %d: its shape has no elements, or too many.", outputs[i]->tensor);
      }
      outputs[i]->bytes = elements * size_of(outputs[i]->type);
    }
  }
  return true;
}

// One block of memory for each inside value from the step that computes it to the last that reads it, and for the
// scratch of each step.
bool Plan::lay_out(const Reporter& report) {
  const size_t values = values_.size(), steps = steps_.size();
  Array<ArenaBlock> blocks;
  bool enough = blocks.assign_zeros(values + steps) && addresses_.assign_zeros(values);
  for (size_t s = 0; enough && s < steps; ++s) {
    const int now = static_cast<int>(s);
    for (int i = 0; i < steps_[s].outputs_count; ++i) {
      const Value& value = values_[steps_[s].outputs[i]];
      if (value.place == Value::kInside) blocks[steps_[s].outputs[i]] = {value.bytes, 0, now, now};
    }
    for (int i = 0; i < steps_[s].inputs_count; ++i) blocks[steps_[s].inputs[i]].last = now;
    blocks[values + s] = {steps_[s].op->scratch_bytes(), 0, now, now};
  }
  size_t total = 0;
  enough = enough && place_blocks(blocks.data(), blocks.size(), &total) && arena_.assign_zeros(total);
  if (!enough) return report.error("there is not enough memory for the activations.");
  for (size_t i = 0; i < values; ++i) values_[i].offset = blocks[i].offset;
  for (size_t s = 0; s < steps; ++s) steps_[s].scratch = blocks[values + s].offset;
  return true;
}

bool Plan::resize_outputs(tfl::Context* context, const Reporter& report) {
  for (const Value& value : values_) {
    if (value.place != Value::kOutput) continue;
    const size_t bytes = sizeof(tfl::IntArray) + sizeof(int) * value.shape.rank;
    tfl::IntArray* dims = static_cast<tfl::IntArray*>(malloc(bytes));
    if (dims == nullptr) return report.error("there is not enough memory for a shape.");
    dims->size = value.shape.rank;
    memcpy(dims->data, value.shape.dims, sizeof(int) * value.shape.rank);
    if (context->ResizeTensor(context, &context->tensors[value.tensor], dims) != tfl::kOk) {
      return report.error("tensor %d cannot be resized.", value.tensor);
    }
  }
  return true;
}

bool Plan::bind(tfl::Context* context, const Reporter& report) {
  for (size_t i = 0; i < values_.size(); ++i) {
    const Value& value = values_[i];
    if (value.place == Value::kInside) {
      addresses_[i] = arena_.data() + value.offset;
      continue;
    }
    const tfl::Tensor& tensor = context->tensors[value.tensor];
    if (tensor.data == nullptr || tensor.bytes < value.bytes) {
      return report.error("tensor %d has %zu bytes instead of %zu.", value.tensor,
                          tensor.data == nullptr ? size_t{0} : tensor.bytes, value.bytes);
    }
    addresses_[i] = tensor.data;
  }
  return true;
}

bool Plan::invoke(tfl::Context* context, const Reporter& report) {
  if (!bind(context, report)) return false;
  for (const Step& step : steps_) {
    const void* inputs[Op::kMaxOperands];
    void* outputs[Op::kMaxOperands];
    for (int i = 0; i < step.inputs_count; ++i) inputs[i] = addresses_[step.inputs[i]];
    for (int i = 0; i < step.outputs_count; ++i) outputs[i] = addresses_[step.outputs[i]];
    const double start = profile_ == nullptr ? 0 : now();
    step.op->run({inputs, outputs, arena_.data() + step.scratch, pool_, threads_});
    if (profile_ != nullptr) profile_->record(step.entry, now() - start);
  }
  return true;
}

}  // namespace larq_el
