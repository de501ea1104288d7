// Binary convolutions of random geometry against sums over +1, -1 and, outside the image, 0 or +1.
#include <cmath>

#include "attributes.h"
#include "check.h"
#include "dispatch.h"
#include "fake_runtime.h"

namespace larq_el {
namespace {

struct Convolution {
  int batch, height, width, groups, group_in, group_out;  // channels of a group
  Window rows, columns;
  bool same, pad_one;
  int activation;
  tfl::Type type;
  tfl::Quantization quantization;
  std::vector<uint32_t> input, filter;
  std::vector<float> multiplier, bias;
  std::vector<int32_t> threshold;

  int channels_in() const { return groups * group_in; }
  int channels_out() const { return groups * group_out; }
  int words_in() const { return static_cast<int>(words_for(channels_in())); }
  int words() const { return static_cast<int>(words_for(group_in)); }
  int depth() const { return rows.size * columns.size * group_in; }
};

// Words of which the bits from `channels` on are zero.
std::vector<uint32_t> random_bits(size_t count, int channels) {
  const size_t words = words_for(channels);
  std::vector<uint32_t> bits = random_words(count * words);
  if (channels % 32 != 0) {
    for (size_t i = 1; i <= count; ++i) bits[i * words - 1] &= (1u << (channels % 32)) - 1;
  }
  return bits;
}

Convolution random_convolution() {
  Convolution c;
  c.batch = random_int(1, 3);
  c.height = random_int(1, 9);
  c.width = random_int(1, 9);
  c.groups = random_int(0, 2) ? 1 : random_int(2, 3);
  c.group_in = c.groups > 1 ? 32 * random_int(1, 2) : random_int(1, 100);
  c.group_out = random_int(0, 2) ? random_int(1, 140) : 32 * random_int(1, 4);
  c.rows = {random_int(1, 5), random_int(1, 3), random_int(1, 2)};
  c.columns = {random_int(1, 5), random_int(1, 3), random_int(1, 2)};
  c.same = c.rows.extent() > c.height || c.columns.extent() > c.width || random_int(0, 2);
  c.pad_one = random_int(0, 1);
  c.activation = random_int(0, 3);
  c.type = (tfl::Type[]){tfl::kFloat32, tfl::kInt32, tfl::kInt8}[random_int(0, 2)];
  c.quantization = {0.37f, random_int(-20, 20)};
  c.input = random_bits(static_cast<size_t>(c.batch) * c.height * c.width, c.channels_in());
  c.filter = random_bits(static_cast<size_t>(c.channels_out()) * c.rows.size * c.columns.size, c.group_in);
  for (int i = 0; i < c.channels_out(); ++i) {
    c.multiplier.push_back(std::normal_distribution<float>(0, 0.5f)(random_engine()));
    c.bias.push_back(std::normal_distribution<float>(0, 5)(random_engine()));
    c.threshold.push_back(random_int(0, 9) ? random_int(0, c.depth()) : random_int(0, 1) ? INT32_MAX : INT32_MIN);
  }
  return c;
}

int sign(const uint32_t* words, int channel) { return words[channel / 32] >> (channel % 32) & 1 ? -1 : 1; }

// The sum of one output.
int sum(const Convolution& c, int image, int y0, int x0, int channel) {
  const int group = channel / c.group_out;
  int total = 0;
  for (int ky = 0; ky < c.rows.size; ++ky) {
    for (int kx = 0; kx < c.columns.size; ++kx) {
      const int y = y0 + ky * c.rows.dilation, x = x0 + kx * c.columns.dilation;
      const bool inside = y >= 0 && y < c.height && x >= 0 && x < c.width;
      const uint32_t* pixel = inside ? &c.input[((image * c.height + y) * c.width + x) * c.words_in()] : nullptr;
      const uint32_t* tap = &c.filter[((channel * c.rows.size + ky) * c.columns.size + kx) * c.words()];
      for (int i = 0; i < c.group_in; ++i) {
        const int value = inside ? sign(pixel, group * c.group_in + i) : c.pad_one ? 1 : 0;
        total += value * sign(tap, i);
      }
    }
  }
  return total;
}

// The output of one sum, from the definition, with the constants rounded as LCE rounds them.
double transformed(const Convolution& c, int total, int channel) {
  const int depth = c.depth();
  if (c.type == tfl::kInt32) {
    const double threshold = c.threshold[channel];
    return depth - total > 2 * threshold;
  }
  int lowest = 0, highest = 0;
  activation_range(static_cast<Activation>(c.activation), &lowest, &highest);
  const int clamped = depth - std::max(lowest, std::min(highest, total));
  const bool quantized = c.type == tfl::kInt8;
  const double scale = quantized ? c.quantization.scale : 1.0, zero = quantized ? c.quantization.zero_point : 0.0;
  const float multiplier = static_cast<float>(-double{c.multiplier[channel]} / scale);
  const float bias =
      static_cast<float>((double{c.bias[channel]} + depth * double{c.multiplier[channel]}) / scale + zero);
  const volatile float product = static_cast<float>(clamped) * multiplier;
  const float result = product + bias;
  return quantized ? std::max(-128.0f, std::min(127.0f, std::round(result))) : result;
}

// Adds the convolution to a runtime; returns its input and output.
std::pair<int, int> add_to(FakeRuntime* runtime, const Convolution& c) {
  const int out = c.channels_out();
  const int input = runtime->add_tensor(tfl::kInt32, {c.batch, c.height, c.width, c.words_in()});
  const int filter = runtime->add_constant(tfl::kInt32, {out, c.rows.size, c.columns.size, c.words()}, c.filter);
  const bool bits = c.type == tfl::kInt32;
  const int multiplier = bits ? -1 : runtime->add_constant(tfl::kFloat32, {out}, c.multiplier);
  const int bias = bits ? -1 : runtime->add_constant(tfl::kFloat32, {out}, c.bias);
  const int threshold = bits ? runtime->add_constant(tfl::kInt32, {out}, c.threshold) : -1;
  const int output = runtime->add_tensor(c.type, {0}, c.quantization);
  runtime->add_node("LceBconv2d", {input, filter, multiplier, bias, threshold}, {output},
                    bconv_options({{"channels_in", c.channels_in()},
                                   {"stride_height", c.rows.stride},
                                   {"stride_width", c.columns.stride},
                                   {"dilation_height_factor", c.rows.dilation},
                                   {"dilation_width_factor", c.columns.dilation},
                                   {"padding", c.same ? 0 : 1},
                                   {"pad_values", c.pad_one},
                                   {"fused_activation_function", c.activation}}));
  runtime->fill(input, c.input);
  return {input, output};
}

double value_at(FakeRuntime* runtime, const Convolution& c, int output, size_t pixel, int channel) {
  const tfl::Tensor& tensor = runtime->tensor(output);
  const size_t out = c.channels_out();
  if (c.type == tfl::kFloat32) return static_cast<float*>(tensor.data)[pixel * out + channel];
  if (c.type == tfl::kInt8) return static_cast<int8_t*>(tensor.data)[pixel * out + channel];
  return static_cast<uint32_t*>(tensor.data)[pixel * words_for(out) + channel / 32] >> (channel % 32) & 1;
}

void check_output(FakeRuntime* runtime, const Convolution& c, int output, const char* kernel) {
  const Span rows = span_of(c.rows, c.height, c.same), columns = span_of(c.columns, c.width, c.same);
  const tfl::IntArray* dims = runtime->tensor(output).dims;
  CHECK(dims->size == 4 && dims->data[0] == c.batch && dims->data[1] == rows.output && dims->data[2] == columns.output);
  size_t pixel = 0;
  for (int image = 0; image < c.batch; ++image) {
    for (int y = 0; y < rows.output; ++y) {
      for (int x = 0; x < columns.output; ++x, ++pixel) {
        for (int channel = 0; channel < c.channels_out(); ++channel) {
          const int total =
              sum(c, image, y * c.rows.stride - rows.padding, x * c.columns.stride - columns.padding, channel);
          const double wanted = transformed(c, total, channel), got = value_at(runtime, c, output, pixel, channel);
          CHECK(got == wanted, "%s: %g instead of %g at %d, %d, channel %d of %d, type %d, sum %d", kernel, got, wanted,
                y, x, channel, c.channels_out(), c.type, total);
        }
        // The bits beyond the last channel are zero.
        for (int channel = c.channels_out(); c.type == tfl::kInt32 && channel % 32 != 0; ++channel) {
          CHECK(value_at(runtime, c, output, pixel, channel) == 0);
        }
      }
    }
  }
}

}  // namespace

TEST(convolutions_of_any_geometry) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  for (int round = 0; round < 120; ++round) {
    const Convolution c = random_convolution();
    for (int i = 0; i < count; ++i) {
      FakeRuntime runtime;
      const std::pair<int, int> ends = add_to(&runtime, c);
      CHECK(runtime.prepare(*kernels[i], {ends.first}, {ends.second}, random_int(-1, 3)), "%s",
            runtime.messages.last.c_str());
      CHECK(runtime.invoke());
      check_output(&runtime, c, ends.second, kernels[i]->name);
    }
  }
}

TEST(large_convolutions_in_threads) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  Convolution c;
  do {
    c = random_convolution();
  } while (c.type != tfl::kFloat32 || c.channels_out() < 64);
  c.batch = 2;
  c.height = c.width = 40;
  c.input = random_bits(static_cast<size_t>(c.batch) * c.height * c.width, c.channels_in());
  std::vector<float> first;
  for (int i = 0; i < count; ++i) {
    for (const int threads : {1, 2, 4}) {
      FakeRuntime runtime;
      const std::pair<int, int> ends = add_to(&runtime, c);
      CHECK(runtime.prepare(*kernels[i], {ends.first}, {ends.second}, threads) && runtime.invoke());
      const std::vector<float> values = runtime.values<float>(ends.second);
      if (first.empty()) first = values;
      CHECK(values == first, "%s in %d threads", kernels[i]->name, threads);
    }
  }
}

// After prepare, the input may change its size, and prepare is called again.
TEST(convolutions_after_a_resize) {
  const BinaryKernel& kernel = *select_kernel(nullptr, Reporter(nullptr, nullptr));
  for (int round = 0; round < 30; ++round) {
    Convolution c = random_convolution();
    FakeRuntime runtime;
    const std::pair<int, int> ends = add_to(&runtime, c);
    CHECK(runtime.prepare(kernel, {ends.first}, {ends.second}) && runtime.invoke());
    c.batch += random_int(-1, 2);
    if (c.batch < 1) c.batch = 1;
    c.height += random_int(0, 3);
    c.input = random_bits(static_cast<size_t>(c.batch) * c.height * c.width, c.channels_in());
    runtime.set_dims(ends.first, {c.batch, c.height, c.width, c.words_in()});
    runtime.fill(ends.first, c.input);
    CHECK(runtime.plan->prepare(&runtime.context, runtime.messages.reporter) && runtime.invoke());
    check_output(&runtime, c, ends.second, kernel.name);
  }
}

}  // namespace larq_el
