// Shares one stretch of memory between blocks that are not in use at the same time.
#pragma once

#include <cstddef>

namespace larq_el {

// A block in use from step `first` to step `last`; `place_blocks` sets its offset. Blocks of 0 bytes take no part.
struct ArenaBlock {
  size_t bytes;
  size_t offset;
  int first;
  int last;
};

// Sets 64-byte aligned offsets such that blocks in use at the same time do not overlap, and the size of the whole.
// Greedy by size, which comes close to the optimum for networks. False where memory is short or sizes overflow.
bool place_blocks(ArenaBlock* blocks, size_t count, size_t* total);

}  // namespace larq_el
