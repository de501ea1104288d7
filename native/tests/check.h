// The least that tests need: a check that says where it failed, a list of tests, and seeded random numbers.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "report.h"

// Fails the run, naming the expression and what the printf-like rest says.
#define CHECK(condition, ...)                                               \
  do {                                                                      \
    if (condition) break;                                                   \
    fprintf(stderr, "%s:%d: %s is false:", __FILE__, __LINE__, #condition); \
    fprintf(stderr, " " __VA_ARGS__);                                       \
    fprintf(stderr, "\n");                                                  \
    exit(1);                                                                \
  } while (false)

#define TEST(name)                                                   \
  static void name();                                                \
  static const bool listed_##name = larq_el::list_test(#name, name); \
  static void name()

namespace larq_el {

bool list_test(const char* name, void (*body)());

// One generator for all tests; main prints its seed.
std::mt19937_64& random_engine();

inline int random_int(int lowest, int highest) {
  return std::uniform_int_distribution<int>(lowest, highest)(random_engine());
}

inline uint32_t random_word() { return static_cast<uint32_t>(random_engine()()); }

inline std::vector<uint32_t> random_words(size_t count) {
  std::vector<uint32_t> words(count);
  for (uint32_t& word : words) word = random_word();
  return words;
}

// A reporter that remembers the last message.
struct Messages {
  std::string last;
  Reporter reporter{[](void* target, const char* message) { static_cast<Messages*>(target)->last = message; }, this};

  bool mention(const char* words) const { return last.find(words) != std::string::npos; }
};

}  // namespace larq_el
