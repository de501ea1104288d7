#include "planner.h"

#include <cstdio>
#include <initializer_list>

#include "depthwise.h"
#include "dispatch.h"
#include "float_ops.h"
#include "fuser.h"
#include "fusion_graph.h"
#include "int8_conv.h"
#include "node_checks.h"
#include "op_factories.h"
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

// Builds the plan of one partition.
class Builder {
 public:
  Builder(tfl::Context* context, const tfl::DelegateParams& params, const BinaryKernel& kernel, Plan* plan,
          const Reporter& report)
      : context_(context), params_(params), kernel_(kernel), plan_(plan), report_(report) {}

  // One operator for each node.
  bool build(const FusionGraph& graph) {
    for (int position = 0; position < graph.size(); ++position) {
      if (!add_plain(graph.node(position))) return false;
    }
    return true;
  }

  // One operator for what was found to belong together.
  bool build(const FusionGraph& graph, const Fuser& fuser) {
    for (int position = 0; position < graph.size(); ++position) {
      // forms of a tensor before what reads them
      for (const bool forms : {true, false}) {
        for (const FusedRows& rows : fuser.rows()) {
          const bool is_form = rows.source >= 0 && rows.steps_count == 0;
          if (rows.position != position || is_form != forms || rows.is_beside) continue;
          if (!add_rows(graph, fuser, rows)) return false;
        }
      }
      for (const FusedMagnitude& found : fuser.magnitudes()) {
        if (found.position != position) continue;
        Op* op = new StridedMagnitude(found.row_stride, found.column_stride);
        if (!connect("MEAN", op, &found.source, 1, &found.result, 1)) return false;
      }
      const FusionNode& node = graph.node(position);
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

  bool add_plain(const FusionNode& view) {
    tfl::Node* node = nullptr;
    if (!read(view.index, view.kind, &node)) return false;
    const CheckedNode checked{context_, node, name_of(view.kind), report_};
    Op* op = make_plain(view.kind, checked, kernel_);
    return op != nullptr && connect(checked.name, op, node->inputs->data, 1, node->outputs->data, 1);
  }

  bool add_rows(const FusionGraph& graph, const Fuser& fuser, const FusedRows& rows) {
    if (rows.conv >= 0) {
      const FusionNode& node = graph.node(rows.conv);
      if (node.kind == Kind::kDepthwise) return add_depthwise(graph, node, rows);
      return node.kind == Kind::kConv ? add_int8_conv(graph, rows) : add_conv(graph, fuser, rows);
    }
    Owned<RowPass> op(new RowPass(kernel_));
    if (!op) return report_.error("there is not enough memory for a fused operator.");
    return describe(rows, rows.bits, graph.channels(rows.source), &op->finisher()) &&
           connect("Rows", rows, rows.source, rows.bits, op.release());
  }

  // The bits that its LceDequantize would have read.
  bool add_depthwise(const FusionGraph& graph, const FusionNode& view, const FusedRows& rows) {
    DepthwiseMatch match;
    if (!match_depthwise(graph, view, &match)) return report_.error("%s: it has changed.", name_of(view.kind));
    Owned<BinaryDepthwise> op(make_depthwise(match, kernel_, report_));
    if (!op) return false;
    return describe(rows, rows.bits, op->channels(), &op->finisher()) &&
           connect("BinaryDepthwise", rows, match.bits, rows.bits, op.release());
  }

  Int8Conv* make_int8_conv(const FusionGraph& graph, const FusedRows& rows) {
    Int8Match match;
    if (match_int8_conv(graph, graph.node(rows.conv), &match)) {
      return Int8Conv::create(match, kernel_, int8_kernel_beside(kernel_), report_);
    }
    report_.error("%s: it has changed.", name_of(Kind::kConv));
    return nullptr;
  }

  bool add_int8_conv(const FusionGraph& graph, const FusedRows& rows) {
    Owned<Int8Conv> op(make_int8_conv(graph, rows));
    return op && describe(rows, rows.bits, op->channels(), &op->finisher()) &&
           connect("Int8Conv", rows, rows.reads, rows.bits, op.release());
  }

  // Gives a convolution what is computed beside it, where the two fit; otherwise that has an operator of its own.
  bool add_beside(const FusionGraph& graph, const FusedRows& other, Conv* op, FusedRows* rows) {
    Owned<Int8Conv> beside(make_int8_conv(graph, other));
    int input = 1;
    for (int i = 0; i < rows->step; ++i) input += rows->steps[i].operand >= 0;
    if (!beside) return false;
    if (!op->set_beside(beside.get(), input)) {
      rows->beside = -1;
      return add_int8_conv(graph, other);
    }
    FusedRows unstored = other;
    unstored.values = -1;
    rows->steps[rows->step].operand = other.reads;
    const int channels = beside->channels();
    return describe(unstored, -1, channels, &beside.release()->finisher());
  }

  bool add_conv(const FusionGraph& graph, const Fuser& fuser, const FusedRows& rows) {
    const FusionNode& view = graph.node(rows.conv);
    const bool alone = rows.steps_count == 0 && rows.bits < 0 && rows.magnitude < 0 && rows.groups < 0;
    if (alone) return add_plain(view);
    tfl::Node* node = nullptr;
    if (!read(view.index, view.kind, &node)) return false;
    Owned<Bconv> op(make_bconv({context_, node, name_of(view.kind), report_}, kernel_));
    if (!op) return false;
    FusedRows stored = rows;
    if (rows.beside >= 0 && !add_beside(graph, fuser.rows()[rows.beside], op.get(), &stored)) return false;
    if (rows.bits >= 0 && !op->stores_signs()) {
      // the blocks' signs share words: they are taken of the stored values
      stored.bits = -1;
      stored.values = rows.result;
    }
    const char* name = stored.beside < 0 ? "LceBconv2d" : "LceBconv2d+Int8Conv";
    const bool done = describe(stored, stored.bits, op->channels(), &op->finisher()) &&
                      connect(name, stored, node->inputs->data[0], stored.bits, op.release());
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
      } else if (step.kind == RowStep::kClamp) {
        enough = enough && finisher->add_constant(step.kind, step.constant, step.count, step.count);
      } else if (rows.beside >= 0 && i == rows.step) {
        ++input;  // what the convolution beside it reads
        enough = enough && finisher->add_beside();
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

  bool connect(const char* name, const FusedRows& rows, int source, int bits, Op* op) {
    int inputs[kMaxSteps + 1] = {source}, outputs[4], inputs_count = 1, outputs_count = 0;
    for (int i = 0; i < rows.steps_count; ++i) {
      if (rows.steps[i].operand >= 0) inputs[inputs_count++] = rows.steps[i].operand;
    }
    for (const int output : {rows.values, bits, rows.magnitude, rows.groups}) {
      if (output >= 0) outputs[outputs_count++] = output;
    }
    return connect(name, op, inputs, inputs_count, outputs, outputs_count, &rows);
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

bool claim(tfl::Context* context, const int* nodes, int count, const BinaryKernel& kernel, const Wanted& wanted,
           Array<int>* claimed, const Reporter& report) {
  FusionGraph graph;
  if (!graph.read(context, nodes, count, nullptr, report)) return false;
  Fuser fuser(graph, wanted.int8 ? &int8_kernel_beside(kernel) : nullptr, wanted.slow);
  bool enough = !wanted.fuse || fuser.run(false);
  for (int position = 0; enough && position < graph.size(); ++position) {
    const bool is_ours = is_larq(graph.node(position).kind) || (wanted.fuse && fuser.takes(position));
    enough = !is_ours || claimed->push_back(graph.node(position).index);
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
  FusionGraph graph;
  const tfl::IntArray* nodes = params.nodes_to_replace;
  if (!graph.read(context, nodes->data, nodes->size, params.output_tensors, report)) return nullptr;
  Fuser fuser(graph, nullptr, false);
  if (fuse && !fuser.run(true)) {
    report.error("there is not enough memory for a plan.");
    return nullptr;
  }
  Builder builder(context, params, kernel, plan.get(), report);
  const bool built = fuse ? builder.build(graph, fuser) : builder.build(graph);
  return built ? plan.release() : nullptr;
}

}  // namespace larq_el
