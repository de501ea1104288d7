// Writes the options of custom operators.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace larq_el {

using Options = std::vector<uint8_t>;

// A FlexBuffers map of integers, in 32 bits each.
inline Options flex_map(const std::map<std::string, int>& entries) {
  Options bytes;
  std::vector<size_t> starts;
  const auto word = [&bytes](uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes.push_back(value >> (8 * i));
  };
  for (const auto& entry : entries) {
    starts.push_back(bytes.size());
    bytes.insert(bytes.end(), entry.first.begin(), entry.first.end());
    bytes.push_back(0);
  }
  word(entries.size());
  const size_t keys = bytes.size();
  for (const size_t start : starts) word(bytes.size() - start);
  word(bytes.size() - keys);
  word(4);  // bytes of an offset of a key
  word(entries.size());
  const size_t values = bytes.size();
  for (const auto& entry : entries) word(entry.second);
  for (size_t i = 0; i < entries.size(); ++i) bytes.push_back(1 << 2 | 2);  // integers of 4 bytes
  word(bytes.size() - values);
  bytes.push_back(9 << 2 | 2);  // a map of 4-byte values
  bytes.push_back(4);           // bytes of the root
  return bytes;
}

// Options of LceBconv2d: VALID, stride 1, 32 channels, but for what is given.
inline Options bconv_options(const std::map<std::string, int>& changed) {
  std::map<std::string, int> entries = {{"channels_in", 32},
                                        {"dilation_height_factor", 1},
                                        {"dilation_width_factor", 1},
                                        {"pad_values", 0},
                                        {"fused_activation_function", 0},
                                        {"padding", 1},
                                        {"stride_height", 1},
                                        {"stride_width", 1}};
  for (const auto& entry : changed) entries[entry.first] = entry.second;
  return flex_map(entries);
}

}  // namespace larq_el
