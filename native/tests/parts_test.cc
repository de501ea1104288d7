// Options, shapes, memory and threads.
#include <atomic>
#include <cstring>

#include "arena.h"
#include "attributes.h"
#include "check.h"
#include "flexmap.h"
#include "options.h"
#include "pool.h"
#include "taps.h"

namespace larq_el {

TEST(options_are_read) {
  const Options options = bconv_options({{"channels_in", 50}, {"stride_height", 2}, {"padding", 1}, {"pad_values", 1}});
  Messages messages;
  BconvAttributes attributes;
  CHECK(parse(options.data(), options.size(), messages.reporter, &attributes), "%s", messages.last.c_str());
  CHECK(attributes.channels_in == 50 && attributes.height.stride == 2 && attributes.width.stride == 1);
  CHECK(!attributes.same && attributes.pad_one && attributes.activation == Activation::kNone);
}

TEST(options_out_of_range_are_refused) {
  const struct {
    const char* key;
    int value;
  } cases[] = {{"channels_in", 0},      {"stride_height", 0}, {"stride_width", -1},
               {"padding", 2},          {"pad_values", 2},    {"fused_activation_function", 4},
               {"channels_in", 1 << 30}};
  for (const auto& wrong : cases) {
    const Options options = bconv_options({{wrong.key, wrong.value}});
    Messages messages;
    BconvAttributes attributes;
    CHECK(!parse(options.data(), options.size(), messages.reporter, &attributes), "%s", wrong.key);
    CHECK(messages.mention(wrong.key) && messages.mention("must be from"), "%s", messages.last.c_str());
  }
  const Options missing = flex_map({{"padding", 1}});
  Messages messages;
  BconvAttributes attributes;
  CHECK(!parse(missing.data(), missing.size(), messages.reporter, &attributes));
  CHECK(messages.mention("channels_in is missing"));
}

// Damaged in any byte, or cut anywhere, options are read or refused, within their bounds (a sanitizer sees the rest).
TEST(damaged_options_are_read_within_bounds) {
  const Options whole = bconv_options({});
  const Reporter silent(nullptr, nullptr);
  BconvAttributes attributes;
  for (size_t size = 0; size < whole.size(); ++size) {
    const Options cut(whole.begin(), whole.begin() + size);
    parse(cut.data(), cut.size(), silent, &attributes);
    const Options tail(whole.begin() + size, whole.end());
    parse(tail.data(), tail.size(), silent, &attributes);
  }
  for (int round = 0; round < 50000; ++round) {
    Options damaged = whole;
    for (int i = random_int(1, 3); i > 0; --i) damaged[random_int(0, whole.size() - 1)] = random_word() & 0xff;
    if (random_int(0, 1)) damaged[whole.size() - random_int(1, 3)] = random_int(0, 40);
    parse(damaged.data(), damaged.size(), silent, &attributes);
  }
}

TEST(windows_lie_as_in_tensorflow) {
  const struct {
    int input, size, stride, dilation;
    bool same;
    int output, padding;
  } cases[] = {{7, 3, 1, 1, true, 7, 1}, {8, 3, 2, 1, true, 4, 0},  {7, 3, 2, 1, true, 4, 1},
               {8, 3, 1, 2, true, 8, 2}, {8, 3, 1, 2, false, 4, 0}, {2, 3, 1, 1, false, 0, 0},
               {1, 7, 2, 1, true, 1, 3}, {9, 1, 3, 1, true, 3, 0}};
  for (const auto& c : cases) {
    const Span span = span_of({c.size, c.stride, c.dilation}, c.input, c.same);
    CHECK(span.output == c.output && span.padding == c.padding, "%d by %d: %d, %d", c.input, c.size, span.output,
          span.padding);
  }
}

TEST(tap_classes_name_the_taps_inside) {
  for (int round = 0; round < 300; ++round) {
    const Window window = {random_int(1, 7), random_int(1, 3), random_int(1, 3)};
    const Span span = span_of(window, random_int(1, 12), true);
    TapClasses classes;
    CHECK(classes.assign(window, span));
    for (int o = 0; o < span.output; ++o) {
      const TapRange range = classes.range(classes.of(o));
      for (int k = 0; k < window.size; ++k) {
        const int at = o * window.stride - span.padding + k * window.dilation;
        CHECK((at >= 0 && at < span.input) == (k >= range.first && k < range.last));
      }
    }
  }
}

TEST(arena_blocks_do_not_overlap) {
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaBlock> blocks(random_int(1, 40));
    size_t sum = 0;
    for (ArenaBlock& block : blocks) {
      const int first = random_int(0, 20);
      block = {static_cast<size_t>(random_int(0, 3) ? random_int(1, 5000) : 0), 0, first, first + random_int(0, 5)};
      sum += align_up(block.bytes);
    }
    size_t total = 0;
    CHECK(place_blocks(blocks.data(), blocks.size(), &total) && total <= sum);
    for (const ArenaBlock& a : blocks) {
      CHECK(a.bytes == 0 || (a.offset % kAlignment == 0 && a.offset + a.bytes <= total));
      for (const ArenaBlock& b : blocks) {
        const bool together = &a != &b && a.first <= b.last && b.first <= a.last && a.bytes > 0 && b.bytes > 0;
        CHECK(!together || a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset);
      }
    }
  }
}

TEST(arena_reuses_memory) {
  ArenaBlock chain[] = {{1000, 0, 0, 1}, {1000, 0, 1, 2}, {1000, 0, 2, 3}, {1000, 0, 3, 4}};
  size_t total = 0;
  CHECK(place_blocks(chain, 4, &total) && total <= 2 * 1024);
}

TEST(pool_calls_every_index_once) {
  Pool* pool = Pool::create();
  for (int round = 0; round < 2000; ++round) {
    const int threads = random_int(1, 4), count = random_int(0, 50);
    std::vector<std::atomic<int>> calls(count);
    std::atomic<int> workers[4] = {};
    pool->for_each(count, threads, [&](int worker, size_t i) {
      CHECK(worker >= 0 && worker < threads);
      CHECK(workers[worker].fetch_add(1) == 0, "two threads share a number");
      calls[i].fetch_add(1);
      workers[worker].fetch_sub(1);
    });
    for (const std::atomic<int>& call : calls) CHECK(call.load() == 1);
  }
  pool->release();
}

// A loop inside a loop finds the pool busy and runs alone.
TEST(pool_serves_one_loop_at_a_time) {
  Pool* pool = Pool::create();
  std::atomic<int> calls{0};
  pool->for_each(4, 2, [&](int, size_t) {
    pool->for_each(8, 2, [&](int worker, size_t) {
      CHECK(worker == 0);
      calls.fetch_add(1);
    });
  });
  CHECK(calls.load() == 32);
  pool->release();
}

}  // namespace larq_el
