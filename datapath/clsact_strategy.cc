#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"
#include "datapath/bpf_error.h"
#include "datapath/hook_strategy.h"

namespace fairlead::datapath {
namespace {

// Where our filter sits; others keep away from this pair.
constexpr uint32_t kPriority = 1;
constexpr uint32_t kHandle = 0xfa1;

bpf_tc_hook HookOf(uint32_t ifindex, bool ingress) {
  bpf_tc_hook hook{};
  hook.sz = sizeof(hook);
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
  return hook;
}

class Clsact : public HookStrategy {
 public:
  const char* name() const override { return "clsact"; }

  absl::Status Attach(const DeviceHook& hook, int program_fd) override {
    BpfLog log;  // "exists already" is no news
    bpf_tc_hook at = HookOf(hook.ifindex, hook.ingress);
    if (const int error = bpf_tc_hook_create(&at); error != 0 && error != -EEXIST) {
      return BpfError(-error, absl::StrCat("make clsact on device with index ", hook.ifindex));
    }
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program_fd, .flags = BPF_TC_F_REPLACE, .handle = kHandle,
                .priority = kPriority);
    if (const int error = bpf_tc_attach(&at, &options); error != 0) {
      return BpfError(-error, absl::StrCat("attach ", hook.program, " to device with index ", hook.ifindex,
                                           ": ", log.Tail(256)));
    }
    return absl::OkStatus();
  }

  absl::Status Detach(const DeviceHook& hook) override {
    BpfLog log;
    const bpf_tc_hook at = HookOf(hook.ifindex, hook.ingress);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
    const int error = bpf_tc_detach(&at, &options);
    if (error == 0 || error == -ENOENT || error == -EINVAL || error == -ENODEV) return absl::OkStatus();
    return BpfError(-error, absl::StrCat("detach from device with index ", hook.ifindex));
  }

  absl::StatusOr<std::vector<HookedProgram>> Query(uint32_t ifindex, bool ingress) const override {
    BpfLog log;
    const bpf_tc_hook at = HookOf(ifindex, ingress);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = kPriority);
    const int error = bpf_tc_query(&at, &options);
    if (error == -ENOENT || error == -EINVAL) return std::vector<HookedProgram>();
    if (error != 0) {
      return BpfError(-error, absl::StrCat("ask what is attached to device with index ", ifindex));
    }
    return std::vector<HookedProgram>{{options.prog_id, KernelProgramName(options.prog_id)}};
  }

  absl::StatusOr<std::vector<DeviceHook>> Leftovers(const std::vector<std::string>& programs) const override {
    ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
    ASSIGN_OR_RETURN(const std::vector<netlink::Link> links, netlink::Links(socket));
    std::vector<DeviceHook> hooks;
    for (const netlink::Link& link : links) {
      for (const bool ingress : {true, false}) {
        const auto held = Query(link.ifindex, ingress);
        if (!held.ok()) continue;
        for (const HookedProgram& program : *held) {
          for (const std::string& ours : programs) {
            // The kernel keeps 15 characters of a name.
            if (program.name == ours.substr(0, 15)) hooks.push_back({link.ifindex, ingress, ours});
          }
        }
      }
    }
    return hooks;
  }
};

}  // namespace

std::unique_ptr<HookStrategy> ClsactStrategy() {
  return std::make_unique<Clsact>();
}

}  // namespace fairlead::datapath
