#include "arena.h"

#include "memory.h"

namespace larq_el {
namespace {

bool at_the_same_time(const ArenaBlock& a, const ArenaBlock& b) { return a.first <= b.last && b.first <= a.last; }

// Indices of the blocks, the largest first; equal ones in their order.
void sort_by_size(const ArenaBlock* blocks, size_t count, size_t* order) {
  for (size_t i = 0; i < count; ++i) {
    size_t k = i;
    for (; k > 0 && blocks[order[k - 1]].bytes < blocks[i].bytes; --k) order[k] = order[k - 1];
    order[k] = i;
  }
}

// The lowest offset at which a block fits between those placed before it, which `placed` holds in order of offset.
size_t lowest_fit(const ArenaBlock* blocks, const Array<size_t>& placed, const ArenaBlock& block) {
  size_t offset = 0;
  for (const size_t index : placed) {
    const ArenaBlock& other = blocks[index];
    if (!at_the_same_time(block, other)) continue;
    if (other.offset >= offset && other.offset - offset >= block.bytes) break;
    const size_t end = align_up(other.offset + other.bytes);
    if (end > offset) offset = end;
  }
  return offset;
}

bool insert_by_offset(const ArenaBlock* blocks, Array<size_t>* placed, size_t index) {
  if (!placed->push_back(index)) return false;
  size_t k = placed->size() - 1;
  for (; k > 0 && blocks[(*placed)[k - 1]].offset > blocks[index].offset; --k) (*placed)[k] = (*placed)[k - 1];
  (*placed)[k] = index;
  return true;
}

}  // namespace

bool place_blocks(ArenaBlock* blocks, size_t count, size_t* total) {
  Array<size_t> order, placed;
  size_t sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (blocks[i].bytes > SIZE_MAX / 4 || sum > SIZE_MAX / 4) return false;
    sum += align_up(blocks[i].bytes);
  }
  if (!order.assign_zeros(count)) return false;
  sort_by_size(blocks, count, order.data());
  *total = 0;
  for (const size_t index : order) {
    ArenaBlock& block = blocks[index];
    if (block.bytes == 0) continue;
    block.offset = lowest_fit(blocks, placed, block);
    if (!insert_by_offset(blocks, &placed, index)) return false;
    if (block.offset + block.bytes > *total) *total = block.offset + block.bytes;
  }
  return true;
}

}  // namespace larq_el
