// The part of TensorFlow Lite's C interface that a delegate touches, restated so that no header of a runtime is needed.
//
// TFLite calls this interface semi-stable: fields are only ever appended. The layouts below hold for LP64 systems and
// for every runtime from TensorFlow 2.15 on; the assertions at the end fix them. Fields that the delegate does not need
// are named `unused` or left out at the end of a structure that the runtime allocates.
#pragma once

#include <cstddef>
#include <cstdint>

namespace larq_el::tfl {

enum Status : int { kOk = 0, kError = 1 };

enum Type : int { kFloat32 = 1, kInt32 = 2, kBool = 6, kInt8 = 9 };
constexpr int kLastKnownType = 40;  // far above any type there is; a larger value means a layout that is not ours

enum Allocation : int { kMmapRo = 1, kDynamic = 4, kPersistentRo = 5 };

enum Builtin : int {
  kAdd = 0,
  kAveragePool2d = 1,
  kConv2d = 3,
  kDepthwiseConv2d = 4,
  kDequantize = 6,
  kMaxPool2d = 17,
  kMul = 18,
  kRelu = 19,
  kReshape = 22,
  kCustom = 32,
  kMean = 40,
  kSub = 41,
  kStridedSlice = 45,
  kDelegateNode = 51,
  kPrelu = 54,
  kPadV2 = 60,
  kSum = 74,
  kAbs = 101,
  kQuantize = 114,
};

enum Activation : int { kNone = 0, kReluActivation = 1, kReluN1To1Activation = 2, kRelu6Activation = 3 };
enum Padding : int { kSame = 1, kValid = 2 };

// Beginnings of what `Node::builtin_data` points to.
struct ArithmeticParams {  // of ADD, SUB and MUL
  Activation activation;
};
struct ReducerParams {
  bool keep_dims;
};
struct PoolParams {
  int padding;
  int stride_width;
  int stride_height;
  int filter_width;
  int filter_height;
  Activation activation;
};
struct ConvParams {
  int padding;
  int stride_width;
  int stride_height;
  Activation activation;
  int dilation_width;
  int dilation_height;
};
struct DepthwiseConvParams {
  int padding;
  int stride_width;
  int stride_height;
  int depth_multiplier;
  Activation activation;
  int dilation_width;
  int dilation_height;
};
struct StridedSliceParams {
  int begin_mask;
  int end_mask;
  int ellipsis_mask;
  int new_axis_mask;
  int shrink_axis_mask;
};

// The runtime must prepare the plan after delegation, not before it: the custom operators are unknown to it.
constexpr int64_t kAllowDynamicTensors = 1;

struct IntArray {
  int size;
  int data[];
};

struct Quantization {
  float scale;
  int32_t zero_point;
};

constexpr int kAffineQuantization = 1;

// What `Tensor::quantization.params` points to where the type is kAffineQuantization. In older runtimes `scale` points
// to a size and the values behind it, in newer ones to a FloatArray.
struct FloatArray {
  const float* values;
  int size;
};
struct AffineQuantization {
  const void* scale;  // IntArray, of floats, or FloatArray
  const IntArray* zero_point;
  int32_t quantized_dimension;
};

struct Tensor {
  Type type;
  void* data;
  IntArray* dims;
  Quantization params;
  Allocation allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  void* delegate;
  int buffer_handle;
  struct {
    int type;
    const AffineQuantization* params;
  } quantization;
  void* sparsity;
  const IntArray* dims_signature;
};

struct Node {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  void* delegate;
  bool might_have_side_effect;
};

struct Context;
struct Delegate;

// Passed by value to the runtime. A structure larger than the runtime's is harmless, a smaller one is not: it has every
// field that is known, and must be zeroed.
struct Registration {
  void* (*init)(Context*, const char* buffer, size_t length);
  void (*free)(Context*, void* buffer);
  Status (*prepare)(Context*, Node*);
  Status (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* async_kernel;
  uint64_t inplace_operator;
};

struct Context {
  size_t tensors_size;
  Status (*GetExecutionPlan)(Context*, IntArray** plan);
  Tensor* tensors;
  void* unused_impl;
  Status (*ResizeTensor)(Context*, Tensor*, IntArray* new_size);  // takes ownership of a malloc()ed new_size
  void (*ReportError)(Context*, const char* format, ...);
  Status (*AddTensors)(Context*, int count, int* first);
  Status (*GetNodeAndRegistration)(Context*, int index, Node**, Registration**);
  Status (*ReplaceNodeSubsetsWithDelegateKernels)(Context*, Registration, const IntArray* nodes, Delegate*);
  int recommended_num_threads;
};

struct Delegate {
  void* data;
  Status (*Prepare)(Context*, Delegate*);
  Status (*CopyFromBufferHandle)(Context*, Delegate*, int handle, Tensor*);
  Status (*CopyToBufferHandle)(Context*, Delegate*, int handle, Tensor*);
  void (*FreeBufferHandle)(Context*, Delegate*, int* handle);
  int64_t flags;
  void* opaque_delegate_builder;
};

struct DelegateParams {
  Delegate* delegate;
  IntArray* nodes_to_replace;
  IntArray* input_tensors;
  IntArray* output_tensors;
};

static_assert(sizeof(void*) == 8 && sizeof(long) == 8, "the layouts are those of LP64 systems");
static_assert(sizeof(Tensor) == 112 && offsetof(Tensor, data) == 8 && offsetof(Tensor, dims) == 16);
static_assert(offsetof(Tensor, params) == 24 && offsetof(Tensor, allocation_type) == 32);
static_assert(offsetof(Tensor, bytes) == 40 && offsetof(Tensor, dims_signature) == 104);
static_assert(sizeof(Node) == 80 && offsetof(Node, user_data) == 32 && offsetof(Node, builtin_data) == 40);
static_assert(offsetof(Node, custom_initial_data) == 48 && offsetof(Node, custom_initial_data_size) == 56);
static_assert(sizeof(Registration) == 88 && offsetof(Registration, builtin_code) == 40);
static_assert(offsetof(Registration, custom_name) == 48 && offsetof(Registration, inplace_operator) == 80);
static_assert(offsetof(Context, tensors) == 16 && offsetof(Context, ResizeTensor) == 32);
static_assert(offsetof(Context, GetNodeAndRegistration) == 56 && offsetof(Context, recommended_num_threads) == 72);
static_assert(sizeof(Delegate) == 56 && offsetof(Delegate, flags) == 40);
static_assert(sizeof(DelegateParams) == 32 && offsetof(DelegateParams, output_tensors) == 24);

}  // namespace larq_el::tfl
