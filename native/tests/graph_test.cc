// Operators in a plan, and graphs that no converter writes: they are refused with a message, never followed.
#include <functional>

#include "check.h"
#include "dispatch.h"
#include "fake_runtime.h"
#include "fusion_graph.h"

namespace larq_el {
namespace {

const BinaryKernel& fastest() { return *select_kernel(nullptr, Reporter(nullptr, nullptr)); }

// LceBconv2d of 1x4x4x1 words by a 3x3 filter for 8 channels, VALID, whose parts a test may damage.
struct Convolution {
  FakeRuntime runtime;
  int input = runtime.add_tensor(tfl::kInt32, {1, 4, 4, 1});
  int filter = runtime.add_constant(tfl::kInt32, {8, 3, 3, 1}, random_words(72));
  int multiplier = runtime.add_constant(tfl::kFloat32, {8}, std::vector<float>(8, 1));
  int bias = runtime.add_constant(tfl::kFloat32, {8}, std::vector<float>(8, 0));
  int output = runtime.add_tensor(tfl::kFloat32, {1, 2, 2, 8});
  Options options = bconv_options({});
  std::vector<int> inputs = {input, filter, multiplier, bias, -1};
  std::vector<int> outputs = {output};

  bool prepare() {
    runtime.add_node("LceBconv2d", inputs, outputs, options);
    return runtime.prepare(fastest(), {input}, {output});
  }
};

void refused(const char* words, const std::function<void(Convolution&)>& damage) {
  Convolution convolution;
  damage(convolution);
  CHECK(!convolution.prepare(), "%s", words);
  CHECK(convolution.runtime.messages.mention(words), "'%s' instead of '%s'", convolution.runtime.messages.last.c_str(),
        words);
}

}  // namespace

TEST(malformed_convolutions_are_refused) {
  Convolution sound;
  CHECK(sound.prepare(), "%s", sound.runtime.messages.last.c_str());
  refused("instead of 5 and 1", [](Convolution& c) { c.inputs.clear(); });
  refused("an operand is missing", [](Convolution& c) { c.inputs[0] = -1; });
  refused("an operand is missing", [](Convolution& c) { c.inputs[1] = -1; });
  refused("an operand is missing", [](Convolution& c) { c.inputs[2] = 1000; });
  refused("an operand is missing", [](Convolution& c) { c.outputs[0] = -7; });
  refused("read before it is computed", [](Convolution& c) { c.inputs[0] = c.output; });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.tensor(c.filter).allocation_type = {}; });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.tensor(c.filter).data = nullptr; });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.tensor(c.filter).bytes = 71 * 4; });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.set_dims(c.filter, {1 << 30, 1 << 30, 4, 1}); });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.set_dims(c.filter, {8, 0, 3, 1}); });
  refused("input 1 must be a constant", [](Convolution& c) { c.runtime.tensor(c.filter).type = tfl::kFloat32; });
  refused("the filter must have 4", [](Convolution& c) { c.runtime.set_dims(c.filter, {72}); });
  refused("does not fit 32 input", [](Convolution& c) { c.runtime.set_dims(c.filter, {8, 3, 1, 3}); });
  refused("input 2 must be a constant", [](Convolution& c) { c.runtime.set_dims(c.multiplier, {7}); });
  refused("input 3 must be a constant", [](Convolution& c) { c.runtime.tensor(c.bias).bytes = 4; });
  refused("the output must be", [](Convolution& c) { c.runtime.tensor(c.output).type = tfl::Type(7); });
  refused("an operand is missing", [](Convolution& c) { c.runtime.tensor(c.output).type = tfl::kInt32; });
  refused("scale must be positive", [](Convolution& c) { c.runtime.tensor(c.output).type = tfl::kInt8; });
  refused("not a FlexBuffers map", [](Convolution& c) { c.options.clear(); });
  refused("2 words a pixel", [](Convolution& c) { c.runtime.set_dims(c.input, {1, 4, 4, 2}); });
  refused("must have 4 dimensions", [](Convolution& c) { c.runtime.set_dims(c.input, {4, 4, 1}); });
  refused("larger than the image", [](Convolution& c) { c.runtime.set_dims(c.input, {1, 2, 4, 1}); });
  refused("no elements, or too many", [](Convolution& c) { c.runtime.set_dims(c.input, {1, -4, 4, 1}); });
  refused("no elements, or too many", [](Convolution& c) { c.runtime.set_dims(c.input, {65536, 65536, 4, 1}); });
  refused("number of dimensions", [](Convolution& c) { c.runtime.set_dims(c.input, {}); });
  refused("input must be int32", [](Convolution& c) { c.runtime.tensor(c.input).type = tfl::kFloat32; });
}

TEST(tensors_computed_twice_are_refused) {
  FakeRuntime runtime;
  const int input = runtime.add_tensor(tfl::kFloat32, {1, 4}), output = runtime.add_tensor(tfl::kInt32, {1, 1});
  runtime.add_node("LceQuantize", {input}, {output});
  runtime.add_node("LceQuantize", {input}, {output});
  CHECK(!runtime.prepare(fastest(), {input}, {output}) && runtime.messages.mention("computed twice"));
}

TEST(inputs_without_memory_are_refused) {
  FakeRuntime runtime;
  const int input = runtime.add_tensor(tfl::kFloat32, {1, 40}), output = runtime.add_tensor(tfl::kInt32, {1, 2});
  runtime.add_node("LceQuantize", {input}, {output});
  CHECK(runtime.prepare(fastest(), {input}, {output}));
  CHECK(!runtime.invoke() && runtime.messages.mention("0 bytes instead of 160"));
  runtime.fill(input, std::vector<float>(39));
  CHECK(!runtime.invoke() && runtime.messages.mention("156 bytes instead of 160"));
  runtime.fill(input, std::vector<float>(40));
  CHECK(runtime.invoke());
}

TEST(only_custom_operators_have_names) {
  tfl::Registration registration;
  memset(&registration, 0, sizeof registration);
  registration.custom_name = "LceQuantize";
  registration.builtin_code = 9;  // FULLY_CONNECTED
  CHECK(kind_of(registration) == Kind::kOther);
  registration.builtin_code = tfl::kCustom;
  CHECK(kind_of(registration) != Kind::kOther);
  registration.custom_name = "LceQuantize2";
  CHECK(kind_of(registration) == Kind::kOther);
  registration.custom_name = nullptr;
  CHECK(kind_of(registration) == Kind::kOther);
}

TEST(int8_and_bool_are_quantized) {
  for (const int channels : {5, 32, 33, 96}) {
    for (const int zero_point : {-128, -3, 0, 127, 300, -300}) {
      FakeRuntime runtime;
      const int input = runtime.add_tensor(tfl::kInt8, {2, 3, channels}, {0.1f, zero_point});
      const int output = runtime.add_tensor(tfl::kInt32, {1});
      runtime.add_node("LceQuantize", {input}, {output});
      std::vector<int8_t> values(6 * channels);
      for (int8_t& value : values) value = static_cast<int8_t>(random_int(-128, 127));
      runtime.fill(input, values);
      CHECK(runtime.prepare(fastest(), {input}, {output}) && runtime.invoke());
      const std::vector<uint32_t> bits = runtime.values<uint32_t>(output);
      for (int i = 0; i < 6 * channels; ++i) {
        const int word = i / channels * static_cast<int>(words_for(channels)) + i % channels / 32;
        CHECK((bits[word] >> (i % channels % 32) & 1) == (values[i] < zero_point));
      }
    }
  }
  FakeRuntime runtime;
  const int input = runtime.add_tensor(tfl::kBool, {4}), output = runtime.add_tensor(tfl::kInt32, {1});
  runtime.add_node("LceQuantize", {input}, {output});
  runtime.fill(input, std::vector<uint8_t>{1, 0, 0, 1});
  CHECK(runtime.prepare(fastest(), {input}, {output}) && runtime.invoke());
  CHECK(runtime.values<uint32_t>(output)[0] == 6);
}

TEST(bits_are_dequantized) {
  const struct {
    tfl::Type type;
    tfl::Quantization quantization;
    int plus, minus;
  } cases[] = {{tfl::kFloat32, {0, 0}, 1, -1},
               {tfl::kInt8, {1.0f / 127, 0}, 127, -127},
               {tfl::kInt8, {0.3f, 5}, 8, 2},
               {tfl::kInt8, {1e-9f, 5}, 127, -128},
               {tfl::kBool, {0, 0}, 1, 0}};
  for (const auto& c : cases) {
    FakeRuntime runtime;
    const int input = runtime.add_tensor(tfl::kInt32, {3, 2});
    const int output = runtime.add_tensor(c.type, {3, 40}, c.quantization);
    runtime.add_node("LceDequantize", {input}, {output});
    const std::vector<uint32_t> bits = random_words(6);
    runtime.fill(input, bits);
    CHECK(runtime.prepare(fastest(), {input}, {output}) && runtime.invoke(), "%s", runtime.messages.last.c_str());
    for (int i = 0; i < 120; ++i) {
      const bool minus = bits[i / 40 * 2 + i % 40 / 32] >> (i % 40 % 32) & 1;
      const void* data = runtime.tensor(output).data;
      const bool real = c.type == tfl::kFloat32;
      const float got = real ? static_cast<const float*>(data)[i] : static_cast<const int8_t*>(data)[i];
      CHECK(got == (minus ? c.minus : c.plus), "type %d: %g", c.type, got);
    }
  }
}

TEST(maxima_are_conjunctions) {
  for (int round = 0; round < 200; ++round) {
    const Window rows = {random_int(1, 4), random_int(1, 3), 1}, columns = {random_int(1, 4), random_int(1, 3), 1};
    const int batch = random_int(1, 2), height = random_int(4, 9), width = random_int(4, 9), words = random_int(1, 3);
    const bool same = random_int(0, 1);
    FakeRuntime runtime;
    const int input = runtime.add_tensor(tfl::kInt32, {batch, height, width, words});
    const int output = runtime.add_tensor(tfl::kInt32, {0});
    runtime.add_node("LceBMaxPool2d", {input}, {output},
                     flex_map({{"filter_height", rows.size},
                               {"filter_width", columns.size},
                               {"stride_height", rows.stride},
                               {"stride_width", columns.stride},
                               {"padding", same ? 0 : 1}}));
    const std::vector<uint32_t> bits = random_words(static_cast<size_t>(batch) * height * width * words);
    runtime.fill(input, bits);
    CHECK(runtime.prepare(fastest(), {input}, {output}, random_int(1, 2)) && runtime.invoke());
    const std::vector<uint32_t> got = runtime.values<uint32_t>(output);
    const Span r = span_of(rows, height, same), s = span_of(columns, width, same);
    CHECK(got.size() == static_cast<size_t>(batch) * r.output * s.output * words);
    for (size_t i = 0; i < got.size(); ++i) {
      const int word = i % words, x = i / words % s.output, y = i / words / s.output % r.output;
      const int image = i / words / s.output / r.output;
      uint32_t all = ~0u;
      for (int ky = 0; ky < rows.size; ++ky) {
        for (int kx = 0; kx < columns.size; ++kx) {
          const int at_y = y * rows.stride - r.padding + ky, at_x = x * columns.stride - s.padding + kx;
          if (at_y < 0 || at_y >= height || at_x < 0 || at_x >= width) continue;
          all &= bits[((image * height + at_y) * width + at_x) * words + word];
        }
      }
      CHECK(got[i] == all);
    }
  }
}

// Values between the nodes live in the arena, which is reused, and change with the input's size.
TEST(chains_live_in_the_arena) {
  FakeRuntime runtime;
  const int input = runtime.add_tensor(tfl::kFloat32, {1, 8, 8, 64});
  std::vector<int> ends = {input};
  for (int i = 0; i < 6; ++i) {
    ends.push_back(runtime.add_tensor(i % 2 ? tfl::kFloat32 : tfl::kInt32, {1, 8, 8, i % 2 ? 64 : 2}));
    runtime.add_node(i % 2 ? "LceDequantize" : "LceQuantize", {ends[i]}, {ends[i + 1]});
  }
  for (const int batch : {1, 3}) {
    std::vector<float> values(batch * 64 * 64);
    for (float& value : values) value = static_cast<float>(random_int(-3, 3));
    runtime.set_dims(input, {batch, 8, 8, 64});
    runtime.fill(input, values);
    if (batch == 1) {
      CHECK(runtime.prepare(fastest(), {input}, {ends.back()}));
    } else {
      CHECK(runtime.plan->prepare(&runtime.context, runtime.messages.reporter));
    }
    CHECK(runtime.invoke());
    CHECK(runtime.plan->arena_bytes() == (batch * 64 * 64 * 4) * (1 + 1.0 / 32), "%zu", runtime.plan->arena_bytes());
    const std::vector<float> got = runtime.values<float>(ends.back());
    for (size_t i = 0; i < got.size(); ++i) CHECK(got[i] == (values[i] < 0 ? -1 : 1));
  }
}

}  // namespace larq_el
