// What every listed kernel makes of rows of reals, against loops over channels.
#include <cmath>
#include <cstring>

#include "check.h"
#include "dispatch.h"
#include "memory.h"

namespace larq_el {
namespace {

float random_float() { return static_cast<float>(random_int(-1000, 1000)) / 256.0f; }

std::vector<float> random_floats(size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = random_float();
  return values;
}

// Pixels of an image, block after block, and the steps that they go through.
struct Problem {
  int pixels, channels, group_channels;
  bool from_memory;
  std::vector<std::vector<float>> operands;
  std::vector<RowStep> steps;
  std::vector<int32_t> acc;  // [block][pixel][kBlock]
  Array<float> multiplier, bias;
  std::vector<float> values;  // [pixel][channels]
};

int blocks_of(const Problem& problem) { return (problem.channels + kBlock - 1) / kBlock; }

void fill(Problem* problem) {
  const int blocks = blocks_of(*problem), padded = blocks * kBlock;
  problem->values = random_floats(static_cast<size_t>(problem->pixels) * problem->channels);
  problem->acc.resize(static_cast<size_t>(padded) * problem->pixels);
  for (int32_t& acc : problem->acc) acc = random_int(-500, 500);
  CHECK(problem->multiplier.assign_zeros(padded) && problem->bias.assign_zeros(padded));
  for (int c = 0; c < problem->channels; ++c) {
    problem->multiplier[c] = random_float();
    problem->bias[c] = random_float();
  }
  const int count = random_int(0, 5);
  for (int i = 0; i < count; ++i) {
    RowStep step = {static_cast<RowStep::Kind>(random_int(0, 6)), nullptr, problem->channels, 1.0f};
    size_t size = problem->channels;
    if (step.kind == RowStep::kScalePixel) size = problem->pixels;
    if (step.kind == RowStep::kClamp) size = 2;
    if (step.kind == RowStep::kAdd) {
      const int copies[] = {1, 2, 3, 4, 5};
      step.channels = (problem->channels + random_int(0, 4)) / copies[random_int(0, 4)];
      if (step.channels < 1) step.channels = 1;
      if (random_int(0, 1) == 1) step.scale = random_float();
      size = static_cast<size_t>(step.channels) * problem->pixels;
    }
    problem->operands.push_back(random_floats(size));
    problem->steps.push_back(step);
  }
  for (int i = 0; i < count; ++i) problem->steps[i].operand = problem->operands[i].data();
}

float expected(const Problem& problem, int pixel, int channel) {
  const size_t at = (static_cast<size_t>(channel / kBlock) * problem.pixels + pixel) * kBlock + channel % kBlock;
  volatile float y = static_cast<float>(2 * problem.acc[at]) * problem.multiplier[channel];
  y = y + problem.bias[channel];
  if (problem.from_memory) y = problem.values[static_cast<size_t>(pixel) * problem.channels + channel];
  for (const RowStep& step : problem.steps) {
    const float* operand = step.operand;
    if (step.kind == RowStep::kScale) y = y * operand[channel];
    if (step.kind == RowStep::kShift) y = y + operand[channel];
    if (step.kind == RowStep::kScalePixel) y = y * operand[pixel];
    if (step.kind == RowStep::kRelu) y = y > 0.0f ? y : 0.0f;
    if (step.kind == RowStep::kClamp) y = std::fmin(std::fmax(y, operand[0]), operand[1]);
    if (step.kind == RowStep::kPrelu) y = y < 0.0f ? y * operand[channel] : y;
    if (step.kind == RowStep::kAdd) {
      volatile float scaled =
          operand[static_cast<size_t>(pixel) * step.channels + channel % step.channels] * step.scale;
      y = y + scaled;
    }
  }
  return y;
}

struct Outputs {
  std::vector<float> values, groups;
  Array<float> lanes;
  std::vector<uint64_t> bits;  // [block][pixel]
};

void run(const BinaryKernel& kernel, const Problem& problem, Outputs* outputs) {
  const int blocks = blocks_of(problem);
  outputs->values.assign(static_cast<size_t>(problem.pixels) * problem.channels, NAN);
  outputs->groups.assign(static_cast<size_t>(problem.pixels) * problem.group_channels, NAN);
  outputs->bits.assign(static_cast<size_t>(blocks) * problem.pixels, ~uint64_t{0});
  CHECK(outputs->lanes.assign_zeros(static_cast<size_t>(problem.pixels) * kLanes));
  float total = 0.0f;
  const RowFinish finish = {problem.steps.data(),
                            static_cast<int>(problem.steps.size()),
                            outputs->values.data(),
                            static_cast<size_t>(problem.channels),
                            &total,
                            outputs->lanes.data(),
                            0,
                            outputs->groups.data(),
                            problem.group_channels};
  for (int block = 0; block < blocks; ++block) {
    const int first = block * kBlock, left = problem.channels - first, count = left < kBlock ? left : kBlock;
    Array<int32_t> acc, threshold;
    CHECK(acc.assign_zeros(static_cast<size_t>(problem.pixels) * kBlock) && threshold.assign_zeros(kBlock));
    memcpy(acc.data(), problem.acc.data() + static_cast<size_t>(block) * problem.pixels * kBlock,
           sizeof(int32_t) * problem.pixels * kBlock);
    const Rows rows = {acc.data(), nullptr, problem.pixels, count};
    const OutputTransform transform = {-(1 << 24), 1 << 24, problem.multiplier.data() + first,
                                       problem.bias.data() + first, threshold.data()};
    RowTile tile = {&rows, &transform, nullptr, 0, 0, problem.pixels, first, count};
    if (problem.from_memory) {
      tile = {nullptr, nullptr, problem.values.data() + first, static_cast<size_t>(problem.channels), 0, problem.pixels,
              first,   count};
    }
    kernel.finish(tile, finish, outputs->bits.data() + static_cast<size_t>(block) * problem.pixels);
  }
}

void compare(const char* name, const Problem& problem, const Outputs& got) {
  for (int p = 0; p < problem.pixels; ++p) {
    double magnitude = 0.0;
    std::vector<float> groups(problem.group_channels, 0.0f);
    for (int c = 0; c < blocks_of(problem) * kBlock; ++c) {
      const bool bit = got.bits[static_cast<size_t>(c / kBlock) * problem.pixels + p] >> (c % kBlock) & 1;
      if (c >= problem.channels) {
        CHECK(!bit, "%s: bit %d of %d channels", name, c, problem.channels);
        continue;
      }
      const float wanted = expected(problem, p, c);
      const float value = got.values[static_cast<size_t>(p) * problem.channels + c];
      CHECK(value == wanted, "%s: channel %d of %d, pixel %d: %g, not %g", name, c, problem.channels, p, value, wanted);
      CHECK(bit == (wanted < 0.0f), "%s: sign of channel %d", name, c);
      magnitude += std::fabs(wanted);
      float* group = &groups[c % problem.group_channels];
      *group = c < problem.group_channels ? wanted : *group + wanted;
    }
    double sum = 0.0;
    for (int i = 0; i < kLanes; ++i) sum += got.lanes[static_cast<size_t>(p) * kLanes + i];
    CHECK(std::fabs(sum - magnitude) <= 1e-5 * magnitude + 1e-30, "%s: magnitude %g, not %g", name, sum, magnitude);
    for (int g = 0; g < problem.group_channels; ++g) {
      const float value = got.groups[static_cast<size_t>(p) * problem.group_channels + g];
      CHECK(value == groups[g], "%s: group %d of %d: %g, not %g", name, g, problem.group_channels, value, groups[g]);
    }
  }
}

}  // namespace

TEST(kernels_finish_rows) {
  const int sizes[] = {1, 7, 32, 40, 63, 64, 65, 96, 128, 150, 192, 200};
  for (int round = 0; round < 200; ++round) {
    Problem problem = {};
    problem.pixels = random_int(1, 9);
    problem.channels = sizes[random_int(0, 11)];
    const int copies = random_int(1, 4);
    problem.group_channels = (problem.channels + copies - 1) / copies;
    problem.from_memory = random_int(0, 1) == 1;
    fill(&problem);
    int count = 0;
    const BinaryKernel* const* kernels = available_kernels(&count);
    for (int i = 0; i < count; ++i) {
      Outputs outputs;
      run(*kernels[i], problem, &outputs);
      compare(kernels[i]->name, problem, outputs);
    }
  }
}

}  // namespace larq_el
