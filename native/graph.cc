#include "graph.h"

#include <cmath>
#include <cstdio>
#include <initializer_list>

#include "bconv.h"
#include "float_ops.h"
#include "fuser.h"
#include "graph_view.h"
#include "ops.h"
#include "row_pass.h"

namespace larq_el {
namespace {

bool contains(const tfl::IntArray* array, int tensor) {
  for (int i = 0; array != nullptr && i < array->size; ++i) {
    if (array->data[i] == tensor) return true;
  }
  return false;
}

// One node, whose operands are checked before they are used.
struct NodeView {
  tfl::Context* context;
  const tfl::Node* node;
  const char* name;
  const Reporter& report;

  int inputs() const { return node->inputs == nullptr ? 0 : node->inputs->size; }
  int outputs() const { return node->outputs == nullptr ? 0 : node->outputs->size; }

  bool operands(int wanted_inputs, int wanted_outputs) const {
    return (inputs() == wanted_inputs && outputs() == wanted_outputs) ||
           report.error("%s: it has %d inputs and %d outputs instead of %d and %d.", name, inputs(), outputs(),
                        wanted_inputs, wanted_outputs);
  }

  // Null, with a message, where there is no such tensor.
  const tfl::Tensor* tensor(int index) const {
    if (index >= 0 && static_cast<size_t>(index) < context->tensors_size) return &context->tensors[index];
    report.error("%s: an operand is missing.", name);
    return nullptr;
  }

  const tfl::Tensor* input(int position) const { return tensor(node->inputs->data[position]); }
  const tfl::Tensor* output(int position) const { return tensor(node->outputs->data[position]); }

  // The values of a constant with the given dims; null, with a message, where it is something else.
  const void* constant(int position, tfl::Type type, const int* dims, int rank) const {
    const tfl::Tensor* found = input(position);
    if (found == nullptr) return nullptr;
    bool fits = found->type == type && found->dims != nullptr && found->dims->size == rank;
    size_t bytes = size_of(type);
    for (int i = 0; fits && i < rank; ++i) {
      fits = dims[i] > 0 && found->dims->data[i] == dims[i] && multiply(bytes, static_cast<size_t>(dims[i]), &bytes);
    }
    const bool kept = found->allocation_type == tfl::kMmapRo || found->allocation_type == tfl::kPersistentRo;
    if (fits && kept && found->data != nullptr && found->bytes >= bytes) return found->data;
    report.error("%s: input %d must be a constant of %s and of a shape that fits the filter.", name, position,
                 type == tfl::kFloat32 ? "float32" : "int32");
    return nullptr;
  }
};

Op* make_quantize(const NodeView& node, const BinaryKernel& kernel) {
  return node.operands(1, 1) ? new Quantize(kernel) : nullptr;
}

Op* make_dequantize(const NodeView& node, const BinaryKernel&) {
  if (!node.operands(1, 1)) return nullptr;
  // The number of channels stands nowhere but in the output's shape.
  const tfl::Tensor* output = node.output(0);
  if (output == nullptr) return nullptr;
  const tfl::IntArray* dims = output->dims;
  if (dims == nullptr || dims->size < 1 || dims->size > Shape::kMaxRank || dims->data[dims->size - 1] < 1) {
    node.report.error("%s: the output has no number of channels.", node.name);
    return nullptr;
  }
  return new Dequantize(dims->data[dims->size - 1]);
}

Op* make_bmaxpool(const NodeView& node, const BinaryKernel&) {
  BMaxPoolAttributes attributes;
  if (!node.operands(1, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  return new BMaxPool(attributes);
}

// Filter, and either multiplier and bias or thresholds; those that an output of this type does not need may be missing.
bool read_constants(const NodeView& node, BconvConstants* constants) {
  const tfl::Tensor* filter = node.input(1);
  const tfl::Tensor* output = node.output(0);
  if (filter == nullptr || output == nullptr) return false;
  if (filter->dims == nullptr || filter->dims->size != 4) {
    return node.report.error("%s: the filter must have 4 dimensions.", node.name);
  }
  for (int i = 0; i < 4; ++i) constants->filter_dims[i] = filter->dims->data[i];
  const int* channels = constants->filter_dims;
  constants->filter = static_cast<const uint32_t*>(node.constant(1, tfl::kInt32, constants->filter_dims, 4));
  if (constants->filter == nullptr) return false;
  constants->output_type = output->type;
  constants->output_quantization = output->params;
  if (output->type == tfl::kInt32) {
    constants->threshold = static_cast<const int32_t*>(node.constant(4, tfl::kInt32, channels, 1));
    return constants->threshold != nullptr;
  }
  if (output->type != tfl::kFloat32 && output->type != tfl::kInt8) {
    return node.report.error("%s: the output must be float32, int8 or int32.", node.name);
  }
  if (output->type == tfl::kInt8 && !(output->params.scale > 0.0f && std::isfinite(output->params.scale))) {
    return node.report.error("%s: the output's scale must be positive.", node.name);
  }
  constants->multiplier = static_cast<const float*>(node.constant(2, tfl::kFloat32, channels, 1));
  if (constants->multiplier == nullptr) return false;
  constants->bias = static_cast<const float*>(node.constant(3, tfl::kFloat32, channels, 1));
  return constants->bias != nullptr;
}

Bconv* make_bconv(const NodeView& node, const BinaryKernel& kernel) {
  BconvAttributes attributes;
  BconvConstants constants;
  if (!node.operands(5, 1)) return nullptr;
  if (!parse(node.node->custom_initial_data, node.node->custom_initial_data_size, node.report, &attributes)) {
    return nullptr;
  }
  if (!read_constants(node, &constants)) return nullptr;
  return Bconv::create(attributes, constants, kernel, node.report);
}

constexpr int kMaxWindow = 1 << 10;  // of a pool, in pixels

Op* make_max_pool(const NodeView& node, const BinaryKernel& kernel) {
  const tfl::PoolParams* params = static_cast<const tfl::PoolParams*>(node.node->builtin_data);
  if (!node.operands(1, 1)) return nullptr;
  if (params == nullptr || params->activation != tfl::kNone) {
    node.report.error("%s: it has no options, or a fused activation.", node.name);
    return nullptr;
  }
  const Window height = {params->filter_height, params->stride_height, 1};
  const Window width = {params->filter_width, params->stride_width, 1};
  for (const int size : {height.size, width.size, height.stride, width.stride}) {
    if (size >= 1 && size <= kMaxWindow) continue;
    node.report.error("%s: window and stride must be from 1 to %d.", node.name, kMaxWindow);
    return nullptr;
  }
  return new MaxPool(kernel, height, width, params->padding == tfl::kSame);
}

// The operator of one node by itself, of those that have one.
Op* make_plain(Kind kind, const NodeView& node, const BinaryKernel& kernel) {
  switch (kind) {
    case Kind::kQuantize:
      return make_quantize(node, kernel);
    case Kind::kDequantize:
      return make_dequantize(node, kernel);
    case Kind::kBconv:
      return make_bconv(node, kernel);
    case Kind::kBMaxPool:
      return make_bmaxpool(node, kernel);
    case Kind::kMaxPool:
      return make_max_pool(node, kernel);
    default:
      node.report.error("%s: it stands in another part of the graph than what it belongs to; give the option fuse=off.",
                        node.name);
      return nullptr;
  }
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::kQuantize:
      return "LceQuantize";
    case Kind::kDequantize:
      return "LceDequantize";
    case Kind::kBconv:
      return "LceBconv2d";
    case Kind::kBMaxPool:
      return "LceBMaxPool2d";
    case Kind::kMaxPool:
      return "MAX_POOL_2D";
    default:
      return "a fused operator";
  }
}

bool is_larq(Kind kind) {
  return kind == Kind::kQuantize || kind == Kind::kDequantize || kind == Kind::kBconv || kind == Kind::kBMaxPool;
}

// Builds the plan of one partition.
class Builder {
 public:
  Builder(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, Plan* plan,
          const Reporter& report)
      : context_(context), params_(params), kernel_(kernel), plan_(plan), report_(report) {}

  // One operator for each node.
  bool build(const GraphView& graph) {
    for (int position = 0; position < graph.size(); ++position) {
      if (!add_plain(graph.node(position))) return false;
    }
    return true;
  }

  // One operator for what was found to belong together.
  bool build(const GraphView& graph, const Fuser& fuser) {
    for (int position = 0; position < graph.size(); ++position) {
      // forms of a tensor before what reads them
      for (const bool forms : {true, false}) {
        for (const FusedRows& rows : fuser.rows()) {
          const bool is_form = rows.source >= 0 && rows.steps_count == 0;
          if (rows.position == position && is_form == forms && !add_rows(graph, rows)) return false;
        }
      }
      for (const FusedMagnitude& found : fuser.magnitudes()) {
        if (found.position != position) continue;
        Op* op = new StridedMagnitude(found.row_stride, found.column_stride);
        if (!connect("MEAN", op, &found.source, 1, &found.result, 1)) return false;
      }
      const ViewNode& node = graph.node(position);
      if ((!fuser.takes(position) || node.kind == Kind::kMaxPool) && !add_plain(node)) return false;
    }
    return true;
  }

 private:
  bool read(int index, Kind kind, tfl::Node** node) {
    tfl::Registration* registration = nullptr;
    if (context_->GetNodeAndRegistration(context_, index, node, &registration) == tfl::kOk && *node != nullptr) {
      return true;
    }
    return report_.error("node %d, %s, cannot be read.", index, name_of(kind));
  }

  bool add_plain(const ViewNode& view) {
    tfl::Node* node = nullptr;
    if (!read(view.index, view.kind, &node)) return false;
    const NodeView checked{context_, node, name_of(view.kind), report_};
    Op* op = make_plain(view.kind, checked, kernel_);
    return op != nullptr && connect(checked.name, op, node->inputs->data, 1, node->outputs->data, 1);
  }

  bool add_rows(const GraphView& graph, const FusedRows& rows) {
    if (rows.conv >= 0) return add_conv(graph.node(rows.conv), rows);
    Owned<RowPass> op(new RowPass(kernel_));
    if (!op) return report_.error("there is not enough memory for a fused operator.");
    return describe(rows, rows.bits, graph.channels(rows.source), &op->finisher()) &&
           connect(rows, rows.source, rows.bits, op.release());
  }

  bool add_conv(const ViewNode& view, const FusedRows& rows) {
    const bool alone = rows.steps_count == 0 && rows.bits < 0 && rows.magnitude < 0 && rows.groups < 0;
    if (alone) return add_plain(view);
    tfl::Node* node = nullptr;
    if (!read(view.index, view.kind, &node)) return false;
    Owned<Bconv> op(make_bconv({context_, node, name_of(view.kind), report_}, kernel_));
    if (!op) return false;
    FusedRows stored = rows;
    if (rows.bits >= 0 && !op->stores_signs()) {
      // the blocks' signs share words: they are taken of the stored values
      stored.bits = -1;
      stored.values = rows.result;
    }
    const bool done = describe(stored, stored.bits, op->channels(), &op->finisher()) &&
                      connect(stored, node->inputs->data[0], stored.bits, op.release());
    if (!done || stored.bits == rows.bits) return done;
    return connect("LceQuantize", new Quantize(kernel_), &rows.result, 1, &rows.bits, 1);
  }

  // Input 0 are the rows or their bits, then come the operands in the order of the steps.
  bool describe(const FusedRows& rows, int bits, int channels, Finisher* finisher) {
    bool enough = true;
    int input = 0;
    for (int i = 0; i < rows.steps_count; ++i) {
      const FusedStep& step = rows.steps[i];
      if (step.kind == RowStep::kRelu) {
        enough = enough && finisher->add_relu();
      } else if (step.constant != nullptr) {
        enough = enough && finisher->add_constant(step.kind, step.constant, step.count, channels);
      } else {
        enough = enough && finisher->add_operand(step.kind, ++input, step.channels, step.scale);
      }
    }
    Finisher::Outputs outputs;
    int output = 0;
    if (rows.values >= 0) outputs.values = output++;
    if (bits >= 0) outputs.bits = output++;
    if (rows.magnitude >= 0) outputs.magnitude = output++;
    if (rows.groups >= 0) outputs.groups = output++;
    outputs.group_channels = rows.group_channels;
    finisher->set_outputs(outputs);
    return enough || report_.error("there is not enough memory for a fused operator.");
  }

  bool connect(const FusedRows& rows, int source, int bits, Op* op) {
    int inputs[kMaxSteps + 1] = {source}, outputs[4], inputs_count = 1, outputs_count = 0;
    for (int i = 0; i < rows.steps_count; ++i) {
      if (rows.steps[i].operand >= 0) inputs[inputs_count++] = rows.steps[i].operand;
    }
    for (const int output : {rows.values, bits, rows.magnitude, rows.groups}) {
      if (output >= 0) outputs[outputs_count++] = output;
    }
    return connect(rows.conv >= 0 ? "LceBconv2d" : "Rows", op, inputs, inputs_count, outputs, outputs_count, &rows);
  }

  // The operator, and the tensors that it computes: of rows, those between their steps too.
  void label(const char* name, int output, const FusedRows* rows, char (&text)[Profile::kLabel]) const {
    int length = snprintf(text, sizeof text, "%s", name);
    const auto append = [&](int tensor) {
      const char* found = exists(tensor) ? context_->tensors[tensor].name : nullptr;
      if (found != nullptr && length < static_cast<int>(sizeof text)) {
        length += snprintf(text + length, sizeof text - length, " %s", found);
      }
    };
    if (rows == nullptr) return append(output);
    if (rows->conv >= 0 || rows->steps_count == 0) append(rows->start);
    for (int i = 0; i < rows->steps_count; ++i) append(rows->steps[i].result);
  }

  // Puts operands among the plan's values. The runtime's execution order lets no node read a tensor before it is
  // computed, nor two write the same; in a malformed graph that may be otherwise.
  bool connect(const char* name, Op* op, const int* inputs, int inputs_count, const int* outputs, int outputs_count,
               const FusedRows* rows = nullptr) {
    Owned<Op> owned(op);
    int read[kMaxSteps + 1], written[Op::kMaxOperands];
    bool enough = op != nullptr && inputs_count <= Op::kMaxOperands && outputs_count <= Op::kMaxOperands;
    for (int i = 0; enough && i < inputs_count; ++i) {
      if (!exists(inputs[i])) return report_.error("%s: an operand is missing.", name);
      if (!plan_->knows(inputs[i]) && !contains(params_.input_tensors, inputs[i])) {
        return report_.error("%s: tensor %d is read before it is computed.", name, inputs[i]);
      }
      read[i] = plan_->value(inputs[i], context_->tensors[inputs[i]], Value::kInput);
      enough = read[i] >= 0;
    }
    for (int i = 0; enough && i < outputs_count; ++i) {
      if (!exists(outputs[i])) return report_.error("%s: an operand is missing.", name);
      if (plan_->knows(outputs[i])) return report_.error("%s: tensor %d is computed twice.", name, outputs[i]);
      const bool outside = contains(params_.output_tensors, outputs[i]);
      written[i] = plan_->value(outputs[i], context_->tensors[outputs[i]], outside ? Value::kOutput : Value::kInside);
      enough = written[i] >= 0;
    }
    char text[Profile::kLabel];
    label(name, outputs_count > 0 ? outputs[0] : -1, rows, text);
    return (enough && plan_->add(text, owned.release(), read, inputs_count, written, outputs_count)) ||
           report_.error("%s: there is not enough memory.", name);
  }

  bool exists(int tensor) const { return tensor >= 0 && static_cast<size_t>(tensor) < context_->tensors_size; }

  tfl::Context* context_;
  const tfl::DelegateParams& params_;
  const BinaryKernel& kernel_;
  Plan* plan_;
  const Reporter& report_;
};

}  // namespace

bool claim(tfl::Context* context, const int* nodes, int count, bool fuse, Array<int>* claimed, const Reporter& report) {
  GraphView graph;
  if (!graph.read(context, nodes, count, nullptr, report)) return false;
  Fuser fuser(graph);
  bool enough = !fuse || fuser.run(false);
  for (int position = 0; enough && position < graph.size(); ++position) {
    const bool wanted = is_larq(graph.node(position).kind) || (fuse && fuser.takes(position));
    enough = !wanted || claimed->push_back(graph.node(position).index);
  }
  return enough || report.error("there is not enough memory for the list of nodes.");
}

Plan* build_plan(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, bool fuse,
                 Pool* pool, Profile* profile, const Reporter& report) {
  Owned<Plan> plan(new Plan(pool, profile));
  if (!plan || params.nodes_to_replace == nullptr || params.output_tensors == nullptr) {
    report.error("there is not enough memory for a plan.");
    return nullptr;
  }
  GraphView graph;
  const tfl::IntArray* nodes = params.nodes_to_replace;
  if (!graph.read(context, nodes->data, nodes->size, params.output_tensors, report)) return nullptr;
  Fuser fuser(graph);
  if (fuse && !fuser.run(true)) {
    report.error("there is not enough memory for a plan.");
    return nullptr;
  }
  Builder builder(context, params, kernel, plan.get(), report);
  const bool built = fuse ? builder.build(graph, fuser) : builder.build(graph);
  return built ? plan.release() : nullptr;
}

}  // namespace larq_el
