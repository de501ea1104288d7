#include "dispatch.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstring>

namespace larq_el {
namespace {

struct Listed {
  const BinaryKernel* kernel;
  bool supported;
};

constexpr int kListed = 0
#define LARQ_EL_KERNEL(name, supported) +1
#include "kernels/kernels.inc"
#undef LARQ_EL_KERNEL
    ;

// What the CPU can do does not change, so that threads which fill this at once write the same.
struct Table {
  Listed listed[kListed];
  const BinaryKernel* available[kListed];
  int count;
  char names[32 * kListed];
};

void append(char* names, size_t size, const char* name) {
  const size_t length = strlen(names);
  snprintf(names + length, size - length, "%s%s", length > 0 ? ", " : "", name);
}

Table make_table() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#endif
  Table table = {{
#define LARQ_EL_KERNEL(name, supported) {&kernel_##name, bool(supported)},
#include "kernels/kernels.inc"
#undef LARQ_EL_KERNEL
                 },
                 {},
                 0,
                 {}};
  for (const Listed& listed : table.listed) {
    if (!listed.supported) continue;
    table.available[table.count++] = listed.kernel;
    append(table.names, sizeof table.names, listed.kernel->name);
  }
  return table;
}

// Filled when the library is loaded: a local static would need the C++ runtime's guards.
const Table kTable = make_table();

}  // namespace

const BinaryKernel* const* available_kernels(int* count) {
  *count = kTable.count;
  return kTable.available;
}

const BinaryKernel* select_kernel(const char* isa, const Reporter& report) {
  if (isa == nullptr) return kTable.available[0];
  for (const Listed& listed : kTable.listed) {
    if (strcmp(listed.kernel->name, isa) != 0) continue;
    if (listed.supported) return listed.kernel;
    report.error("this CPU cannot run the kernels of isa '%s'; it can run %s.", isa, kTable.names);
    return nullptr;
  }
  report.error("there is no isa '%s'; this CPU can run %s.", isa, kTable.names);
  return nullptr;
}

const char* available_kernel_names() { return kTable.names; }

}  // namespace larq_el
