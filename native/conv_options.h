// The options that CONV_2D and DEPTHWISE_CONV_2D have in common.
#pragma once

#include <initializer_list>

#include "shape.h"
#include "tfl_abi.h"

namespace larq_el {

constexpr int kMostStride = 1 << 10;  // and dilation, in pixels

// Reads strides, dilations, padding and activation into a match's `height`, `width`, `same` and `activation`; false
// where there are none, or others than can be computed here.
template <class Params, class Match>
bool read_conv_options(const Params* params, Match* match) {
  if (params == nullptr || params->activation < tfl::kNone || params->activation > tfl::kRelu6Activation) return false;
  if (params->padding != tfl::kSame && params->padding != tfl::kValid) return false;
  for (const int size :
       {params->stride_height, params->stride_width, params->dilation_height, params->dilation_width}) {
    if (size < 1 || size > kMostStride) return false;
  }
  match->height = {1, params->stride_height, params->dilation_height};
  match->width = {1, params->stride_width, params->dilation_width};
  match->same = params->padding == tfl::kSame;
  match->activation = params->activation;
  return true;
}

}  // namespace larq_el
