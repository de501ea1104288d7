// From the runtime's nodes to a plan.
#pragma once

#include "kernels/kernel.h"
#include "plan.h"

namespace larq_el {

// Whether a node is of an operator that runs here.
bool claims(const tfl::Registration& registration);

// The plan of a partition. Null, with a message, where a node cannot run. Valid calls are those from a delegate
// kernel's `init` alone: only there the runtime shows its nodes.
Plan* build_plan(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, Pool* pool,
                 const Reporter& report);

}  // namespace larq_el
