// As much of a TFLite runtime as a partition sees: tensors, nodes and the functions of the context.
#pragma once

#include <cstdarg>
#include <cstring>
#include <deque>

#include "check.h"
#include "planner.h"
#include "options.h"

namespace larq_el {

class FakeRuntime {
 public:
  FakeRuntime() {
    memset(&context, 0, sizeof context);
    context.unused_impl = this;
    context.ResizeTensor = resize;
    context.GetNodeAndRegistration = node_at;
    context.recommended_num_threads = -1;
    params.nodes_to_replace = params.input_tensors = params.output_tensors = nullptr;
  }
  FakeRuntime(const FakeRuntime&) = delete;
  FakeRuntime& operator=(const FakeRuntime&) = delete;
  ~FakeRuntime() {
    if (plan != nullptr) delete plan;
    if (pool != nullptr) pool->release();
    for (tfl::Tensor& tensor : tensors_) free(tensor.dims);
  }

  // An activation; its memory is made by `allocate` or by ResizeTensor.
  int add_tensor(tfl::Type type, const std::vector<int>& dims, tfl::Quantization quantization = {}) {
    tfl::Tensor tensor;
    memset(&tensor, 0, sizeof tensor);
    tensor.type = type;
    tensor.dims = make_dims(dims);
    tensor.params = quantization;
    tensors_.push_back(tensor);
    memory_.emplace_back();
    return static_cast<int>(tensors_.size()) - 1;
  }

  template <class T>
  int add_constant(tfl::Type type, const std::vector<int>& dims, const std::vector<T>& values) {
    const int index = add_tensor(type, dims);
    fill(index, values);
    tensors_[index].allocation_type = tfl::kMmapRo;
    return index;
  }

  // A buffer of exactly the size of the values, so that a sanitizer sees an over-read.
  template <class T>
  void fill(int index, const std::vector<T>& values) {
    memory_[index].assign(reinterpret_cast<const char*>(values.data()),
                          reinterpret_cast<const char*>(values.data() + values.size()));
    tensors_[index].data = memory_[index].data();
    tensors_[index].bytes = memory_[index].size();
  }

  // Gives a tensor a scale for each element of its first axis, as older runtimes lay them out or as newer ones do.
  void set_channel_scales(int index, const std::vector<float>& scales, bool apart, int zero_point = 0) {
    quantizations_.emplace_back();
    Scales& made = quantizations_.back();
    made.values = scales;
    made.inside.resize(scales.size() + 1);
    made.inside[0] = static_cast<int>(scales.size());
    memcpy(made.inside.data() + 1, scales.data(), sizeof(float) * scales.size());
    made.apart = {made.values.data(), static_cast<int>(scales.size())};
    made.zero_points = ints(std::vector<int>(scales.size(), zero_point));
    const void* stored = made.inside.data();
    if (apart) stored = &made.apart;
    made.params = {stored, array(made.zero_points), 0};
    tensors_[index].quantization.type = tfl::kAffineQuantization;
    tensors_[index].quantization.params = &made.params;
  }

  void set_dims(int index, const std::vector<int>& dims) {
    free(tensors_[index].dims);
    tensors_[index].dims = make_dims(dims);
  }

  void add_node(const char* name, const std::vector<int>& inputs, const std::vector<int>& outputs,
                const Options& options = {}) {
    nodes_.emplace_back();
    Entry& entry = nodes_.back();
    entry.options = options;
    entry.inputs = ints(inputs);
    entry.outputs = ints(outputs);
    memset(&entry.node, 0, sizeof entry.node);
    memset(&entry.registration, 0, sizeof entry.registration);
    entry.node.inputs = array(entry.inputs);
    entry.node.outputs = array(entry.outputs);
    entry.node.custom_initial_data = entry.options.data();
    entry.node.custom_initial_data_size = static_cast<int>(entry.options.size());
    entry.registration.builtin_code = tfl::kCustom;
    entry.registration.custom_name = name;
  }

  // A node of one of the runtime's own operators; `params` is kept.
  template <class Params>
  void add_builtin(tfl::Builtin code, const std::vector<int>& inputs, const std::vector<int>& outputs, Params params) {
    add_node(nullptr, inputs, outputs);
    Entry& entry = nodes_.back();
    const char* bytes = reinterpret_cast<const char*>(&params);
    entry.params.assign(bytes, bytes + sizeof params);
    entry.node.builtin_data = entry.params.data();
    entry.registration.builtin_code = code;
  }

  // Builds the plan of all nodes, and prepares it; false where either is refused.
  bool prepare(const BinaryKernel& kernel, const std::vector<int>& inputs, const std::vector<int>& outputs,
               int threads = 1, bool fuse = true, Profile* profile = nullptr) {
    pool = Pool::create();
    expose();
    context.recommended_num_threads = threads;
    std::vector<int> indices;
    for (size_t i = 0; i < nodes_.size(); ++i) indices.push_back(static_cast<int>(i));
    nodes_to_replace_ = ints(indices);
    inputs_ = ints(inputs);
    outputs_ = ints(outputs);
    params = {nullptr, array(nodes_to_replace_), array(inputs_), array(outputs_)};
    plan = build_plan(&context, params, kernel, fuse, pool, profile, messages.reporter);
    return plan != nullptr && plan->prepare(&context, messages.reporter);
  }

  // Shows the context the tensors, which must not be added to from then on.
  void expose() {
    context.tensors = tensors_.data();
    context.tensors_size = tensors_.size();
  }

  bool invoke() { return plan->invoke(&context, messages.reporter); }

  template <class T>
  std::vector<T> values(int index) const {
    const T* first = static_cast<const T*>(tensors_[index].data);
    return std::vector<T>(first, first + tensors_[index].bytes / sizeof(T));
  }

  tfl::AffineQuantization& channel_scales(int index) { return quantizations_[index].params; }
  tfl::Tensor& tensor(int index) { return tensors_[index]; }
  int tensors() const { return static_cast<int>(tensors_.size()); }
  int nodes() const { return static_cast<int>(nodes_.size()); }
  tfl::Node& node(int index) { return nodes_[index].node; }
  Options& options(int index) { return nodes_[index].options; }
  std::vector<char>& builtin_params(int index) { return nodes_[index].params; }

  tfl::Context context;
  tfl::DelegateParams params;
  Pool* pool = nullptr;
  Plan* plan = nullptr;
  Messages messages;

 private:
  struct Entry {
    Options options;
    std::vector<char> params;
    std::vector<int> inputs, outputs;
    tfl::Node node;
    tfl::Registration registration;
  };

  struct Scales {
    std::vector<float> values;
    std::vector<int> inside, zero_points;
    tfl::FloatArray apart;
    tfl::AffineQuantization params;
  };

  static std::vector<int> ints(const std::vector<int>& values) {
    std::vector<int> sized = {static_cast<int>(values.size())};
    sized.insert(sized.end(), values.begin(), values.end());
    return sized;
  }
  static tfl::IntArray* array(std::vector<int>& sized) { return reinterpret_cast<tfl::IntArray*>(sized.data()); }

  static tfl::IntArray* make_dims(const std::vector<int>& dims) {
    const std::vector<int> sized = ints(dims);
    void* memory = malloc(sizeof(int) * sized.size());
    memcpy(memory, sized.data(), sizeof(int) * sized.size());
    return static_cast<tfl::IntArray*>(memory);
  }

  static tfl::Status resize(tfl::Context* context, tfl::Tensor* tensor, tfl::IntArray* dims) {
    FakeRuntime* self = static_cast<FakeRuntime*>(context->unused_impl);
    free(tensor->dims);
    tensor->dims = dims;
    size_t bytes = size_of(tensor->type);
    for (int i = 0; i < dims->size; ++i) bytes *= dims->data[i];
    std::vector<char>& memory = self->memory_[tensor - self->tensors_.data()];
    memory = std::vector<char>(bytes, 0x55);
    tensor->data = memory.data();
    tensor->bytes = bytes;
    return tfl::kOk;
  }

  static tfl::Status node_at(tfl::Context* context, int index, tfl::Node** node, tfl::Registration** registration) {
    FakeRuntime* self = static_cast<FakeRuntime*>(context->unused_impl);
    *node = &self->nodes_[index].node;
    *registration = &self->nodes_[index].registration;
    return tfl::kOk;
  }

  std::vector<tfl::Tensor> tensors_;
  std::vector<std::vector<char>> memory_;
  std::deque<Entry> nodes_;
  std::deque<Scales> quantizations_;
  std::vector<int> nodes_to_replace_, inputs_, outputs_;
};

}  // namespace larq_el
