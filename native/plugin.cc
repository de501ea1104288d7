// The delegate as runtimes see it: TFLite's interface of external delegates, and a handshake for the Python package.
#include <cstring>

#include "dispatch.h"
#include "planner.h"
#include "tfl_abi.h"

#define LARQ_EL_EXPORT extern "C" __attribute__((visibility("default")))

#ifndef LARQ_EL_VERSION
#error "LARQ_EL_VERSION must be defined: the version of the Python package that the library belongs to"
#endif

namespace larq_el {
namespace {

constexpr const char* kName = "LarqElDelegate";

struct Delegate : Allocated {
  tfl::Delegate interface;
  const BinaryKernel* kernel;
  Wanted wanted;
  Pool* pool;
  Profile* profile;  // null where nobody asked for one
};

Reporter reporter(tfl::Context* context) {
  return Reporter(
      [](void* target, const char* message) {
        tfl::Context* to = static_cast<tfl::Context*>(target);
        to->ReportError(to, "larq_el: %s", message);
      },
      context);
}

// Whether the context is laid out as tfl_abi.h says, as far as that can be told from the values in it.
bool plausible(const tfl::Context* context) {
  if (context->ReportError == nullptr || context->GetExecutionPlan == nullptr || context->ResizeTensor == nullptr ||
      context->GetNodeAndRegistration == nullptr || context->ReplaceNodeSubsetsWithDelegateKernels == nullptr) {
    return false;
  }
  if (context->recommended_num_threads < -1 || context->recommended_num_threads > 1 << 16) return false;
  if (context->tensors_size > INT32_MAX || (context->tensors_size > 0 && context->tensors == nullptr)) return false;
  for (size_t i = 0; i < context->tensors_size; ++i) {
    const tfl::Tensor& tensor = context->tensors[i];
    if (tensor.type < 0 || tensor.type > tfl::kLastKnownType) return false;
    if (tensor.allocation_type < 0 || tensor.allocation_type > tfl::kLastKnownType) return false;
    if (tensor.dims != nullptr && (tensor.dims->size < 0 || tensor.dims->size > 1 << 10)) return false;
  }
  return true;
}

void* init(tfl::Context* context, const char* buffer, size_t) {
  const tfl::DelegateParams* params = reinterpret_cast<const tfl::DelegateParams*>(buffer);
  if (params == nullptr || params->delegate == nullptr) return nullptr;
  const Delegate* delegate = static_cast<const Delegate*>(params->delegate->data);
  return build_plan(context, *params, *delegate->kernel, delegate->wanted.fuse, delegate->pool, delegate->profile,
                    reporter(context));
}

void free_plan(tfl::Context*, void* buffer) { delete static_cast<Plan*>(buffer); }

// Without a plan, `init` has said why.
tfl::Status prepare(tfl::Context* context, tfl::Node* node) {
  Plan* plan = static_cast<Plan*>(node->user_data);
  return plan != nullptr && plan->prepare(context, reporter(context)) ? tfl::kOk : tfl::kError;
}

tfl::Status invoke(tfl::Context* context, tfl::Node* node) {
  Plan* plan = static_cast<Plan*>(node->user_data);
  return plan != nullptr && plan->invoke(context, reporter(context)) ? tfl::kOk : tfl::kError;
}

tfl::Registration registration() {
  tfl::Registration made;
  memset(&made, 0, sizeof made);
  made.init = init;
  made.free = free_plan;
  made.prepare = prepare;
  made.invoke = invoke;
  made.builtin_code = tfl::kDelegateNode;
  made.custom_name = kName;
  made.version = 1;
  return made;
}

// Claims the nodes that run here.
tfl::Status prepare_delegate(tfl::Context* context, tfl::Delegate* delegate) {
  if (!plausible(context)) {
    if (context->ReportError != nullptr) context->ReportError(context, "larq_el: this runtime's layout is unknown.");
    return tfl::kError;
  }
  const Reporter report = reporter(context);
  tfl::IntArray* plan = nullptr;
  if (context->GetExecutionPlan(context, &plan) != tfl::kOk || plan == nullptr) {
    report.error("the runtime does not show its execution plan.");
    return tfl::kError;
  }
  // A copy: the runtime may change its own while nodes are read. The first element becomes the number of nodes.
  Array<int> nodes, order;
  bool enough = nodes.push_back(0);
  for (int i = 0; enough && i < plan->size; ++i) enough = order.push_back(plan->data[i]);
  if (!enough) {
    report.error("there is not enough memory for the list of nodes.");
    return tfl::kError;
  }
  const Delegate& self = *static_cast<const Delegate*>(delegate->data);
  const int count = static_cast<int>(order.size());
  if (!claim(context, order.data(), count, *self.kernel, self.wanted, &nodes, report)) return tfl::kError;
  nodes[0] = static_cast<int>(nodes.size()) - 1;
  const tfl::IntArray* claimed = reinterpret_cast<const tfl::IntArray*>(nodes.data());
  return context->ReplaceNodeSubsetsWithDelegateKernels(context, registration(), claimed, delegate);
}

// value = whether the option is on; false where it is neither on nor off.
bool is_switch(const char* text, bool* value) {
  *value = strcmp(text, "on") == 0;
  return *value || strcmp(text, "off") == 0;
}

// Null, with a message, where an option is unknown or has no such value.
Delegate* create(const char* const* keys, const char* const* values, size_t count, const Reporter& report) {
  const char* isa = nullptr;
  bool profile = false;
  Wanted wanted;
  for (size_t i = 0; i < count; ++i) {
    bool known = true;
    if (strcmp(keys[i], "isa") == 0) {
      isa = values[i];
    } else if (strcmp(keys[i], "fuse") == 0) {
      known = is_switch(values[i], &wanted.fuse);
    } else if (strcmp(keys[i], "int8") == 0) {
      wanted.slow = strcmp(values[i], "always") == 0;
      known = wanted.slow || is_switch(values[i], &wanted.int8);
    } else if (strcmp(keys[i], "profile") == 0) {
      known = is_switch(values[i], &profile);
    } else {
      report.error("there is no option '%s'; there are 'isa', 'fuse', 'int8' and 'profile'.", keys[i]);
      return nullptr;
    }
    if (!known) {
      const char* more = strcmp(keys[i], "int8") == 0 ? ", or always" : "";
      report.error("option '%s' is on or off%s, not '%s'.", keys[i], more, values[i]);
      return nullptr;
    }
  }
  const BinaryKernel* kernel = select_kernel(isa, report);
  if (kernel == nullptr) return nullptr;
  Owned<Delegate> delegate(new Delegate);
  if (delegate) delegate->pool = Pool::create();
  if (delegate) delegate->profile = profile ? Profile::create() : nullptr;
  if (!delegate || delegate->pool == nullptr || (profile && delegate->profile == nullptr)) {
    report.error("there is not enough memory for a delegate.");
    return nullptr;
  }
  memset(&delegate->interface, 0, sizeof delegate->interface);
  delegate->interface.data = delegate.get();
  delegate->interface.Prepare = prepare_delegate;
  delegate->interface.flags = tfl::kAllowDynamicTensors;
  delegate->kernel = kernel;
  delegate->wanted = wanted;
  return delegate.release();
}

}  // namespace
}  // namespace larq_el

using ReportFunction = void (*)(const char*);

LARQ_EL_EXPORT larq_el::tfl::Delegate* tflite_plugin_create_delegate(const char* const* keys, const char* const* values,
                                                                     size_t count, ReportFunction report) {
  count = static_cast<uint32_t>(count);  // Python passes an int, which leaves the upper half open
  const larq_el::Reporter reporter(
      [](void* target, const char* message) { (*static_cast<ReportFunction*>(target))(message); },
      report == nullptr ? nullptr : &report);
  larq_el::Delegate* delegate = larq_el::create(keys, values, count, reporter);
  return delegate == nullptr ? nullptr : &delegate->interface;
}

LARQ_EL_EXPORT void tflite_plugin_destroy_delegate(larq_el::tfl::Delegate* delegate) {
  if (delegate == nullptr) return;
  larq_el::Delegate* owner = static_cast<larq_el::Delegate*>(delegate->data);
  owner->pool->release();  // plans that still live hold references of their own
  if (owner->profile != nullptr) owner->profile->release();
  delete owner;
}

// What the operators of a delegate with the option profile=on took since the last call, see Profile::read.
LARQ_EL_EXPORT const char* larq_el_native_profile(larq_el::tfl::Delegate* delegate) {
  larq_el::Profile* profile = static_cast<larq_el::Delegate*>(delegate->data)->profile;
  return profile == nullptr ? "" : profile->read();
}

// The version of the Python package for which this library was built.
LARQ_EL_EXPORT const char* larq_el_native_version() { return LARQ_EL_VERSION; }

// Names of the kernels that this CPU can run, fastest first, separated by commas.
LARQ_EL_EXPORT const char* larq_el_native_kernels() { return larq_el::available_kernel_names(); }
