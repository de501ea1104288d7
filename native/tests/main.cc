// Runs every test, or those whose names contain the first argument. The seed is random; LARQ_EL_SEED repeats a run.
#include <cstring>

#include "check.h"

namespace larq_el {
namespace {

struct Listed {
  const char* name;
  void (*body)();
};

std::vector<Listed>& tests() {
  static std::vector<Listed> list;
  return list;
}

}  // namespace

bool list_test(const char* name, void (*body)()) {
  tests().push_back({name, body});
  return true;
}

std::mt19937_64& random_engine() {
  static std::mt19937_64 engine;
  return engine;
}

}  // namespace larq_el

int main(int argc, char** argv) {
  const char* given = getenv("LARQ_EL_SEED");
  const uint64_t seed = given != nullptr ? strtoull(given, nullptr, 10) : std::random_device{}();
  printf("seed %llu (repeat with LARQ_EL_SEED)\n", static_cast<unsigned long long>(seed));
  int run = 0;
  for (const larq_el::Listed& test : larq_el::tests()) {
    if (argc > 1 && strstr(test.name, argv[1]) == nullptr) continue;
    printf("%s\n", test.name);
    fflush(stdout);
    larq_el::random_engine().seed(seed);
    test.body();
    ++run;
  }
  printf("%d tests passed\n", run);
  return run > 0 ? 0 : 1;
}
