// The operator's checks, its choice of a way, and the ways, which share its state.
#include "bconv.h"

namespace larq_el {
namespace {

constexpr int kChunkPixels = 48;  // for which a thread computes all output channels, block after block
// Within a chunk all channels of a few pixels are computed before the next pixels: reals then stream through memory in
// order. The fewer pixels, the more often the weights are read again.
constexpr int kGroupTiles = 2;
constexpr int kChunkPointers = 4096;      // pointers to their taps stay in the first-level cache beside the weights
constexpr size_t kSerialWork = 1 << 22;   // multiply-accumulates below which waking a thread takes longer than it saves
constexpr size_t kExpandWords = 1 << 12;  // that a thread expands at once

}  // namespace

struct Bconv::Pixel {
  int image;
  int row;
  int column;
};

struct Bconv::Worker {
  const void** pointers;        // [tile][tap][pixel of the tile]
  const int32_t** corrections;  // [tile][pixel of the tile], of the first block
  const int32_t** shifted;      // the same for one tile and any block
  int32_t* acc;
  float* lanes;  // of magnitudes
  uint64_t* masks;
};

struct Bconv::Target {
  char* out;  // of the convolution's own type
  RowFinish finish;
  uint32_t* bits;  // signs of what is finished, or null
};

Bconv* Bconv::create(const BconvAttributes& attributes, const BconvConstants& constants, const BinaryKernel& kernel,
                     const Reporter& report) {
  Owned<Bconv> op(new Bconv(attributes, constants.output_type, kernel));
  if (!op) {
    report.error("LceBconv2d: there is not enough memory.");
    return nullptr;
  }
  if (!op->weights_.assign(attributes, constants, kernel, report)) return nullptr;
  op->attributes_.height.size = op->weights_.height();
  op->attributes_.width.size = op->weights_.width();
  return op.release();
}

bool Bconv::check(const Value& input, const Value& output, const Reporter& report) const {
  if (input.type != tfl::kInt32) return report.error("LceBconv2d: the input must be int32.");
  if (!finished_ && output.type != output_type_) return report.error("LceBconv2d: the output's type has changed.");
  if (input.shape.rank != 4) return report.error("LceBconv2d: the input must have 4 dimensions.");
  if (input.shape.last() != weights_.words_in()) {
    return report.error("LceBconv2d: the input has %d words a pixel instead of the %d of %d channels.",
                        input.shape.last(), weights_.words_in(), attributes_.channels_in);
  }
  return true;
}

bool Bconv::prepare(const Value* const* inputs, Value* const* outputs, int threads, const Reporter& report) {
  const Value& input = *inputs[0];
  if (!check(input, *outputs[0], report)) return false;
  batch_ = input.shape.dims[0];
  rows_ = span_of(attributes_.height, input.shape.dims[1], attributes_.same);
  columns_ = span_of(attributes_.width, input.shape.dims[2], attributes_.same);
  if (rows_.output < 1 || columns_.output < 1) return report.error("LceBconv2d: the filter is larger than the image.");
  words_out_ = words_for(weights_.channels_out());
  out_stride_ = output_type_ == tfl::kInt32 ? words_out_ : weights_.channels_out();
  Shape shape = input.shape;
  shape.dims[1] = rows_.output;
  shape.dims[2] = columns_.output;
  shape.dims[3] = static_cast<int>(out_stride_);
  if (!shape.volume(3, &pixels_)) return report.error("LceBconv2d: the output is too large.");
  pixel_bytes_ = static_cast<size_t>(weights_.words_in()) * kernel_.activation_bytes;
  if (!place_taps() || !correct_borders()) return report.error("LceBconv2d: there is not enough memory.");
  size_chunks(threads);
  if (finished_) return finisher_.prepare(inputs, outputs, shape, report);
  outputs[0]->shape = shape;
  return true;
}

bool Bconv::place_taps() {
  if (!row_classes_.assign(attributes_.height, rows_) || !column_classes_.assign(attributes_.width, columns_) ||
      !tap_offsets_.assign_zeros(weights_.taps()) || !outside_.assign_zeros(pixel_bytes_)) {
    return false;
  }
  for (int tap = 0; tap < weights_.taps(); ++tap) {
    const int64_t row = int64_t{tap / weights_.width()} * attributes_.height.dilation;
    const int64_t column = int64_t{tap % weights_.width()} * attributes_.width.dilation;
    tap_offsets_[tap] = (row * columns_.input + column) * static_cast<int64_t>(pixel_bytes_);
  }
  if (kernel_.expand == nullptr) return true;
  Array<uint32_t> plus;
  if (!plus.assign_zeros(weights_.words_in())) return false;
  kernel_.expand(plus.data(), plus.size(), outside_.data());
  return true;
}

bool Bconv::correct_borders() {
  const bool zero_padded = attributes_.same && !attributes_.pad_one && weights_.taps() > 1;
  const size_t classes = zero_padded ? static_cast<size_t>(row_classes_.count()) * column_classes_.count() : 0;
  size_t count = 0;
  if (!multiply(classes, weights_.padded_channels(), &count) || !corrections_.assign_zeros(count)) return false;
  for (size_t i = 0; i < classes; ++i) {
    const TapRange row = row_classes_.range(static_cast<int>(i / column_classes_.count()));
    const TapRange column = column_classes_.range(static_cast<int>(i % column_classes_.count()));
    weights_.zero_padding_correction(row.first, row.last, column.first, column.last,
                                     corrections_.data() + i * weights_.padded_channels());
  }
  return true;
}

void Bconv::size_chunks(int threads) {
  const size_t mr = kernel_.mr;
  const size_t work = pixels_ * weights_.padded_channels() * weights_.taps() * weights_.words() * kBitsPerWord;
  threads_ = work < kSerialWork ? 1 : threads;
  size_t pixels = kChunkPointers / static_cast<size_t>(weights_.taps());
  if (pixels > kChunkPixels) pixels = kChunkPixels;
  // Small images: a chunk for every thread.
  const size_t share = (pixels_ + threads_ - 1) / threads_;
  if (pixels > share) pixels = share;
  chunk_tiles_ = static_cast<int>((pixels + mr - 1) / mr);
  if (chunk_tiles_ < 1) chunk_tiles_ = 1;
  const size_t slots = chunk_tiles_ * mr, group = kGroupTiles * mr;
  expanded_bytes_ = 0;
  if (kernel_.expand != nullptr) {
    expanded_bytes_ = align_up(static_cast<size_t>(batch_) * rows_.input * columns_.input * pixel_bytes_);
  }
  worker_bytes_ = align_up(slots * weights_.taps() * sizeof(void*)) + align_up(slots * sizeof(void*)) +
                  align_up(group * sizeof(void*)) + align_up(group * kBlock * sizeof(int32_t)) +
                  align_up(slots * kLanes * sizeof(float)) + align_up(group * sizeof(uint64_t));
}

Bconv::Worker Bconv::worker(const Run& run, int index) const {
  char* memory = static_cast<char*>(run.scratch) + expanded_bytes_ + index * worker_bytes_;
  const size_t mr = kernel_.mr, slots = chunk_tiles_ * mr, group = kGroupTiles * mr;
  const auto take = [&memory](size_t bytes) {
    void* start = memory;
    memory += align_up(bytes);
    return start;
  };
  Worker worker;
  worker.pointers = static_cast<const void**>(take(slots * weights_.taps() * sizeof(void*)));
  worker.corrections = static_cast<const int32_t**>(take(slots * sizeof(void*)));
  worker.shifted = static_cast<const int32_t**>(take(group * sizeof(void*)));
  worker.acc = static_cast<int32_t*>(take(group * kBlock * sizeof(int32_t)));
  worker.lanes = static_cast<float*>(take(slots * kLanes * sizeof(float)));
  worker.masks = static_cast<uint64_t*>(take(group * sizeof(uint64_t)));
  return worker;
}

void Bconv::run(const Run& run) const {
  const void* activations = expand(run);
  RowStep steps[kMaxSteps];
  const Target to = target(run, steps);
  const size_t chunk = static_cast<size_t>(chunk_tiles_) * kernel_.mr;
  run.pool->for_each((pixels_ + chunk - 1) / chunk, threads_,
                     [&](int index, size_t i) { run_chunk(activations, to, i * chunk, worker(run, index)); });
}

Bconv::Target Bconv::target(const Run& run, RowStep* steps) const {
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

const void* Bconv::expand(const Run& run) const {
  if (kernel_.expand == nullptr) return run.inputs[0];
  const uint32_t* bits = static_cast<const uint32_t*>(run.inputs[0]);
  char* expanded = static_cast<char*>(run.scratch);
  const size_t words = static_cast<size_t>(batch_) * rows_.input * columns_.input * weights_.words_in();
  run.pool->for_each((words + kExpandWords - 1) / kExpandWords, threads_, [&](int, size_t i) {
    const size_t first = i * kExpandWords;
    const size_t count = words - first < kExpandWords ? words - first : kExpandWords;
    kernel_.expand(bits + first, count, expanded + first * kernel_.activation_bytes);
  });
  return expanded;
}

// All output channels of the pixels from `first` on.
void Bconv::run_chunk(const void* activations, Target target, size_t first, const Worker& worker) const {
  const size_t mr = kernel_.mr;
  const size_t last = pixels_ - first < chunk_tiles_ * mr ? pixels_ : first + chunk_tiles_ * mr;
  gather(static_cast<const char*>(activations), first, last, worker);
  if (output_type_ == tfl::kInt32 && !weights_.whole_words()) {
    memset(target.out + first * out_stride_ * sizeof(uint32_t), 0, (last - first) * out_stride_ * sizeof(uint32_t));
  }
  finisher_.begin(&target.finish, worker.lanes, first, last);
  const size_t group = kGroupTiles * mr;
  for (size_t pixel = first; pixel < last; pixel += group) {
    const size_t pixels = last - pixel < group ? last - pixel : group;
    for (size_t block = 0; block < weights_.blocks(); ++block) {
      store(block, run_group(block, pixel - first, static_cast<int>(pixels), worker), worker, target, pixel);
    }
  }
  finisher_.end(target.finish, first, last);
}

// Pointers to the taps of the pixels [first, last). A last tile that is not full repeats its last pixel.
void Bconv::gather(const char* activations, size_t first, size_t last, const Worker& worker) const {
  const size_t mr = kernel_.mr, taps = weights_.taps();
  Pixel pixel;
  pixel.column = static_cast<int>(first % columns_.output);
  pixel.row = static_cast<int>(first / columns_.output % rows_.output);
  pixel.image = static_cast<int>(first / columns_.output / rows_.output);
  const size_t slots = (last - first + mr - 1) / mr * mr;
  for (size_t slot = 0; slot < slots; ++slot) {
    gather_pixel(activations, pixel, worker.pointers + (slot / mr * taps * mr + slot % mr));
    const int row = row_classes_.of(pixel.row), column = column_classes_.of(pixel.column);
    const bool whole = row_classes_.whole(row) && column_classes_.whole(column);
    const size_t index = static_cast<size_t>(row) * column_classes_.count() + column;
    worker.corrections[slot] =
        whole || corrections_.size() == 0 ? nullptr : corrections_.data() + index * weights_.padded_channels();
    if (first + slot + 1 >= last) continue;
    if (++pixel.column < columns_.output) continue;
    pixel.column = 0;
    if (++pixel.row < rows_.output) continue;
    pixel.row = 0;
    ++pixel.image;
  }
}

void Bconv::gather_pixel(const char* activations, const Pixel& pixel, const void** taps) const {
  const int mr = kernel_.mr, width = weights_.width(), height = weights_.height();
  const int64_t row = int64_t{pixel.row} * attributes_.height.stride - rows_.padding;
  const int64_t column = int64_t{pixel.column} * attributes_.width.stride - columns_.padding;
  // The origin may lie outside the image: it is a number, and becomes a pointer with the offset of a tap inside.
  const int64_t origin =
      ((int64_t{pixel.image} * rows_.input + row) * columns_.input + column) * static_cast<int64_t>(pixel_bytes_);
  const int row_class = row_classes_.of(pixel.row), column_class = column_classes_.of(pixel.column);
  if (row_classes_.whole(row_class) && column_classes_.whole(column_class)) {
    for (int tap = 0; tap < width * height; ++tap) taps[tap * mr] = activations + (origin + tap_offsets_[tap]);
    return;
  }
  const TapRange rows = row_classes_.range(row_class), columns = column_classes_.range(column_class);
  for (int y = 0, tap = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, ++tap) {
      const bool inside = y >= rows.first && y < rows.last && x >= columns.first && x < columns.last;
      taps[tap * mr] = inside ? static_cast<const void*>(activations + (origin + tap_offsets_[tap])) : outside_.data();
    }
  }
}

// The accumulators of a block for the pixels of a few tiles, from slot `first` of the chunk on.
Rows Bconv::run_group(size_t block, size_t first, int pixels, const Worker& worker) const {
  const int mr = kernel_.mr;
  Tile input;
  input.pixels = worker.pointers + first * weights_.taps();
  input.offset = static_cast<size_t>(weights_.block(block).word) * kernel_.activation_bytes;
  input.taps = weights_.taps();
  input.words = weights_.words();
  input.weights = weights_.packed(block);
  for (int done = 0; done < pixels; done += mr, input.pixels += mr * weights_.taps()) {
    kernel_.run(input, worker.acc + done * kBlock);
  }
  Rows rows = {worker.acc, nullptr, pixels, weights_.block(block).channels};
  const int32_t* const* corrections = worker.corrections + first;
  for (int i = 0; i < pixels && corrections_.size() > 0; ++i) {
    worker.shifted[i] = corrections[i] == nullptr ? nullptr : corrections[i] + block * kBlock;
    if (corrections[i] != nullptr) rows.correction = worker.shifted;
  }
  return rows;
}

void Bconv::store(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const {
  if (finished_) return finish(block, rows, worker, target, pixel);
  const ChannelBlock& channels = weights_.block(block);
  const OutputTransform transform = weights_.transform(block);
  if (output_type_ == tfl::kFloat32) {
    float* out = reinterpret_cast<float*>(target.out) + pixel * out_stride_ + channels.channel;
    kernel_.store_float(rows, transform, out, out_stride_);
  } else if (output_type_ == tfl::kInt8) {
    int8_t* out = reinterpret_cast<int8_t*>(target.out) + pixel * out_stride_ + channels.channel;
    kernel_.store_int8(rows, transform, out, out_stride_);
  } else {
    kernel_.store_bits(rows, transform, worker.masks);
    store_bits(channels, worker.masks, rows.pixels, reinterpret_cast<uint32_t*>(target.out) + pixel * words_out_);
  }
}

void Bconv::finish(size_t block, const Rows& rows, const Worker& worker, const Target& target, size_t pixel) const {
  const ChannelBlock& channels = weights_.block(block);
  const OutputTransform transform = weights_.transform(block);
  const RowTile tile = {&rows, &transform, nullptr, 0, pixel, rows.pixels, channels.channel, channels.channels};
  kernel_.finish(tile, target.finish, target.bits == nullptr ? nullptr : worker.masks);
  if (target.bits != nullptr) store_bits(channels, worker.masks, rows.pixels, target.bits + pixel * words_out_);
}

void Bconv::store_bits(const ChannelBlock& block, const uint64_t* masks, int pixels, uint32_t* out) const {
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
