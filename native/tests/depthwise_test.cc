// Binary depthwise convolutions of random geometry against sums over +1, -1 and, outside the image, 0 or +1.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "dispatch.h"
#include "fake_runtime.h"

namespace larq_el {
namespace {

struct Depthwise {
  int batch, height, width, channels;
  Window rows, columns;
  bool same, pad_one;
  int padding[4];  // with ones
  tfl::Activation activation;
  std::vector<uint32_t> input;
  std::vector<float> filter, bias;

  int words() const { return static_cast<int>(words_for(channels)); }
};

Depthwise random_depthwise() {
  Depthwise d = {};
  d.batch = random_int(1, 2);
  d.height = random_int(1, 12);
  d.width = random_int(1, 40);
  d.channels = random_int(0, 1) ? random_int(1, 140) : 32 * random_int(1, 40);
  d.rows = {random_int(1, 7), random_int(1, 3), random_int(1, 3)};
  d.columns = {random_int(1, 7), random_int(1, 3), random_int(1, 3)};
  d.pad_one = random_int(0, 1);
  for (int& padding : d.padding) padding = d.pad_one ? random_int(0, 8) : 0;
  const bool fits = d.rows.extent() <= d.height + d.padding[0] + d.padding[1] &&
                    d.columns.extent() <= d.width + d.padding[2] + d.padding[3];
  if (d.pad_one && !fits) return random_depthwise();
  d.same = !d.pad_one && (!fits || random_int(0, 2));
  d.activation = static_cast<tfl::Activation>(random_int(0, 3));
  d.input = random_words(static_cast<size_t>(d.batch) * d.height * d.width * d.words());
  for (int c = 0; c < d.channels; ++c) {
    d.filter.push_back(std::normal_distribution<float>(0, 1)(random_engine()));
    d.bias.push_back(std::normal_distribution<float>(0, 3)(random_engine()));
  }
  for (int tap = 1; tap < d.rows.size * d.columns.size; ++tap) {
    for (int c = 0; c < d.channels; ++c) d.filter.push_back(random_int(0, 1) ? d.filter[c] : -d.filter[c]);
  }
  return d;
}

// The tensors of a runtime that the convolution stands in.
struct Placed {
  int input, signs, output;
};

Placed add_to(FakeRuntime* runtime, const Depthwise& d) {
  Placed placed = {};
  placed.input = runtime->add_tensor(tfl::kInt32, {d.batch, d.height, d.width, d.words()});
  placed.signs = runtime->add_tensor(tfl::kFloat32, {d.batch, d.height, d.width, d.channels});
  runtime->add_node("LceDequantize", {placed.input}, {placed.signs});
  int image = placed.signs;
  const int* padding = d.padding;
  const Span rows = span_of(d.rows, d.height + padding[0] + padding[1], d.same);
  const Span columns = span_of(d.columns, d.width + padding[2] + padding[3], d.same);
  if (d.pad_one) {
    image = runtime->add_tensor(tfl::kFloat32, {d.batch, rows.input, columns.input, d.channels});
    const std::vector<int> amounts = {0, 0, padding[0], padding[1], padding[2], padding[3], 0, 0};
    runtime->add_builtin(tfl::kPadV2,
                         {placed.signs, runtime->add_constant(tfl::kInt32, {4, 2}, amounts),
                          runtime->add_constant(tfl::kFloat32, {}, std::vector<float>{1.0f})},
                         {image}, 0);
  }
  placed.output = runtime->add_tensor(tfl::kFloat32, {d.batch, rows.output, columns.output, d.channels});
  runtime->add_builtin(
      tfl::kDepthwiseConv2d,
      {image, runtime->add_constant(tfl::kFloat32, {1, d.rows.size, d.columns.size, d.channels}, d.filter),
       runtime->add_constant(tfl::kFloat32, {d.channels}, d.bias)},
      {placed.output},
      tfl::DepthwiseConvParams{d.same ? tfl::kSame : 2, d.columns.stride, d.rows.stride, 1, d.activation,
                               d.columns.dilation, d.rows.dilation});
  runtime->fill(placed.input, d.input);
  return placed;
}

// The sum of the signs under a window; `y0` and `x0` are its origin in the image without padding.
int sum(const Depthwise& d, int image, int y0, int x0, int channel) {
  int total = 0;
  for (int ky = 0; ky < d.rows.size; ++ky) {
    for (int kx = 0; kx < d.columns.size; ++kx) {
      const int y = y0 + ky * d.rows.dilation, x = x0 + kx * d.columns.dilation;
      const bool inside = y >= 0 && y < d.height && x >= 0 && x < d.width;
      if (!inside && !d.pad_one) continue;
      const uint32_t* pixel = inside ? &d.input[((image * d.height + y) * d.width + x) * d.words()] : nullptr;
      const bool minus = inside && (pixel[channel / 32] >> (channel % 32) & 1);
      const float weight = d.filter[(ky * d.columns.size + kx) * d.channels + channel];
      total += minus == (weight < 0.0f) ? 1 : -1;
    }
  }
  return total;
}

float transformed(const Depthwise& d, int total, int channel) {
  const volatile float product = static_cast<float>(total) * std::fabs(d.filter[channel]);
  const float y = product + d.bias[channel];
  if (d.activation == tfl::kNone) return y;
  const float lowest = d.activation == tfl::kReluN1To1Activation ? -1.0f : 0.0f;
  const float highest = d.activation == tfl::kReluN1To1Activation ? 1.0f
                        : d.activation == tfl::kRelu6Activation   ? 6.0f
                                                                  : INFINITY;
  return std::min(std::max(y, lowest), highest);
}

void check_output(const Depthwise& d, const std::vector<float>& got, const char* kernel) {
  const Span rows = span_of(d.rows, d.height + d.padding[0] + d.padding[1], d.same);
  const Span columns = span_of(d.columns, d.width + d.padding[2] + d.padding[3], d.same);
  CHECK(got.size() == static_cast<size_t>(d.batch) * rows.output * columns.output * d.channels);
  size_t at = 0;
  for (int image = 0; image < d.batch; ++image) {
    for (int y = 0; y < rows.output; ++y) {
      for (int x = 0; x < columns.output; ++x) {
        const int top = y * d.rows.stride - rows.padding - d.padding[0];
        const int left = x * d.columns.stride - columns.padding - d.padding[2];
        for (int c = 0; c < d.channels; ++c, ++at) {
          const float wanted = transformed(d, sum(d, image, top, left, c), c);
          CHECK(got[at] == wanted, "%s: %g instead of %g at %d, %d, channel %d of %d", kernel, got[at], wanted, y, x, c,
                d.channels);
        }
      }
    }
  }
}

}  // namespace

TEST(depthwise_convolutions_of_any_geometry) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  for (int round = 0; round < 80; ++round) {
    const Depthwise d = random_depthwise();
    for (int i = 0; i < count; ++i) {
      FakeRuntime runtime;
      const Placed placed = add_to(&runtime, d);
      CHECK(runtime.prepare(*kernels[i], {placed.input}, {placed.output}, random_int(1, 3)), "%s",
            runtime.messages.last.c_str());
      CHECK(runtime.invoke());
      check_output(d, runtime.values<float>(placed.output), kernels[i]->name);
    }
  }
}

// The signs are computed for those who read them, and the convolution takes their bits all the same.
TEST(depthwise_convolutions_of_signs_that_are_outputs) {
  for (int round = 0; round < 20; ++round) {
    const Depthwise d = random_depthwise();
    FakeRuntime runtime;
    const Placed placed = add_to(&runtime, d);
    const BinaryKernel& kernel = *select_kernel(nullptr, Reporter(nullptr, nullptr));
    CHECK(runtime.prepare(kernel, {placed.input}, {placed.signs, placed.output}), "%s", runtime.messages.last.c_str());
    CHECK(runtime.invoke());
    check_output(d, runtime.values<float>(placed.output), kernel.name);
    const std::vector<float> signs = runtime.values<float>(placed.signs);
    for (size_t i = 0; i < signs.size(); ++i) {
      const size_t pixel = i / d.channels, c = i % d.channels;
      CHECK(signs[i] == (d.input[pixel * d.words() + c / 32] >> (c % 32) & 1 ? -1.0f : 1.0f));
    }
  }
}

}  // namespace larq_el
