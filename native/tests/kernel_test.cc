// Every listed kernel that the CPU can run, against loops over bits.
#include <cmath>
#include <cstring>
#include <limits>

#include "check.h"
#include "dispatch.h"
#include "memory.h"

namespace larq_el {
namespace {

// One tile with its operands in plain layouts.
struct Problem {
  int taps, words, channels, groups, group;
  std::vector<uint32_t> filters;              // [channels][taps][words]
  std::vector<std::vector<uint32_t>> pixels;  // [tap * mr + pixel][groups * words]
};

Problem make_problem(int mr, int taps, int words, int channels) {
  const int groups = random_int(1, 3);
  Problem problem{taps, words, channels, groups, random_int(0, groups - 1), {}, {}};
  problem.filters = random_words(static_cast<size_t>(channels) * taps * words);
  for (int i = 0; i < taps * mr; ++i) problem.pixels.push_back(random_words(groups * words));
  return problem;
}

int differing_bits(const Problem& problem, int mr, int pixel, int channel) {
  int count = 0;
  for (int tap = 0; tap < problem.taps; ++tap) {
    for (int w = 0; w < problem.words; ++w) {
      const uint32_t a = problem.pixels[tap * mr + pixel][problem.group * problem.words + w];
      const uint32_t b = problem.filters[(static_cast<size_t>(channel) * problem.taps + tap) * problem.words + w];
      for (int bit = 0; bit < 32; ++bit) count += (a >> bit & 1) != (b >> bit & 1);
    }
  }
  return count;
}

// Runs a kernel on buffers of exactly the promised size, so that a sanitizer sees an over-read.
std::vector<int32_t> run(const BinaryKernel& kernel, const Problem& problem) {
  std::vector<std::vector<char>> expanded;
  std::vector<const void*> pointers;
  for (const std::vector<uint32_t>& pixel : problem.pixels) {
    expanded.emplace_back(pixel.size() * kernel.activation_bytes);
    if (kernel.expand != nullptr) {
      kernel.expand(pixel.data(), pixel.size(), expanded.back().data());
    } else {
      memcpy(expanded.back().data(), pixel.data(), expanded.back().size());
    }
  }
  for (const std::vector<char>& pixel : expanded) pointers.push_back(pixel.data());
  const size_t words = static_cast<size_t>(problem.taps) * problem.words;
  Array<uint8_t> packed;
  Array<int32_t> acc;
  CHECK(packed.assign_zeros(words * kernel.weight_bytes) && acc.assign_zeros(kernel.mr * kBlock));
  kernel.pack(problem.filters.data(), words, problem.channels, words, problem.words, packed.data());
  const size_t offset = static_cast<size_t>(problem.group) * problem.words * kernel.activation_bytes;
  kernel.run({pointers.data(), offset, problem.taps, problem.words, packed.data()}, acc.data());
  return std::vector<int32_t>(acc.begin(), acc.end());
}

void check_problem(const BinaryKernel& kernel, int taps, int words, int channels) {
  const Problem problem = make_problem(kernel.mr, taps, words, channels);
  const std::vector<int32_t> acc = run(kernel, problem);
  for (int pixel = 0; pixel < kernel.mr; ++pixel) {
    for (int channel = 0; channel < channels; ++channel) {
      const int wanted = differing_bits(problem, kernel.mr, pixel, channel);
      const int got = acc[pixel * kBlock + channel];
      CHECK(got == wanted, "%s, %d taps of %d words, pixel %d, channel %d: %d instead of %d", kernel.name, taps, words,
            pixel, channel, got, wanted);
    }
  }
}

template <class Body>
void for_kernels(Body body) {
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  CHECK(count > 0);
  for (int i = 0; i < count; ++i) body(*kernels[i]);
}

// Accumulators, corrections and parameters of a block, aligned as the kernels want them.
struct Block {
  Array<int32_t> acc, correction, threshold;
  Array<float> multiplier, bias;
  std::vector<const int32_t*> corrections;
  OutputTransform transform;
  Rows rows;

  Block(int mr, int channels) {
    CHECK(acc.assign_zeros(mr * kBlock) && correction.assign_zeros(mr * kBlock) && threshold.assign_zeros(kBlock) &&
          multiplier.assign_zeros(kBlock) && bias.assign_zeros(kBlock));
    for (int32_t& value : acc) value = random_int(0, 5000);
    for (int32_t& value : correction) value = random_int(-900, 900);
    for (int c = 0; c < kBlock; ++c) {
      threshold[c] = random_int(-2, 10000);
      multiplier[c] = std::normal_distribution<float>(0, 0.02f)(random_engine());
      bias[c] = std::normal_distribution<float>(0, 60)(random_engine());
    }
    for (int i = 0; i < mr; ++i) corrections.push_back(random_int(0, 1) ? correction.data() + i * kBlock : nullptr);
    transform = {random_int(0, 400), random_int(6000, 9000), multiplier.data(), bias.data(), threshold.data()};
    rows = {acc.data(), random_int(0, 3) ? corrections.data() : nullptr, random_int(1, mr), channels};
  }

  int integer(int pixel, int channel) const {
    const int32_t* added = rows.correction == nullptr ? nullptr : rows.correction[pixel];
    return 2 * acc[pixel * kBlock + channel] + (added == nullptr ? 0 : added[channel]);
  }

  float real(int pixel, int channel) const {
    const int clamped = std::max(std::min(integer(pixel, channel), transform.clamp_max), transform.clamp_min);
    const volatile float product = static_cast<float>(clamped) * multiplier[channel];
    return product + bias[channel];
  }
};

constexpr int kChannels[] = {1, 5, 31, 32, 33, 63, 64};

}  // namespace

TEST(kernels_count_differing_bits) {
  for_kernels([](const BinaryKernel& kernel) {
    for (const int taps : {1, 2, 9, 25}) {
      for (const int words : {1, 2, 3, 7, 8, 15, 31, 32, 33}) check_problem(kernel, taps, words, random_int(1, 64));
    }
    for (const int channels : kChannels) check_problem(kernel, random_int(1, 9), random_int(1, 9), channels);
    // more bits than 16 bits can count
    check_problem(kernel, 2, 1100, 64);
    check_problem(kernel, 1, 2507, 37);
  });
}

TEST(kernels_sum_up_depthwise_windows) {
  for_kernels([](const BinaryKernel& kernel) {
    for (const int taps : {0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 15, 16, 25, 31, 32, 49, 63, 64, 121, 127}) {
      const int words = random_int(1, 40), channels = words * 32;
      std::vector<std::vector<uint32_t>> pixels(taps), weights(taps);
      std::vector<const uint32_t*> pixel_pointers, weight_pointers;
      for (int tap = 0; tap < taps; ++tap) {
        for (int i = 0; i < words; ++i) {
          pixels[tap].push_back(random_word());
          weights[tap].push_back(random_word());
        }
        pixel_pointers.push_back(pixels[tap].data());
        weight_pointers.push_back(weights[tap].data());
      }
      std::vector<float> scale, bias, out(channels);
      for (int c = 0; c < channels; ++c) {
        scale.push_back(std::normal_distribution<float>(0, 2)(random_engine()));
        bias.push_back(std::normal_distribution<float>(0, 5)(random_engine()));
      }
      kernel.depthwise({pixel_pointers.data(), weight_pointers.data(), taps, words, scale.data(), bias.data()},
                       out.data());
      for (int c = 0; c < channels; ++c) {
        int sum = 0;
        for (int tap = 0; tap < taps; ++tap) {
          const uint32_t differ = pixels[tap][c / 32] ^ weights[tap][c / 32];
          sum += (differ >> (c % 32) & 1) != 0 ? -1 : 1;
        }
        const volatile float product = static_cast<float>(sum) * scale[c];
        const float wanted = product + bias[c];
        CHECK(out[c] == wanted, "%s, %d taps, channel %d: %g instead of %g", kernel.name, taps, c, out[c], wanted);
      }
    }
  });
}

TEST(kernels_count_long_filters) {
  for_kernels([](const BinaryKernel& kernel) {
    check_problem(kernel, 9, 7 * 32, 3);
    check_problem(kernel, 1, 7 * 256 + 1, 3);
    check_problem(kernel, 121, 40, 2);
  });
}

// The largest counts there are: every bit differs.
TEST(kernels_do_not_overflow) {
  for_kernels([](const BinaryKernel& kernel) {
    const int words = 3000;
    Problem problem{1, words, 1, 1, 0, std::vector<uint32_t>(words, ~0u), {}};
    problem.pixels.assign(kernel.mr, std::vector<uint32_t>(words, 0));
    CHECK(run(kernel, problem)[0] == 32 * words, "%s", kernel.name);
  });
}

TEST(kernels_store_float) {
  for_kernels([](const BinaryKernel& kernel) {
    for (const int channels : kChannels) {
      const Block block(kernel.mr, channels);
      const int stride = channels + random_int(0, 3);
      std::vector<float> out((block.rows.pixels - 1) * stride + channels);
      kernel.store_float(block.rows, block.transform, out.data(), stride);
      for (int i = 0; i < block.rows.pixels; ++i) {
        for (int c = 0; c < channels; ++c) {
          CHECK(out[i * stride + c] == block.real(i, c), "%s, channel %d of %d", kernel.name, c, channels);
        }
      }
    }
  });
}

TEST(kernels_store_int8) {
  for_kernels([](const BinaryKernel& kernel) {
    for (const int channels : kChannels) {
      Block block(kernel.mr, channels);
      block.multiplier[0] = 0.5f;  // ties
      block.bias[0] = -static_cast<float>(random_int(4990, 5010)) / 2;
      const int stride = channels + random_int(0, 3);
      std::vector<int8_t> out((block.rows.pixels - 1) * stride + channels);
      kernel.store_int8(block.rows, block.transform, out.data(), stride);
      for (int i = 0; i < block.rows.pixels; ++i) {
        for (int c = 0; c < channels; ++c) {
          const float wanted = std::max(-128.0f, std::min(127.0f, std::round(block.real(i, c))));
          CHECK(out[i * stride + c] == wanted, "%s: %d instead of %g", kernel.name, out[i * stride + c], wanted);
        }
      }
    }
  });
}

TEST(kernels_round_and_saturate) {
  for_kernels([](const BinaryKernel& kernel) {
    const float values[] = {
        0.5f,   -0.5f,   0.49999997f, -0.49999997f, 1.5f,    2.5f,    -2.5f,
        126.5f, 127.49f, 1e30f,       -1e30f,       -128.5f, -127.5f, std::numeric_limits<float>::infinity(),
        0.0f,   -0.0f};
    for (const float value : values) {
      Block block(kernel.mr, 1);
      block.multiplier[0] = 0.0f;
      block.bias[0] = value;
      int8_t out = 0;
      block.rows.pixels = 1;
      kernel.store_int8(block.rows, block.transform, &out, 1);
      CHECK(out == std::max(-128.0f, std::min(127.0f, std::round(value))), "%s: %g -> %d", kernel.name, value, out);
    }
  });
}

TEST(kernels_store_bits) {
  for_kernels([](const BinaryKernel& kernel) {
    for (const int channels : kChannels) {
      Block block(kernel.mr, channels);
      block.threshold[0] = block.integer(0, 0);  // not above itself
      std::vector<uint64_t> masks(kernel.mr);
      kernel.store_bits(block.rows, block.transform, masks.data());
      for (int i = 0; i < block.rows.pixels; ++i) {
        for (int c = 0; c < kBlock; ++c) {
          const bool wanted = c < channels && block.integer(i, c) > block.threshold[c];
          CHECK((masks[i] >> c & 1) == wanted, "%s, channel %d of %d", kernel.name, c, channels);
        }
      }
    }
  });
}

TEST(kernels_take_signs) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  const float special[] = {0.0f, -0.0f, nan, -nan, infinity, -infinity, 1e-45f, -1e-45f, 1e38f, -1e38f};
  for_kernels([&](const BinaryKernel& kernel) {
    for (int count = 1; count <= 130; ++count) {
      std::vector<float> values(count);
      for (float& value : values) value = special[random_int(0, 9)];
      std::vector<uint32_t> bits((count + 31) / 32, ~0u);
      kernel.signs(values.data(), count, bits.data());
      for (int i = 0; i < static_cast<int>(bits.size()) * 32; ++i) {
        const bool wanted = i < count && values[i] < 0;
        CHECK((bits[i / 32] >> (i % 32) & 1) == wanted, "%s: %g", kernel.name, values[i]);
      }
    }
  });
}

TEST(kernels_are_chosen_by_name) {
  Messages messages;
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  CHECK(select_kernel(nullptr, messages.reporter) == kernels[0]);
  for (int i = 0; i < count; ++i) CHECK(select_kernel(kernels[i]->name, messages.reporter) == kernels[i]);
  CHECK(select_kernel("sse9", messages.reporter) == nullptr && messages.mention("there is no isa 'sse9'"));
  CHECK(messages.mention(available_kernel_names()));
}

}  // namespace larq_el
