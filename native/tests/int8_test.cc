// int8 convolutions of random geometry against loops, in the arithmetic that XNNPACK has for them.
#include <algorithm>
#include <cmath>

#include "check.h"
#include "dispatch.h"
#include "fake_runtime.h"
#include "int8_match.h"

namespace larq_el {
namespace {

constexpr Window kPool = {2, 2, 1};

struct Int8Problem {
  int batch, height, width, channels_in, channels_out;
  Window rows, columns;
  bool same, pool, pool_same, is_static, has_bias;
  tfl::Activation activation;
  tfl::Quantization from, to;
  std::vector<float> input;
  std::vector<int8_t> filter;
  std::vector<float> scales, bias;
  std::vector<int32_t> static_bias;

  int depth() const { return rows.size * columns.size * channels_in; }
};

struct Image {  // of the values that the convolution reads
  int height, width, channels;
  std::vector<float> values;
};

float normal(float deviation) { return std::normal_distribution<float>(0, deviation)(random_engine()); }

Int8Problem random_int8() {
  Int8Problem p = {};
  p.batch = random_int(1, 3);
  p.pool = random_int(0, 2) == 0;
  p.pool_same = random_int(0, 1);
  p.height = random_int(p.pool ? 2 : 1, 12);
  p.width = random_int(p.pool ? 2 : 1, 12);
  p.channels_in = random_int(0, 1) ? random_int(1, 70) : 16 * random_int(1, 9);
  p.channels_out = random_int(0, 1) ? random_int(2, 150) : 64 * random_int(1, 3);
  const bool is_product = random_int(0, 1);
  p.rows = {is_product ? 1 : random_int(1, 7), is_product ? 1 : random_int(1, 3), random_int(1, 2)};
  p.columns = {is_product ? 1 : random_int(1, 7), is_product ? 1 : random_int(1, 3), random_int(1, 2)};
  p.same = true;
  if (!p.pool && p.rows.extent() <= p.height && p.columns.extent() <= p.width) p.same = random_int(0, 1);
  p.is_static = random_int(0, 2) == 0;
  p.has_bias = random_int(0, 3) > 0;
  p.activation = static_cast<tfl::Activation>(random_int(0, 3));
  p.from = {0.02f + 0.001f * static_cast<float>(random_int(0, 50)), random_int(-128, 127)};
  p.to = {0.05f + 0.001f * static_cast<float>(random_int(0, 50)), random_int(-128, 127)};
  const float middle = normal(1.0f);
  for (int i = 0; i < p.batch * p.height * p.width * p.channels_in; ++i) p.input.push_back(normal(2.0f) + middle);
  for (int i = 0; i < p.channels_out * p.depth(); ++i) p.filter.push_back(static_cast<int8_t>(random_int(-128, 127)));
  for (int c = 0; c < p.channels_out; ++c) {
    p.scales.push_back(0.001f * static_cast<float>(random_int(1, 20)));
    p.bias.push_back(normal(3.0f));
    p.static_bias.push_back(random_int(-5000, 5000));
  }
  return p;
}

// The tensors of a runtime that the convolution stands in.
struct Placed {
  int input, filter, output;
};

Placed add_to(FakeRuntime* runtime, const Int8Problem& p) {
  Placed placed = {};
  placed.input = runtime->add_tensor(tfl::kFloat32, {p.batch, p.height, p.width, p.channels_in});
  runtime->fill(placed.input, p.input);
  int image = placed.input;
  Span rows = span_of(kPool, p.height, p.pool_same), columns = span_of(kPool, p.width, p.pool_same);
  if (!p.pool) rows.output = p.height;
  if (!p.pool) columns.output = p.width;
  if (p.pool) {
    image = runtime->add_tensor(tfl::kFloat32, {p.batch, rows.output, columns.output, p.channels_in});
    runtime->add_builtin(tfl::kAveragePool2d, {placed.input}, {image},
                         tfl::PoolParams{p.pool_same ? tfl::kSame : tfl::kValid, 2, 2, 2, 2, tfl::kNone});
  }
  const std::vector<int> dims = {p.batch, span_of(p.rows, rows.output, p.same).output,
                                 span_of(p.columns, columns.output, p.same).output, p.channels_out};
  if (p.is_static) {
    const int stored = runtime->add_tensor(tfl::kInt8, {p.batch, rows.output, columns.output, p.channels_in}, p.from);
    runtime->add_builtin(tfl::kQuantize, {image}, {stored}, 0);
    image = stored;
  }
  placed.filter =
      runtime->add_constant(tfl::kInt8, {p.channels_out, p.rows.size, p.columns.size, p.channels_in}, p.filter);
  runtime->set_channel_scales(placed.filter, p.scales, random_int(0, 1));
  std::vector<int> inputs = {image, placed.filter, -1};
  if (p.has_bias && p.is_static) inputs[2] = runtime->add_constant(tfl::kInt32, {p.channels_out}, p.static_bias);
  if (p.has_bias && !p.is_static) inputs[2] = runtime->add_constant(tfl::kFloat32, {p.channels_out}, p.bias);
  placed.output = runtime->add_tensor(tfl::kFloat32, dims);
  const int sums = p.is_static ? runtime->add_tensor(tfl::kInt8, dims, p.to) : placed.output;
  runtime->add_builtin(tfl::kConv2d, inputs, {sums},
                       tfl::ConvParams{p.same ? tfl::kSame : tfl::kValid, p.columns.stride, p.rows.stride, p.activation,
                                       p.columns.dilation, p.rows.dilation});
  if (p.is_static) runtime->add_builtin(tfl::kDequantize, {sums}, {placed.output}, 0);
  return placed;
}

Image pooled(const Int8Problem& p) {
  if (!p.pool) return {p.height, p.width, p.channels_in, p.input};
  const Span rows = span_of(kPool, p.height, p.pool_same), columns = span_of(kPool, p.width, p.pool_same);
  Image image = {rows.output, columns.output, p.channels_in, {}};
  for (int i = 0; i < p.batch * rows.output * columns.output * p.channels_in; ++i) {
    const int c = i % p.channels_in, x = i / p.channels_in % columns.output;
    const int y = i / p.channels_in / columns.output % rows.output,
              n = i / p.channels_in / columns.output / rows.output;
    float sums[2] = {};  // of the left pixels and of the right
    int inside = 0;
    for (int k = 0; k < 4; ++k) {
      const int row = 2 * y + k % 2 - rows.padding, column = 2 * x + k / 2 - columns.padding;
      if (row >= p.height || column >= p.width) continue;
      sums[k / 2] += p.input[((static_cast<size_t>(n) * p.height + row) * p.width + column) * p.channels_in + c];
      ++inside;
    }
    image.values.push_back((sums[0] + sums[1]) / static_cast<float>(inside));
  }
  return image;
}

struct Scaling {
  float scale, inverse;
  int zero_point;
};

// Of the values that one scale is for.
Scaling scaling_of(const Int8Problem& p, const float* values, size_t count) {
  if (p.is_static) return {p.from.scale, 1.0f / p.from.scale, p.from.zero_point};
  float low = 0.0f, high = 0.0f;
  for (size_t i = 0; i < count; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  const float inverse = low == high ? 1.0f : 255.0f / (high - low);
  const float least = low * inverse, most = high * inverse;
  const float zero = (-128.0f + least) + (127.0f + most) > 0.0f ? -128.0f - least : 127.0f - most;
  return {1.0f / inverse, inverse, static_cast<int>(std::nearbyint(std::min(std::max(zero, -128.0f), 127.0f)))};
}

float clamped(float y, tfl::Activation activation) {
  constexpr float kLowest[] = {-INFINITY, 0.0f, -1.0f, 0.0f}, kHighest[] = {INFINITY, INFINITY, 1.0f, 6.0f};
  return std::min(std::max(y, kLowest[activation]), kHighest[activation]);
}

// What int8 holds for a real.
float stored(float y, const tfl::Quantization& scale) {
  const float q = std::nearbyint(y / scale.scale) + static_cast<float>(scale.zero_point);
  return std::min(std::max(q, -128.0f), 127.0f) - static_cast<float>(scale.zero_point);
}

float finished(const Int8Problem& p, int64_t sum, float scale, int c) {
  if (!p.is_static) {
    const volatile float scaled = static_cast<float>(sum) * scale;
    const float y = std::fma(static_cast<float>(scaled), p.scales[c], p.has_bias ? p.bias[c] : 0.0f);
    return clamped(y, p.activation);
  }
  sum += p.has_bias ? p.static_bias[c] : 0;
  const volatile float factor = p.from.scale * p.scales[c] / p.to.scale;
  const float low = stored(clamped(-1e6f, p.activation), p.to), high = stored(clamped(1e6f, p.activation), p.to);
  return std::max(std::min(std::nearbyint(static_cast<float>(sum) * factor), high), low) * p.to.scale;
}

std::vector<float> expected(const Int8Problem& p) {
  const Image image = pooled(p);
  const Span rows = span_of(p.rows, image.height, p.same), columns = span_of(p.columns, image.width, p.same);
  const bool by_pixel = p.rows.size * p.columns.size * p.rows.stride * p.columns.stride == 1;
  const size_t pixel = p.channels_in, all = pixel * image.height * image.width;
  std::vector<float> out;
  for (int i = 0; i < p.batch * rows.output * columns.output; ++i) {
    const int x = i % columns.output, y = i / columns.output % rows.output, n = i / columns.output / rows.output;
    const float* values = image.values.data() + n * all;
    const float* one = values + (static_cast<size_t>(y) * image.width + x) * pixel;
    const Scaling scaling = scaling_of(p, by_pixel ? one : values, by_pixel ? pixel : all);
    for (int c = 0; c < p.channels_out; ++c) {
      int64_t sum = 0;
      for (int k = 0; k < p.rows.size * p.columns.size; ++k) {
        const int row = y * p.rows.stride - rows.padding + k / p.columns.size * p.rows.dilation;
        const int column = x * p.columns.stride - columns.padding + k % p.columns.size * p.columns.dilation;
        if (row < 0 || row >= image.height || column < 0 || column >= image.width) continue;
        for (int d = 0; d < p.channels_in; ++d) {
          const volatile float scaled = values[(row * image.width + column) * pixel + d] * scaling.inverse;
          const int q = static_cast<int>(std::nearbyint(static_cast<float>(scaled))) + scaling.zero_point;
          const int weight = p.filter[(static_cast<size_t>(c) * p.rows.size * p.columns.size + k) * pixel + d];
          sum += (std::min(std::max(q, -128), 127) - scaling.zero_point) * weight;
        }
      }
      out.push_back(finished(p, sum, scaling.scale, c));
    }
  }
  return out;
}

}  // namespace

TEST(int8_convolutions_of_any_geometry) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  for (int round = 0; round < 120; ++round) {
    const Int8Problem p = random_int8();
    const std::vector<float> wanted = expected(p);
    for (int i = 0; i < count; ++i) {
      FakeRuntime runtime;
      const Placed placed = add_to(&runtime, p);
      CHECK(runtime.prepare(*kernels[i], {placed.input}, {placed.output}, random_int(1, 3)), "%s",
            runtime.messages.last.c_str());
      CHECK(runtime.invoke());
      const std::vector<float> got = runtime.values<float>(placed.output);
      CHECK(got.size() == wanted.size());
      for (size_t k = 0; k < got.size(); ++k) {
        CHECK(got[k] == wanted[k], "%s: %.9g instead of %.9g at %zu; %d to %d channels, %dx%d, static %d, pool %d",
              kernels[i]->name, got[k], wanted[k], k, p.channels_in, p.channels_out, p.rows.size, p.columns.size,
              p.is_static, p.pool);
      }
    }
  }
}

}  // namespace larq_el
