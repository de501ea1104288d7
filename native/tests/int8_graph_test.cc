// Which int8 convolutions the delegate claims: those beside its own operators, whose operands are what they have to be.
#include <cmath>
#include <functional>

#include "check.h"
#include "dispatch.h"
#include "fake_runtime.h"

namespace larq_el {
namespace {

constexpr int kChannels = 8;
constexpr int kOutputs = 6;

// LceDequantize, an average, perhaps QUANTIZE, the convolution and DEQUANTIZE.
struct Int8Graph {
  FakeRuntime runtime;
  bool is_static;
  int bits, signs, image, stored, filter, bias, sums, output, conv, pool;

  explicit Int8Graph(bool is_static) : is_static(is_static) {
    bits = runtime.add_tensor(tfl::kInt32, {1, 4, 4, 1});
    signs = runtime.add_tensor(tfl::kFloat32, {1, 4, 4, kChannels});
    image = runtime.add_tensor(tfl::kFloat32, {1, 2, 2, kChannels});
    runtime.add_node("LceDequantize", {bits}, {signs});
    pool = runtime.nodes();
    runtime.add_builtin(tfl::kAveragePool2d, {signs}, {image}, tfl::PoolParams{tfl::kSame, 2, 2, 2, 2, tfl::kNone});
    stored = runtime.add_tensor(tfl::kInt8, {1, 2, 2, kChannels}, {0.5f, 3});
    if (is_static) runtime.add_builtin(tfl::kQuantize, {image}, {stored}, 0);
    filter = runtime.add_constant(tfl::kInt8, {kOutputs, 1, 1, kChannels}, std::vector<int8_t>(kOutputs * kChannels));
    runtime.set_channel_scales(filter, std::vector<float>(kOutputs, 0.25f), false);
    bias = is_static ? runtime.add_constant(tfl::kInt32, {kOutputs}, std::vector<int32_t>(kOutputs))
                     : runtime.add_constant(tfl::kFloat32, {kOutputs}, std::vector<float>(kOutputs));
    output = runtime.add_tensor(tfl::kFloat32, {1, 2, 2, kOutputs});
    sums = is_static ? runtime.add_tensor(tfl::kInt8, {1, 2, 2, kOutputs}, {0.75f, -3}) : output;
    conv = runtime.nodes();
    runtime.add_builtin(tfl::kConv2d, {is_static ? stored : image, filter, bias}, {sums},
                        tfl::ConvParams{tfl::kSame, 1, 1, tfl::kNone, 1, 1});
    if (is_static) runtime.add_builtin(tfl::kDequantize, {sums}, {output}, 0);
  }

  tfl::ConvParams& options() { return *reinterpret_cast<tfl::ConvParams*>(runtime.builtin_params(conv).data()); }
  float& scale(int channel) {
    return const_cast<float*>(reinterpret_cast<const float*>(
        static_cast<const tfl::IntArray*>(runtime.channel_scales(0).scale)->data))[channel];
  }
  tfl::Tensor& tensor(int index) { return runtime.tensor(index); }

  // Whether a node is claimed.
  bool claims(int node, const Wanted& wanted = {true, true, true}) {
    runtime.expose();
    std::vector<int> order;
    for (int i = 0; i < runtime.nodes(); ++i) order.push_back(i);
    Array<int> claimed;
    const BinaryKernel& kernel = *select_kernel(nullptr, runtime.messages.reporter);
    CHECK(claim(&runtime.context, order.data(), runtime.nodes(), kernel, wanted, &claimed, runtime.messages.reporter));
    for (const int index : claimed) {
      if (index == node) return true;
    }
    return false;
  }
};

void check_left(bool is_static, const char* what, const std::function<void(Int8Graph*)>& change) {
  Int8Graph graph(is_static);
  CHECK(graph.claims(graph.conv), "%s", what);
  change(&graph);
  CHECK(!graph.claims(graph.conv), "claimed: %s", what);
}

// A binary convolution, an int8 one behind an average, their sum and its signs.
struct Sum {
  struct Result {
    std::vector<float> sums;
    std::vector<uint32_t> signs;
  };

  int batch = random_int(1, 2), height = random_int(1, 9), width = random_int(1, 9);
  int channels = random_int(1, 70), outputs = random_int(2, 200), size = random_int(0, 1) ? 1 : 3;
  std::vector<uint32_t> bits = random_words(batch * height * width), filter = random_words(outputs);
  std::vector<int8_t> weights;
  std::vector<float> values, constants;

  Sum() {
    for (int i = 0; i < outputs * size * size * channels; ++i) weights.push_back(random_int(-128, 127));
    for (int i = 0; i < 4 * batch * height * width * channels; ++i) values.push_back(random_int(-1000, 1000) / 64.0f);
    for (int c = 0; c < outputs; ++c) constants.push_back(random_int(1, 1000) / 512.0f);
  }

  // With the int8 convolution `stored`, as somebody else reads it too, or beside the binary one.
  Result compute(const BinaryKernel& kernel, bool stored) const {
    FakeRuntime runtime;
    const std::vector<int> dims = {batch, height, width, outputs};
    const int image = runtime.add_tensor(tfl::kFloat32, {batch, 2 * height, 2 * width, channels});
    const int average = runtime.add_tensor(tfl::kFloat32, {batch, height, width, channels});
    const int words = runtime.add_tensor(tfl::kInt32, {batch, height, width, 1});
    const int binary = runtime.add_tensor(tfl::kFloat32, dims), int8 = runtime.add_tensor(tfl::kFloat32, dims);
    const int sum = runtime.add_tensor(tfl::kFloat32, dims);
    const int signs = runtime.add_tensor(tfl::kInt32, {batch, height, width, (outputs + 31) / 32});
    const int constant = runtime.add_constant(tfl::kFloat32, {outputs}, constants);
    const int packed = runtime.add_constant(tfl::kInt32, {outputs, 1, 1, 1}, filter);
    const int bytes = runtime.add_constant(tfl::kInt8, {outputs, size, size, channels}, weights);
    runtime.set_channel_scales(bytes, constants, false);
    runtime.fill(image, values);
    runtime.fill(words, bits);
    runtime.add_node("LceBconv2d", {words, packed, constant, constant, -1}, {binary}, bconv_options({}));
    runtime.add_builtin(tfl::kAveragePool2d, {image}, {average}, tfl::PoolParams{tfl::kValid, 2, 2, 2, 2, tfl::kNone});
    runtime.add_builtin(tfl::kConv2d, {average, bytes, constant}, {int8},
                        tfl::ConvParams{tfl::kSame, 1, 1, tfl::kReluActivation, 1, 1});
    runtime.add_builtin(tfl::kAdd, {binary, int8}, {sum}, tfl::ArithmeticParams{});
    runtime.add_node("LceQuantize", {sum}, {signs});
    const std::vector<int> wanted = stored ? std::vector<int>{sum, signs, int8} : std::vector<int>{sum, signs};
    CHECK(runtime.prepare(kernel, {image, words}, wanted, random_int(1, 3)), "%s", runtime.messages.last.c_str());
    CHECK(runtime.invoke());
    return {runtime.values<float>(sum), runtime.values<uint32_t>(signs)};
  }
};

}  // namespace

TEST(int8_convolutions_beside_the_delegate_are_claimed) {
  for (const bool is_static : {false, true}) {
    Int8Graph graph(is_static);
    for (int node = 0; node < graph.runtime.nodes(); ++node) CHECK(graph.claims(node), "node %d", node);
    CHECK(!graph.claims(graph.conv, {true, false, false}) && !graph.claims(graph.pool, {true, false, false}));
    CHECK(!graph.claims(graph.conv, {false, true, true}));
    // without an operator of the delegate's in front
    graph.runtime.node(0).outputs->data[0] = graph.image;
    CHECK(graph.claims(0) && !graph.claims(graph.conv));
  }
}

TEST(int8_convolutions_without_bias_are_claimed) {
  for (const bool is_static : {false, true}) {
    Int8Graph graph(is_static);
    graph.runtime.node(graph.conv).inputs->data[2] = -1;
    CHECK(graph.claims(graph.conv));
  }
}

TEST(int8_convolutions_of_other_operands_are_left) {
  for (const bool is_static : {false, true}) {
    const auto left = [is_static](const char* what, const std::function<void(Int8Graph*)>& change) {
      check_left(is_static, what, change);
    };
    left("no options", [](Int8Graph* g) { g->runtime.node(g->conv).builtin_data = nullptr; });
    left("a stride of 0", [](Int8Graph* g) { g->options().stride_width = 0; });
    left("a dilation below 0", [](Int8Graph* g) { g->options().dilation_height = -1; });
    left("an unknown padding", [](Int8Graph* g) { g->options().padding = 0; });
    left("an unknown activation", [](Int8Graph* g) { g->options().activation = static_cast<tfl::Activation>(4); });
    left("a filter of reals", [](Int8Graph* g) { g->tensor(g->filter).type = tfl::kFloat32; });
    left("a filter that is none", [](Int8Graph* g) { g->tensor(g->filter).allocation_type = tfl::kDynamic; });
    left("a short filter", [](Int8Graph* g) { g->tensor(g->filter).bytes -= 1; });
    left("groups", [](Int8Graph* g) { g->runtime.set_dims(g->filter, {kOutputs, 1, 1, kChannels / 2}); });
    left("an empty filter", [](Int8Graph* g) { g->runtime.set_dims(g->filter, {kOutputs, 0, 1, kChannels}); });
    left("one scale", [](Int8Graph* g) { g->tensor(g->filter).params.scale = 0.25f; });
    left("no scales", [](Int8Graph* g) { g->tensor(g->filter).quantization.type = 0; });
    left("nothing of scales", [](Int8Graph* g) { g->runtime.channel_scales(0).scale = nullptr; });
    left("no zero points", [](Int8Graph* g) { g->runtime.channel_scales(0).zero_point = nullptr; });
    left("another axis", [](Int8Graph* g) { g->runtime.channel_scales(0).quantized_dimension = 3; });
    left("other zero points",
         [](Int8Graph* g) { g->runtime.set_channel_scales(g->filter, std::vector<float>(kOutputs, 0.25f), true, 1); });
    left("too few scales",
         [](Int8Graph* g) { g->runtime.set_channel_scales(g->filter, std::vector<float>(kOutputs - 1, 0.25f), true); });
    for (const float scale : {0.0f, -1.0f, NAN, INFINITY})
      left("a scale", [scale](Int8Graph* g) { g->scale(2) = scale; });
    left("a bias of another type",
         [is_static](Int8Graph* g) { g->tensor(g->bias).type = is_static ? tfl::kFloat32 : tfl::kInt32; });
    left("a short bias", [](Int8Graph* g) { g->runtime.set_dims(g->bias, {kOutputs - 1}); });
    left("other channels", [](Int8Graph* g) { g->runtime.set_dims(g->output, {1, 2, 2, kOutputs + 1}); });
    left("no image", [](Int8Graph* g) {
      g->runtime.set_dims(g->image, {4, kChannels});
      g->runtime.node(g->pool).outputs->data[0] = g->signs;
    });
  }
}

TEST(static_convolutions_of_other_scales_are_left) {
  const auto left = [](const char* what, const std::function<void(Int8Graph*)>& change) {
    check_left(true, what, change);
  };
  for (const float scale : {0.0f, -1.0f, NAN, INFINITY}) {
    left("a scale", [scale](Int8Graph* g) { g->tensor(g->stored).params.scale = scale; });
    left("a scale", [scale](Int8Graph* g) { g->tensor(g->sums).params.scale = scale; });
  }
  for (const int zero_point : {-129, 128, INT32_MAX, INT32_MIN}) {
    left("a zero point", [zero_point](Int8Graph* g) { g->tensor(g->stored).params.zero_point = zero_point; });
    left("a zero point", [zero_point](Int8Graph* g) { g->tensor(g->sums).params.zero_point = zero_point; });
  }
  left("a factor beyond the runtime's", [](Int8Graph* g) { g->tensor(g->sums).params.scale = 1e-4f; });
  left("a large bias", [](Int8Graph* g) { g->runtime.fill(g->bias, std::vector<int32_t>(kOutputs, INT32_MIN)); });
  left("integers that something else reads", [](Int8Graph* g) {
    g->runtime.add_builtin(tfl::kDequantize, {g->sums}, {g->runtime.add_tensor(tfl::kFloat32, {1, 2, 2, kOutputs})}, 0);
  });
  left("integers of the image that something else reads", [](Int8Graph* g) {
    g->runtime.add_builtin(tfl::kDequantize, {g->stored}, {g->runtime.add_tensor(tfl::kFloat32, {1, 2, 2, kChannels})},
                           0);
  });
}

// What the averages are read by else keeps them.
TEST(averages_that_are_outputs_are_computed) {
  for (const bool is_static : {false, true}) {
    Int8Graph graph(is_static);
    graph.runtime.fill(graph.bits, std::vector<uint32_t>(16, 0x0f));
    const BinaryKernel& kernel = *select_kernel(nullptr, graph.runtime.messages.reporter);
    CHECK(graph.runtime.prepare(kernel, {graph.bits}, {graph.image, graph.output}), "%s",
          graph.runtime.messages.last.c_str());
    CHECK(graph.runtime.invoke());
    const std::vector<float> averages = graph.runtime.values<float>(graph.image);
    for (size_t i = 0; i < averages.size(); ++i) CHECK(averages[i] == (i % kChannels < 4 ? -1.0f : 1.0f));
    CHECK(graph.runtime.values<float>(graph.output).size() == 4 * kOutputs);
  }
}

TEST(sums_with_a_convolution_beside_equal_those_with_a_stored_one) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  for (int round = 0; round < 30; ++round) {
    const Sum problem;
    for (int i = 0; i < count; ++i) {
      const Sum::Result beside = problem.compute(*kernels[i], false), stored = problem.compute(*kernels[i], true);
      CHECK(beside.sums == stored.sums && beside.signs == stored.signs, "%s: %d to %d channels, %dx%d",
            kernels[i]->name, problem.channels, problem.outputs, problem.size, problem.size);
    }
  }
}

}  // namespace larq_el
