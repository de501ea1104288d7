#include "dispatch.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <cstring>

namespace larq_el {
namespace {

#if defined(__aarch64__)
bool has_dot_products() { return (getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0; }
#endif

struct Listed {
  const BinaryKernel* kernel;
  bool supported;
};

struct ListedInt8 {
  const Int8Kernel* kernel;
  const BinaryKernel* beside;
  bool supported;
};

constexpr int kListed = 0
#define LARQ_EL_KERNEL(name, supported) +1
#include "kernels/kernels.inc"
#undef LARQ_EL_KERNEL
    ;
constexpr int kListedInt8 = 0
#define LARQ_EL_INT8_KERNEL(name, beside, supported) +1
#include "kernels/int8_kernels.inc"
#undef LARQ_EL_INT8_KERNEL
    ;

// What the CPU can do does not change, so that threads which fill this at once write the same.
struct Table {
  Listed listed[kListed];
  const BinaryKernel* available[kListed];
  int count;
  char names[32 * kListed];
  ListedInt8 int8[kListedInt8];
  const Int8Kernel* available_int8[kListedInt8];
  int count_int8;
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
                 {},
                 {
#define LARQ_EL_INT8_KERNEL(name, beside, supported) {&int8_kernel_##name, &kernel_##beside, bool(supported)},
#include "kernels/int8_kernels.inc"
#undef LARQ_EL_INT8_KERNEL
                 },
                 {},
                 0};
  for (const Listed& listed : table.listed) {
    if (!listed.supported) continue;
    table.available[table.count++] = listed.kernel;
    append(table.names, sizeof table.names, listed.kernel->name);
  }
  for (const ListedInt8& listed : table.int8) {
    if (listed.supported) table.available_int8[table.count_int8++] = listed.kernel;
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

const Int8Kernel* const* available_int8_kernels(int* count) {
  *count = kTable.count_int8;
  return kTable.available_int8;
}

const Int8Kernel& int8_kernel_beside(const BinaryKernel& kernel) {
  for (const ListedInt8& listed : kTable.int8) {
    bool reached = false;  // whether the list of binary kernels has come to this one before `beside`, or at it
    for (const Listed& binary : kTable.listed) {
      reached = reached || binary.kernel == &kernel;
      if (binary.kernel != listed.beside) continue;
      if (reached && listed.supported) return *listed.kernel;
      break;
    }
  }
  return *kTable.int8[kListedInt8 - 1].kernel;
}

const char* available_kernel_names() { return kTable.names; }

}  // namespace larq_el
