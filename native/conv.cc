#include "conv.h"

namespace larq_el {
namespace {

constexpr int kGroupTiles = 2;           // that a block is computed for before they are finished
constexpr int kChunkPointers = 4096;     // pointers to their taps stay in the first-level cache beside the weights
constexpr size_t kSerialWork = 1 << 22;  // multiply-accumulates below which waking a thread takes longer than it saves

}  // namespace

bool Conv::set_beside(Conv* other, int input) {
  if (other->weights_.blocks() != weights_.blocks()) return false;
  for (size_t i = 0; i < weights_.blocks(); ++i) {
    const ChannelBlock &own = weights_.block(i), &others = other->weights_.block(i);
    if (own.channel != others.channel || own.channels != others.channels) return false;
  }
  beside_ = other;
  beside_input_ = input;
  other->is_beside_ = true;
  return true;
}

bool Conv::place(const Shape& input, const Window& height, const Window& width, bool same, int threads,
                 const Reporter& report) {
  height_ = height;
  width_ = width;
  batch_ = input.dims[0];
  rows_ = span_of(height, input.dims[1], same);
  columns_ = span_of(width, input.dims[2], same);
  if (rows_.output < 1 || columns_.output < 1) return report.error("%s: the filter is larger than the image.", name_);
  words_out_ = words_for(weights_.channels_out());
  output_ = input;
  output_.dims[1] = rows_.output;
  output_.dims[2] = columns_.output;
  output_.dims[3] = weights_.channels_out();
  if (!output_.volume(3, &pixels_)) return report.error("%s: the output is too large.", name_);
  pixel_bytes_ = static_cast<size_t>(weights_.words_in()) * walk_.word_bytes;
  if (!place_taps(height, width)) return report.error("%s: there is not enough memory.", name_);
  size_chunks(threads);
  return true;
}

bool Conv::place_taps(const Window& height, const Window& width) {
  if (!row_classes_.assign(height, rows_) || !column_classes_.assign(width, columns_) ||
      !tap_offsets_.assign_zeros(weights_.taps())) {
    return false;
  }
  for (int tap = 0; tap < weights_.taps(); ++tap) {
    const int64_t row = int64_t{tap / weights_.width()} * height.dilation;
    const int64_t column = int64_t{tap % weights_.width()} * width.dilation;
    tap_offsets_[tap] = (row * columns_.input + column) * static_cast<int64_t>(pixel_bytes_);
  }
  return true;
}

void Conv::size_chunks(int threads) {
  const size_t work = pixels_ * weights_.padded_channels() * weights_.taps() * weights_.words() * walk_.word_work;
  threads_ = work < kSerialWork && beside_ == nullptr && !is_beside_ ? 1 : threads;
  size_t pixels = kChunkPointers / static_cast<size_t>(weights_.taps());
  if (pixels > static_cast<size_t>(walk_.chunk_pixels)) pixels = walk_.chunk_pixels;
  // Small images: a chunk for every thread.
  const size_t share = (pixels_ + threads_ - 1) / threads_;
  set_chunk(pixels < share ? pixels : share, walk_.mr);
}

// Both in whole units, which are whole tiles.
void Conv::set_chunk(size_t pixels, size_t unit) {
  chunk_pixels_ = (pixels < 1 ? 1 : (pixels + unit - 1) / unit) * unit;
  group_pixels_ = unit;
  while (group_pixels_ < static_cast<size_t>(kGroupTiles * walk_.mr)) group_pixels_ += unit;
  worker_bytes_ = align_up(chunk_pixels_ * weights_.taps() * sizeof(void*)) + align_up(chunk_pixels_ * sizeof(void*)) +
                  align_up(group_pixels_ * sizeof(void*)) + align_up(chunk_pixels_ * sizeof(SumScale)) +
                  align_up(group_pixels_ * kBlock * sizeof(int32_t)) +
                  align_up(chunk_pixels_ * kLanes * sizeof(float)) + align_up(group_pixels_ * sizeof(uint64_t));
}

bool Conv::prepare_finish(const Value* const* inputs, Value* const* outputs, const Reporter& report) {
  if (beside_ != nullptr) {
    if (!beside_->prepare(inputs + beside_input_, nullptr, threads_, report)) return false;
    for (int i = 0; i < 3; ++i) {
      if (output_.dims[i] == beside_->output_.dims[i]) continue;
      return report.error("%s: the images of a sum differ in size.", name_);
    }
    size_t unit = walk_.mr;
    while (unit % beside_->walk_.mr != 0) unit += walk_.mr;
    set_chunk(chunk_pixels_, unit);
    beside_->set_chunk(chunk_pixels_, unit);
  }
  if (finished_) return finisher_.prepare(inputs, outputs, output_, report);
  outputs[0]->shape = output_;
  return true;
}

Conv::Worker Conv::worker(const Run& run, int index) const {
  char* memory = static_cast<char*>(run.scratch) + front_bytes_ + index * worker_bytes_;
  const auto take = [&memory](size_t bytes) {
    void* start = memory;
    memory += align_up(bytes);
    return start;
  };
  Worker worker;
  worker.front = run.scratch;
  worker.pointers = static_cast<const void**>(take(chunk_pixels_ * weights_.taps() * sizeof(void*)));
  worker.corrections = static_cast<const int32_t**>(take(chunk_pixels_ * sizeof(void*)));
  worker.shifted = static_cast<const int32_t**>(take(group_pixels_ * sizeof(void*)));
  worker.scales = static_cast<SumScale*>(take(chunk_pixels_ * sizeof(SumScale)));
  worker.acc = static_cast<int32_t*>(take(group_pixels_ * kBlock * sizeof(int32_t)));
  worker.lanes = static_cast<float*>(take(chunk_pixels_ * kLanes * sizeof(float)));
  worker.masks = static_cast<uint64_t*>(take(group_pixels_ * sizeof(uint64_t)));
  return worker;
}

Conv::Target Conv::target(const Run& run, RowStep* steps) const {
  Target target = {};
  if (!finished_) {
    target.out = static_cast<char*>(run.outputs[0]);
    return target;
  }
  target.finish = finisher_.bind(run, steps);
  const int bits = finisher_.outputs().bits;
  if (bits >= 0) target.bits = static_cast<uint32_t*>(run.outputs[bits]);
  return target;
}

void Conv::walk(const Run& run, const Activations& activations) const {
  RowStep steps[kMaxSteps], beside_steps[kMaxSteps];
  const Passage own = {activations, target(run, steps), {}};
  Passage other = {};
  Run beside_run = run;
  if (beside_ != nullptr) {
    beside_run.inputs += beside_input_;
    beside_run.scratch = static_cast<char*>(run.scratch) + own_bytes();
    other = {beside_->activate(beside_run), beside_->target(beside_run, beside_steps), {}};
  }
  run.pool->for_each((pixels_ + chunk_pixels_ - 1) / chunk_pixels_, threads_, [&](int index, size_t i) {
    Passage mine = own, beside = other;
    mine.worker = worker(run, index);
    if (beside_ != nullptr) beside.worker = beside_->worker(beside_run, index);
    run_chunk(mine, beside_ == nullptr ? nullptr : &beside, i * chunk_pixels_);
  });
}

// All output channels of the pixels from `first` on.
void Conv::run_chunk(Passage own, const Passage* beside, size_t first) const {
  const size_t last = pixels_ - first < chunk_pixels_ ? pixels_ : first + chunk_pixels_;
  RowFinish& finish = own.target.finish;
  RowStep steps[kMaxSteps];
  gather(own.activations, first, last, own.worker);
  if (beside != nullptr) {
    beside_->gather(beside->activations, first, last, beside->worker);
    for (int i = 0; i < finish.count; ++i) steps[i] = finish.steps[i];
    finish.steps = steps;
  }
  begin(own.target, first, last);
  finisher_.begin(&finish, own.worker.lanes, first, last);
  const size_t together = walk_.blocks_outside || beside != nullptr ? chunk_pixels_ : group_pixels_;
  for (size_t start = first; start < last; start += together) {
    const size_t end = last - start < together ? last : start + together;
    for (size_t block = 0; block < weights_.blocks(); ++block) {
      for (size_t pixel = start; pixel < end; pixel += group_pixels_) {
        const int pixels = static_cast<int>(end - pixel < group_pixels_ ? end - pixel : group_pixels_);
        if (beside != nullptr) {
          const float* rows = beside_->compute(*beside, block, pixel - first, pixels);
          steps[finisher_.beside()].operand = rows - pixel * kBlock;
        }
        store(block, run_group(block, pixel - first, pixels, own.worker), own.worker, own.target, pixel);
      }
    }
  }
  finisher_.end(finish, first, last);
}

// What is made of a block for a few pixels, from slot `first` of the chunk on: rows of kBlock reals, in the place of
// the accumulators.
const float* Conv::compute(const Passage& passage, size_t block, size_t first, int pixels) const {
  const Rows rows = run_group(block, first, pixels, passage.worker);
  const ChannelBlock& channels = weights_.block(block);
  const OutputTransform transform = weights_.transform(block);
  const RowTile tile = {&rows, &transform, nullptr, 0, 0, pixels, channels.channel, channels.channels};
  float* values = reinterpret_cast<float*>(passage.worker.acc);
  RowFinish finish = passage.target.finish;
  finish.values = values - channels.channel;
  finish.stride = kBlock;
  kernel_.finish(tile, finish, nullptr);
  return values;
}

// Pointers to the taps of the pixels [first, last). A last tile that is not full repeats its last pixel.
void Conv::gather(const Activations& activations, size_t first, size_t last, const Worker& worker) const {
  const size_t mr = walk_.mr, taps = weights_.taps();
  Pixel pixel;
  pixel.column = static_cast<int>(first % columns_.output);
  pixel.row = static_cast<int>(first / columns_.output % rows_.output);
  pixel.image = static_cast<int>(first / columns_.output / rows_.output);
  const size_t slots = (last - first + mr - 1) / mr * mr;
  for (size_t slot = 0; slot < slots; ++slot) {
    gather_pixel(activations, pixel, worker.pointers + (slot / mr * taps * mr + slot % mr));
    correct(pixel, slot, worker);
    if (first + slot + 1 >= last) continue;
    if (++pixel.column < columns_.output) continue;
    pixel.column = 0;
    if (++pixel.row < rows_.output) continue;
    pixel.row = 0;
    ++pixel.image;
  }
}

void Conv::gather_pixel(const Activations& activations, const Pixel& pixel, const void** taps) const {
  const int mr = walk_.mr, width = weights_.width(), height = weights_.height();
  const int64_t row = int64_t{pixel.row} * height_.stride - rows_.padding;
  const int64_t column = int64_t{pixel.column} * width_.stride - columns_.padding;
  // The origin may lie outside the image: it is a number, and becomes a pointer with the offset of a tap inside.
  const int64_t origin =
      ((int64_t{pixel.image} * rows_.input + row) * columns_.input + column) * static_cast<int64_t>(pixel_bytes_);
  const int row_class = row_classes_.of(pixel.row), column_class = column_classes_.of(pixel.column);
  if (row_classes_.whole(row_class) && column_classes_.whole(column_class)) {
    for (int tap = 0; tap < width * height; ++tap) taps[tap * mr] = activations.pixels + (origin + tap_offsets_[tap]);
    return;
  }
  const void* outside = activations.outside + pixel.image * activations.outside_stride;
  const TapRange rows = row_classes_.range(row_class), columns = column_classes_.range(column_class);
  for (int y = 0, tap = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, ++tap) {
      const bool inside = y >= rows.first && y < rows.last && x >= columns.first && x < columns.last;
      taps[tap * mr] = inside ? activations.pixels + (origin + tap_offsets_[tap]) : outside;
    }
  }
}

// The accumulators of a block for the pixels of a few tiles, from slot `first` of the chunk on.
Rows Conv::run_group(size_t block, size_t first, int pixels, const Worker& worker) const {
  const int mr = walk_.mr;
  Tile input;
  input.pixels = worker.pointers + first * weights_.taps();
  input.offset = static_cast<size_t>(weights_.block(block).word) * walk_.word_bytes;
  input.taps = weights_.taps();
  input.words = weights_.words();
  input.weights = weights_.packed(block);
  for (int done = 0; done < pixels; done += mr, input.pixels += mr * weights_.taps()) {
    walk_.run(input, worker.acc + done * kBlock);
  }
  const SumScale* scales = walk_.has_scales ? worker.scales + first : nullptr;
  Rows rows = {worker.acc, nullptr, pixels, weights_.block(block).channels, scales};
  const int32_t* const* corrections = worker.corrections + first;
  for (int i = 0; i < pixels && is_corrected_; ++i) {
    worker.shifted[i] = corrections[i] == nullptr ? nullptr : corrections[i] + block * kBlock;
    if (corrections[i] != nullptr) rows.correction = worker.shifted;
  }
  return rows;
}

void Conv::finish(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const {
  const ChannelBlock& channels = weights_.block(block);
  const OutputTransform transform = weights_.transform(block);
  const RowTile tile = {&rows, &transform, nullptr, 0, pixel, rows.pixels, channels.channel, channels.channels};
  kernel_.finish(tile, target.finish, target.bits == nullptr ? nullptr : worker.masks);
  if (target.bits != nullptr) store_bits(channels, worker.masks, rows.pixels, target.bits + pixel * words_out_);
}

void Conv::store_bits(const ChannelBlock& block, const uint64_t* masks, int pixels, uint32_t* out) const {
  const int shift = block.channel % kBitsPerWord;
  const int words = static_cast<int>(words_for(shift + block.channels));
  out += block.channel / kBitsPerWord;
  for (int i = 0; i < pixels; ++i, out += words_out_) {
    if (weights_.whole_words()) {
      for (int w = 0; w < words; ++w) out[w] = static_cast<uint32_t>(masks[i] >> (kBitsPerWord * w));
      continue;
    }
    // Words shared with other blocks of the same pixel, which the same thread computes; zeroed before the first one.
    const uint64_t parts[3] = {masks[i] << shift, masks[i] >> (32 - shift), shift == 0 ? 0 : masks[i] >> (64 - shift)};
    for (int w = 0; w < words; ++w) out[w] |= static_cast<uint32_t>(parts[w]);
  }
}

}  // namespace larq_el
