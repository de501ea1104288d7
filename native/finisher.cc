#include "finisher.h"

namespace larq_el {

bool Finisher::add_constant(RowStep::Kind kind, const float* values, int count, int channels) {
  const Spec spec = {{kind, nullptr, 1, 1.0f}, -1, constants_.size()};
  for (int c = 0; c < channels; ++c) {
    if (!constants_.push_back(values[count == 1 ? 0 : c])) return false;
  }
  return add(spec);
}

bool Finisher::add_operand(RowStep::Kind kind, int input, int channels, float scale) {
  return add({{kind, nullptr, channels, scale}, input, 0});
}

bool Finisher::add_relu() { return add({{RowStep::kRelu, nullptr, 1, 1.0f}, -1, 0}); }

bool Finisher::add_beside() {
  beside_ = static_cast<int>(specs_.size());
  return add({{RowStep::kAdd, nullptr, kBlock, 1.0f}, -1, 0});
}

bool Finisher::prepare(const Value* const* inputs, Value* const* outputs, const Shape& shape, const Reporter& report) {
  channels_ = shape.last();
  size_t pixels = 0;
  if (!shape.volume(3, &pixels)) return report.error("a fused operator's output is too large.");
  for (const Spec& spec : specs_) {
    if (spec.input < 0) continue;
    size_t elements = 0;
    const Value& operand = *inputs[spec.input];
    const size_t wanted = pixels * static_cast<size_t>(spec.step.channels);
    if (operand.type != tfl::kFloat32 || !operand.shape.elements(&elements) || elements != wanted) {
      return report.error("tensor %d has %zu values instead of the %zu that a sum or product needs.", operand.tensor,
                          elements, wanted);
    }
  }
  const int sizes[4][2] = {{outputs_.values, channels_},
                           {outputs_.bits, static_cast<int>(words_for(channels_))},
                           {outputs_.magnitude, 1},
                           {outputs_.groups, outputs_.group_channels}};
  for (const auto& [output, last] : sizes) {
    if (output < 0) continue;
    if (outputs[output]->type != (output == outputs_.bits ? tfl::kInt32 : tfl::kFloat32)) {
      return report.error("tensor %d has another type than a fused operator computes.", outputs[output]->tensor);
    }
    outputs[output]->shape = shape;
    outputs[output]->shape.dims[3] = last;
  }
  return true;
}

RowFinish Finisher::bind(const Run& run, RowStep* steps) const {
  const auto address = [&run](int output) { return output < 0 ? nullptr : static_cast<float*>(run.outputs[output]); };
  for (size_t i = 0; i < specs_.size(); ++i) {
    steps[i] = specs_[i].step;
    steps[i].operand = specs_[i].input < 0 ? constants_.data() + specs_[i].constant
                                           : static_cast<const float*>(run.inputs[specs_[i].input]);
  }
  RowFinish finish = {};
  finish.steps = steps;
  finish.count = static_cast<int>(specs_.size());
  finish.values = address(outputs_.values);
  finish.stride = channels_;
  finish.magnitude = address(outputs_.magnitude);
  finish.groups = address(outputs_.groups);
  finish.group_channels = outputs_.group_channels;
  return finish;
}

void Finisher::begin(RowFinish* finish, float* lanes, size_t first, size_t last) const {
  if (finish->magnitude == nullptr) return;
  finish->lanes = lanes;
  finish->lanes_pixel = first;
  memset(lanes, 0, (last - first) * kLanes * sizeof(float));
}

void Finisher::end(const RowFinish& finish, size_t first, size_t last) const {
  if (finish.magnitude == nullptr) return;
  for (size_t pixel = first; pixel < last; ++pixel) {
    const float* lanes = finish.lanes + (pixel - first) * kLanes;
    float sums[kLanes / 2];
    for (int i = 0; i < kLanes / 2; ++i) sums[i] = lanes[i] + lanes[i + kLanes / 2];
    for (int half = kLanes / 4; half > 0; half /= 2) {
      for (int i = 0; i < half; ++i) sums[i] += sums[i + half];
    }
    finish.magnitude[pixel] = sums[0] / static_cast<float>(channels_);
  }
}

}  // namespace larq_el
