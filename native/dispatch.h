// Which kernels this CPU can run.
#pragma once

#include "kernels/int8_kernel.h"
#include "report.h"

namespace larq_el {

// The kernels available here, fastest first, and their number.
const BinaryKernel* const* available_kernels(int* count);

// The kernel called `isa`, or the fastest where `isa` is null. Null, with a message that lists the valid names, where
// there is none of that name or the CPU cannot run it.
const BinaryKernel* select_kernel(const char* isa, const Reporter& report);

// The int8 kernels available here, fastest first, and their number.
const Int8Kernel* const* available_int8_kernels(int* count);

// The fastest int8 kernel here that needs no better instruction set than a binary kernel.
const Int8Kernel& int8_kernel_beside(const BinaryKernel& kernel);

// Names of the available kernels, fastest first, separated by commas. The string lives as long as the program.
const char* available_kernel_names();

}  // namespace larq_el
