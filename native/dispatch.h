// Which kernels this CPU can run.
#pragma once

#include "kernels/kernel.h"
#include "report.h"

namespace larq_el {

// The kernels available here, fastest first, and their number.
const BinaryKernel* const* available_kernels(int* count);

// The kernel called `isa`, or the fastest where `isa` is null. Null, with a message that lists the valid names, where
// there is none of that name or the CPU cannot run it.
const BinaryKernel* select_kernel(const char* isa, const Reporter& report);

// Names of the available kernels, fastest first, separated by commas. The string lives as long as the program.
const char* available_kernel_names();

}  // namespace larq_el
