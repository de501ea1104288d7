// From one node to the operator that computes it.
#pragma once

#include "bconv.h"
#include "fusion_graph.h"
#include "node_checks.h"

namespace larq_el {

// Null, with a message, where the node is not what its kind has to be.
Bconv* make_bconv(const CheckedNode& node, const BinaryKernel& kernel);

// The operator of one node by itself, of those that have one; null, with a message, where it has none.
Op* make_plain(Kind kind, const CheckedNode& node, const BinaryKernel& kernel);

const char* name_of(Kind kind);
bool is_larq(Kind kind);

}  // namespace larq_el
