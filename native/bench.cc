// Micro-benchmark of the kernels: binary and int8 multiply-accumulates per core cycle and per second, one thread, one
// tile whose operands stay in the first-level cache. Rounds of all kernels and sizes are interleaved and medians
// reported, so that a drift of the machine's speed hits all alike.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "dispatch.h"
#include "memory.h"
#include "shape.h"

namespace larq_el {
namespace {

constexpr int kRounds = 41;
constexpr double kSeconds = 2e-3;  // of one measurement

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The core's clock, from a chain of additions that each take one cycle. The time-stamp counter does not tell: it runs
// at a rate of its own.
double cycles_per_second() {
  constexpr int kSteps = 1 << 20;
  uint64_t value = 1;
  const double start = now();
  for (int i = 0; i < kSteps; ++i) asm volatile("" : "+r"(value += 3));
  return kSteps / (now() - start);
}

struct Case {
  const BinaryKernel* kernel;  // or null
  const Int8Kernel* int8;      // or null
  int taps;
  int words;
  size_t tiles = 1;
  std::vector<double> cycles = {};   // MACs per cycle, of each round
  std::vector<double> seconds = {};  // MACs per second
  bool store = false;

  const char* name() const { return int8 != nullptr ? int8->name : kernel->name; }
  const char* what() const { return int8 != nullptr ? "int8" : "binary"; }
  int mr() const { return int8 != nullptr ? int8->mr : kernel->mr; }
  int depth() const { return words * (int8 != nullptr ? kWordChannels : kBitsPerWord); }
  double macs() const { return static_cast<double>(depth()) * taps * mr() * kBlock; }
};

struct Operands {
  Array<uint8_t> activations, weights;
  Array<int32_t> acc;
  Array<float> constants, out;
  std::vector<const void*> pointers;

  explicit Operands(const Case& c) {
    const size_t bytes = c.int8 != nullptr ? c.int8->activation_bytes : c.kernel->activation_bytes;
    const size_t pixel = c.words * bytes, words = static_cast<size_t>(c.taps) * c.words;
    const size_t weight_bytes = c.int8 != nullptr ? c.int8->weight_bytes : c.kernel->weight_bytes;
    if (!activations.assign_zeros(pixel * (c.mr() + 2)) || !weights.assign_zeros(words * weight_bytes) ||
        !acc.assign_zeros(c.mr() * kBlock) || !constants.assign_zeros(kBlock) || !out.assign_zeros(c.mr() * kBlock)) {
      __builtin_trap();
    }
    if (c.int8 != nullptr) {
      fill(*c.int8, c);
    } else {
      fill(*c.kernel, c);
    }
    // Neighbouring pixels share most taps, as in an image.
    for (int tap = 0; tap < c.taps; ++tap) {
      for (int i = 0; i < c.mr(); ++i) pointers.push_back(activations.data() + (i + tap % 3) * pixel);
    }
  }

  void fill(const BinaryKernel& kernel, const Case& c) {
    const size_t words = static_cast<size_t>(c.taps) * c.words;
    std::vector<uint32_t> bits(c.words * (kernel.mr + 2)), filters(words * kBlock);
    for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint32_t>(i * 2654435761u);
    for (size_t i = 0; i < filters.size(); ++i) filters[i] = static_cast<uint32_t>(i * 2246822519u);
    if (kernel.expand != nullptr) {
      kernel.expand(bits.data(), bits.size(), activations.data());
    } else {
      memcpy(activations.data(), bits.data(), 4 * bits.size());
    }
    kernel.pack(filters.data(), words, kBlock, words, c.words, weights.data());
  }

  void fill(const Int8Kernel& kernel, const Case& c) {
    const size_t depth = static_cast<size_t>(c.taps) * c.depth();
    std::vector<int8_t> filters(depth * kBlock);
    std::vector<float> values(static_cast<size_t>(c.depth()) * (kernel.mr + 2));
    for (size_t i = 0; i < filters.size(); ++i) filters[i] = static_cast<int8_t>(i * 2246822519u >> 24);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 251);
    kernel.quantize(values.data(), values.size(), 1.0f, -128, activations.data());
    kernel.pack(filters.data(), depth, kBlock, c.taps, c.depth(), weights.data());
  }

  void run(const Case& c) {
    const auto kernel = c.int8 != nullptr ? c.int8->run : c.kernel->run;
    kernel({pointers.data(), 0, c.taps, c.words, weights.data()}, acc.data());
    if (!c.store) return;
    const OutputTransform transform = {INT32_MIN, INT32_MAX, constants.data(), constants.data(), nullptr};
    c.kernel->store_float({acc.data(), nullptr, c.kernel->mr, kBlock}, transform, out.data(), kBlock);
  }
};

double time_tiles(const Case& c, Operands* operands) {
  const double start = now();
  for (size_t i = 0; i < c.tiles; ++i) operands->run(c);
  return now() - start;
}

void measure(Case* c) {
  Operands operands(*c);
  time_tiles(*c, &operands);
  while (time_tiles(*c, &operands) < kSeconds) c->tiles *= 2;
  // The clock before and after: where it changed in between, the faster one is nearer to what the kernel had.
  const double before = cycles_per_second();
  const double rate = c->macs() * static_cast<double>(c->tiles) / time_tiles(*c, &operands);
  c->seconds.push_back(rate);
  c->cycles.push_back(rate / std::max(before, cycles_per_second()));
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

double best(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

}  // namespace
}  // namespace larq_el

int main() {
  using namespace larq_el;
  int count = 0;
  const BinaryKernel* const* kernels = available_kernels(&count);
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    for (const bool store : {false, true}) {
      for (const auto& shape : {std::make_pair(1, 2), {1, 8}, {1, 32}, {9, 2}, {9, 8}}) {
        cases.push_back({kernels[i], nullptr, shape.first, shape.second});
        cases.back().store = store;
      }
    }
  }
  const Int8Kernel* const* int8 = available_int8_kernels(&count);
  for (int i = 0; i < count; ++i) {
    for (const auto& shape : {std::make_pair(1, 16), {1, 64}, {1, 256}, {9, 32}}) {
      cases.push_back({nullptr, int8[i], shape.first, shape.second});
    }
  }
  for (int round = 0; round < kRounds; ++round) {
    for (Case& c : cases) measure(&c);
  }
  printf("%-7s %-14s %5s %8s %6s %9s   %s\n", "sums of", "kernel", "tile", "inputs", "store", "GMAC/s",
         "MAC/cycle median (best)");
  for (const Case& c : cases) {
    printf("%-7s %-14s %2dx%d %4dx%-4d %6s %9.0f   %6.1f (%.1f)\n", c.what(), c.name(), c.mr(), kBlock, c.taps,
           c.depth(), c.store ? "float" : "no", median(c.seconds) / 1e9, median(c.cycles), best(c.cycles));
  }
  return 0;
}
