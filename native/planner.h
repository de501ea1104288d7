// From the runtime's nodes to a plan.
#pragma once

#include "kernels/kernel.h"
#include "memory.h"
#include "plan.h"

namespace larq_el {

// Which nodes run here beside Larq Compute Engine's own.
struct Wanted {
  bool fuse = true;   // those that can be computed with them
  bool int8 = true;   // among these, int8 convolutions that are faster here
  bool slow = false;  // and those that are not
};

// Appends those of the nodes, given in the order of execution, that run here. False, with a message, where a node
// cannot be read.
bool claim(tfl::Context* context, const int* nodes, int count, const BinaryKernel& kernel, const Wanted& wanted,
           Array<int>* claimed, const Reporter& report);

// The plan of a partition; `profile` may be null. Null, with a message, where a node cannot run. Both may be called
// from the delegate's `Prepare` and the kernel's `init` alone: only there the runtime shows its nodes.
Plan* build_plan(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, bool fuse,
                 Pool* pool, Profile* profile, const Reporter& report);

}  // namespace larq_el
