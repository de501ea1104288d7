// Random graphs of Elastic-Link blocks, most of them damaged: a bad graph must be refused with a message or computed,
// never crash, hang or read beyond a buffer (the sanitizers see to that). Usage: fuzz [seconds] [seed]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>

#include "dispatch.h"
#include "kernels/kernel.h"
#include "tests/fake_runtime.h"

namespace larq_el {

std::mt19937_64& random_engine() {
  static std::mt19937_64 engine;
  return engine;
}

namespace {

bool chance(int percent) { return random_int(1, 100) <= percent; }

std::vector<float> random_floats(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random_int(-1000, 1000)) / 64.0f;
  return values;
}

struct Image {
  int tensor, height, width, channels;
};

// Grows a graph block by block, as the converter writes them.
class Graph {
 public:
  FakeRuntime runtime;
  std::vector<int> inputs, outputs;

  explicit Graph(int batch) : batch_(batch) {}

  void build() {
    Image x = image(random_int(1, 7), random_int(1, 7), 16 * random_int(1, 9));
    inputs.push_back(x.tensor);
    for (int block = random_int(1, 3); block > 0; --block) x = add_block(x);
    outputs.push_back(x.tensor);
  }

 private:
  int tensor(tfl::Type type, const std::vector<int>& dims) { return runtime.add_tensor(type, dims); }
  Image image(int height, int width, int channels) {
    return {tensor(tfl::kFloat32, {batch_, height, width, channels}), height, width, channels};
  }
  Image like(const Image& x) { return image(x.height, x.width, x.channels); }
  int pixels(const Image& x) const { return batch_ * x.height * x.width; }
  int constant(int count) { return runtime.add_constant(tfl::kFloat32, {count}, random_floats(count)); }
  int integers(const std::vector<int>& values) {
    return runtime.add_constant(tfl::kInt32, {static_cast<int>(values.size())}, values);
  }

  Image add_block(const Image& x) {
    if (chance(25)) return depthwise(x);
    if (chance(25)) return residual(x);
    const int stride = chance(25) ? 2 : 1;
    const int channels = chance(50) ? x.channels : chance(50) ? 2 * x.channels : (x.channels / 2 + 15) / 16 * 16;
    Image y = convolution(x, channels, stride);
    if (chance(40)) y = product(y, magnitude(x, stride));
    if (chance(40)) y = scaled(y, constant(y.channels));
    if (chance(40)) y = sum(y, constant(y.channels));
    if (chance(20)) y = activation(y);
    const Image link = stride == 2 ? pooled(x) : x;
    if (link.channels == y.channels) return sum(y, link.tensor);
    return link.channels > y.channels ? squeezed(y, link) : expanded(y, link);
  }

  Image convolution(const Image& x, int channels, int stride) {
    const int words = static_cast<int>(words_for(x.channels)), size = chance(50) ? 1 : 3;
    const int bits = tensor(tfl::kInt32, {batch_, x.height, x.width, words});
    runtime.add_node("LceQuantize", {x.tensor}, {bits});
    std::vector<uint32_t> weights = random_words(static_cast<size_t>(channels) * size * size * words);
    if (x.channels % 32 != 0) {
      for (size_t i = words - 1; i < weights.size(); i += words) weights[i] &= (1u << (x.channels % 32)) - 1;
    }
    const int filter = runtime.add_constant(tfl::kInt32, {channels, size, size, words}, weights);
    const Image y = image((x.height + stride - 1) / stride, (x.width + stride - 1) / stride, channels);
    runtime.add_node("LceBconv2d", {bits, filter, constant(channels), constant(channels), -1}, {y.tensor},
                     bconv_options({{"channels_in", x.channels},
                                    {"padding", 0},
                                    {"pad_values", random_int(0, 1)},
                                    {"stride_height", stride},
                                    {"stride_width", stride}}));
    return y;
  }

  // Of signs by signs, in an image that is padded with zeros, with ones, or not at all; and a link.
  Image depthwise(const Image& x) {
    const int bits = tensor(tfl::kInt32, {batch_, x.height, x.width, static_cast<int>(words_for(x.channels))});
    runtime.add_node("LceQuantize", {x.tensor}, {bits});
    Image signs = like(x);
    runtime.add_node("LceDequantize", {bits}, {signs.tensor});
    if (chance(10)) outputs.push_back(signs.tensor);
    const bool ones = chance(40);
    const Image y = like(x);
    if (ones) {
      signs = image(x.height + 2, x.width + 2, x.channels);
      runtime.add_builtin(tfl::kPadV2,
                          {runtime.node(runtime.nodes() - 1).outputs->data[0], integers({0, 0, 1, 1, 1, 1, 0, 0}),
                           runtime.add_constant(tfl::kFloat32, {}, std::vector<float>{1.0f})},
                          {signs.tensor}, 0);
      runtime.set_dims(runtime.node(runtime.nodes() - 1).inputs->data[1], {4, 2});
    }
    std::vector<float> weights(static_cast<size_t>(9) * x.channels);
    for (float& weight : weights) weight = chance(50) ? 0.5f : -0.5f;
    const int filter = runtime.add_constant(tfl::kFloat32, {1, 3, 3, x.channels}, weights);
    runtime.add_builtin(
        tfl::kDepthwiseConv2d, {signs.tensor, filter, constant(x.channels)}, {y.tensor},
        tfl::DepthwiseConvParams{ones ? 2 : tfl::kSame, 1, 1, 1, static_cast<tfl::Activation>(random_int(0, 3)), 1, 1});
    return chance(50) ? sum(y, x.tensor) : y;
  }

  // A binary convolution and a full-precision shortcut, in int8, of the same image.
  Image residual(const Image& x) {
    const bool halves = chance(50) && x.height > 1 && x.width > 1;
    const int channels = chance(50) ? 2 * x.channels : random_int(2, 100);
    const Image y = convolution(x, channels, halves ? 2 : 1);
    return sum(y, int8_convolution(halves ? pooled(x, tfl::kAveragePool2d) : x, channels).tensor);
  }

  Image int8_convolution(const Image& x, int channels) {
    const bool is_static = chance(50);
    const int size = chance(70) ? 1 : 3;
    std::vector<int8_t> weights(static_cast<size_t>(channels) * size * size * x.channels);
    for (int8_t& weight : weights) weight = static_cast<int8_t>(random_int(-128, 127));
    const int filter = runtime.add_constant(tfl::kInt8, {channels, size, size, x.channels}, weights);
    runtime.set_channel_scales(filter, std::vector<float>(channels, 0.01f), chance(50));
    const Image y = image(x.height, x.width, channels);
    const tfl::ConvParams params = {tfl::kSame, 1, 1, static_cast<tfl::Activation>(random_int(0, 3)), 1, 1};
    if (!is_static) {
      runtime.add_builtin(tfl::kConv2d, {x.tensor, filter, constant(channels)}, {y.tensor}, params);
      return y;
    }
    const tfl::Quantization scale = {0.1f, random_int(-128, 127)};
    const int from = runtime.add_tensor(tfl::kInt8, {batch_, x.height, x.width, x.channels}, scale);
    const int to = runtime.add_tensor(tfl::kInt8, {batch_, x.height, x.width, channels}, scale);
    const int bias = integers(std::vector<int>(channels, 100));
    runtime.add_builtin(tfl::kQuantize, {x.tensor}, {from}, 0);
    runtime.add_builtin(tfl::kConv2d, {from, filter, bias}, {to}, params);
    runtime.add_builtin(tfl::kDequantize, {to}, {y.tensor}, 0);
    return y;
  }

  int magnitude(const Image& x, int stride) {
    Image part = x;
    if (stride > 1) {
      part = image((x.height + stride - 1) / stride, (x.width + stride - 1) / stride, x.channels);
      runtime.add_builtin(tfl::kStridedSlice,
                          {x.tensor, integers({0, 0, 0, 0}), integers({0, 0, 0, 0}), integers({1, stride, stride, 1})},
                          {part.tensor}, tfl::StridedSliceParams{15, 15, 0, 0, 0});
    }
    const Image abs = like(part), mean = image(part.height, part.width, 1);
    runtime.add_builtin(tfl::kAbs, {part.tensor}, {abs.tensor}, 0);
    runtime.add_builtin(tfl::kMean, {abs.tensor, integers({chance(50) ? 3 : -1})}, {mean.tensor},
                        tfl::ReducerParams{true});
    return mean.tensor;
  }

  Image product(const Image& y, int other) { return arithmetic(tfl::kMul, y, other); }
  Image scaled(const Image& y, int other) { return arithmetic(tfl::kMul, y, other); }
  Image sum(const Image& y, int other) { return arithmetic(tfl::kAdd, y, other); }
  Image arithmetic(tfl::Builtin code, const Image& y, int other) {
    const Image z = like(y);
    const std::vector<int> operands =
        chance(50) ? std::vector<int>{y.tensor, other} : std::vector<int>{other, y.tensor};
    runtime.add_builtin(code, operands, {z.tensor}, tfl::ArithmeticParams{});
    return z;
  }

  Image activation(const Image& y) {
    const Image z = like(y);
    if (chance(50)) {
      runtime.add_builtin(tfl::kRelu, {y.tensor}, {z.tensor}, 0);
    } else {
      runtime.add_builtin(tfl::kPrelu, {y.tensor, constant(y.channels)}, {z.tensor}, 0);
    }
    return z;
  }

  Image pooled(const Image& x, tfl::Builtin code = tfl::kMaxPool2d) {
    const Image z = image((x.height + 1) / 2, (x.width + 1) / 2, x.channels);
    runtime.add_builtin(code, {x.tensor}, {z.tensor}, tfl::PoolParams{tfl::kSame, 2, 2, 2, 2, tfl::kNone});
    return z;
  }

  int reshape(int from, const std::vector<int>& dims) {
    const int to = tensor(tfl::kFloat32, dims);
    runtime.add_builtin(tfl::kReshape, {from, integers(dims)}, {to}, 0);
    return to;
  }

  int times(int from, const std::vector<int>& dims) {
    if (chance(30)) return from;
    const int to = tensor(tfl::kFloat32, dims);
    runtime.add_builtin(tfl::kMul, {from, constant(1)}, {to}, tfl::ArithmeticParams{});
    return to;
  }

  Image squeezed(const Image& y, const Image& x) {
    if (x.channels % y.channels != 0) return y;
    const int flat = reshape(x.tensor, {pixels(x), x.channels / y.channels, y.channels});
    const int narrow = tensor(tfl::kFloat32, {pixels(x), y.channels});
    runtime.add_builtin(tfl::kSum, {flat, integers({1})}, {narrow}, tfl::ReducerParams{false});
    const int link = reshape(times(narrow, {pixels(x), y.channels}), {batch_, y.height, y.width, y.channels});
    return sum(y, link);
  }

  Image expanded(const Image& y, const Image& x) {
    if (y.channels % x.channels != 0) return y;
    const int copies = y.channels / x.channels;
    const int flat = reshape(y.tensor, {pixels(y), copies, x.channels});
    const int link = reshape(times(x.tensor, {batch_, x.height, x.width, x.channels}), {pixels(x), 1, x.channels});
    const int added = tensor(tfl::kFloat32, {pixels(y), copies, x.channels});
    runtime.add_builtin(tfl::kAdd, {flat, link}, {added}, tfl::ArithmeticParams{});
    return {reshape(added, {batch_, y.height, y.width, y.channels}), y.height, y.width, y.channels};
  }

  int batch_;
};

int odd_number() {
  constexpr int kOdd[] = {-2147483647 - 1, -1000, -2, -1, 0, 1, 2, 3, 5, 33, 64, 1 << 16, 1 << 30, 2147483647};
  return kOdd[random_int(0, sizeof kOdd / sizeof *kOdd - 1)];
}

void damage_scales(tfl::Tensor* tensor) {
  constexpr float kScales[] = {0.0f, -1.0f, 1e-38f, 1e38f, NAN, INFINITY};
  const int scale = random_int(0, sizeof kScales / sizeof *kScales - 1);
  if (chance(50)) tensor->params = {kScales[scale], odd_number()};
  if (chance(20)) tensor->quantization.type = random_int(0, 2);
  if (tensor->quantization.params != nullptr && chance(20)) tensor->quantization.params = nullptr;
}

// One thing that no converter writes. What the runtime itself owns, such as the number of dims, stays sound.
void damage(Graph* graph) {
  FakeRuntime& runtime = graph->runtime;
  const int at = random_int(0, runtime.tensors() - 1), node = random_int(0, runtime.nodes() - 1);
  tfl::Tensor& tensor = runtime.tensor(at);
  tfl::IntArray* operands = chance(70) ? runtime.node(node).inputs : runtime.node(node).outputs;
  switch (random_int(0, 12)) {
    case 0:
      if (tensor.dims->size > 0) tensor.dims->data[random_int(0, tensor.dims->size - 1)] = odd_number();
      return;
    case 1:
      tensor.type = static_cast<tfl::Type>(random_int(0, 12));
      return;
    case 2:
      tensor.allocation_type = static_cast<tfl::Allocation>(random_int(0, 5));
      return;
    case 3:
      tensor.bytes = tensor.bytes * random_int(0, 99) / 100;
      return;
    case 4:
      tensor.data = tensor.allocation_type == tfl::kMmapRo ? nullptr : tensor.data;
      return;
    case 5:
    case 6:
      if (operands->size > 0) operands->data[random_int(0, operands->size - 1)] = random_int(-1, runtime.tensors());
      return;
    case 7:
      if (operands->size > 0) --operands->size;
      return;
    case 8:
      for (Options& options = runtime.options(node); !options.empty() && chance(80);) {
        options[random_int(0, static_cast<int>(options.size()) - 1)] = static_cast<uint8_t>(random_word());
      }
      return;
    case 9:
      if (runtime.builtin_params(node).size() >= sizeof(int)) {
        const int value = odd_number(), last = static_cast<int>(runtime.builtin_params(node).size() / sizeof(int)) - 1;
        memcpy(runtime.builtin_params(node).data() + sizeof(int) * random_int(0, last), &value, sizeof value);
      }
      return;
    case 10:
      runtime.node(node).builtin_data = nullptr;
      return;
    case 11:
      damage_scales(&tensor);
      return;
    default:
      graph->outputs.push_back(at);
  }
}

// Memory of exactly the size that the runtime would give an input.
bool allocate(FakeRuntime* runtime, int index) {
  tfl::Tensor& tensor = runtime->tensor(index);
  size_t elements = 1;
  for (int i = 0; i < tensor.dims->size; ++i) elements *= static_cast<size_t>(tensor.dims->data[i]);
  if (elements > 1 << 24) return false;
  runtime->fill(index, random_floats(elements));
  return true;
}

bool run_once() {
  Graph graph(chance(80) ? 1 : 2);
  graph.build();
  for (int count = chance(20) ? 0 : random_int(1, 4); count > 0; --count) damage(&graph);
  int kernels_count = 0;
  const BinaryKernel* const* kernels = available_kernels(&kernels_count);
  const BinaryKernel& kernel = *kernels[random_int(0, kernels_count - 1)];
  Array<int> claimed;
  FakeRuntime& runtime = graph.runtime;
  const bool prepared = runtime.prepare(kernel, graph.inputs, graph.outputs, random_int(1, 3));
  std::vector<int> order(runtime.nodes());
  for (int i = 0; i < runtime.nodes(); ++i) order[i] = i;
  claim(&runtime.context, order.data(), runtime.nodes(), kernel, {true, true, chance(50)}, &claimed,
        runtime.messages.reporter);
  if (!prepared) {
    CHECK(!runtime.messages.last.empty(), "refused without a word");
    return false;
  }
  for (const int input : graph.inputs) {
    if (!allocate(&runtime, input)) return false;
  }
  return runtime.invoke();
}

}  // namespace
}  // namespace larq_el

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? atof(argv[1]) : 10;
  const uint64_t seed = argc > 2 ? strtoull(argv[2], nullptr, 10) : static_cast<uint64_t>(time(nullptr));
  printf("seed %llu\n", static_cast<unsigned long long>(seed));
  fflush(stdout);
  const time_t end = time(nullptr) + static_cast<time_t>(seconds);
  uint64_t graphs = 0, computed = 0;
  for (; time(nullptr) < end; ++graphs) {
    larq_el::random_engine().seed(seed + graphs);
    computed += larq_el::run_once();
  }
  printf("%llu graphs, %llu computed, the others refused with a message\n", static_cast<unsigned long long>(graphs),
         static_cast<unsigned long long>(computed));
}
