#include <algorithm>
#include <optional>

#include "base/netlink/filter.h"
#include "base/netlink/link.h"
#include "base/status_macros.h"
#include "datapath/hook_strategy.h"

namespace fairlead::datapath {
namespace {

// Where our filter sits; others keep away from this pair.
constexpr netlink::FilterId kOurs = {.priority = 1, .handle = 0xfa1};

netlink::FilterPoint PointOf(const DeviceHook& hook) {
  return {.ifindex = hook.ifindex, .ingress = hook.ingress};
}

class Clsact : public HookStrategy {
 public:
  const char* name() const override { return "clsact"; }

  absl::Status Attach(const DeviceHook& hook, int program_fd) override {
    ASSIGN_OR_RETURN(netlink::Socket * socket, Socket());
    RETURN_IF_ERROR(netlink::EnsureClsact(*socket, hook.ifindex));
    return netlink::ReplaceFilter(*socket, PointOf(hook), kOurs, program_fd, hook.program);
  }

  absl::Status Detach(const DeviceHook& hook) override {
    ASSIGN_OR_RETURN(netlink::Socket * socket, Socket());
    absl::Status detached = netlink::DeleteFilter(*socket, PointOf(hook), kOurs);
    if (absl::IsNotFound(detached) || absl::IsInvalidArgument(detached)) return absl::OkStatus();
    return detached;
  }

  absl::StatusOr<std::vector<HookedProgram>> Query(uint32_t ifindex, bool ingress) const override {
    ASSIGN_OR_RETURN(netlink::Socket * socket, Socket());
    ASSIGN_OR_RETURN(const auto filters, netlink::Filters(*socket, {ifindex, ingress}));
    std::vector<HookedProgram> programs;
    for (const netlink::Filter& filter : filters) {
      programs.push_back({filter.program_id, KernelProgramName(filter.program_id)});
    }
    return programs;
  }

  absl::StatusOr<std::vector<DeviceHook>> Leftovers(const std::vector<std::string>& programs) const override {
    ASSIGN_OR_RETURN(netlink::Socket * socket, Socket());
    ASSIGN_OR_RETURN(const std::vector<netlink::Link> links, netlink::Links(*socket));
    std::vector<DeviceHook> hooks;
    for (const netlink::Link& link : links) {
      for (const bool ingress : {true, false}) {
        ASSIGN_OR_RETURN(const auto filters, netlink::Filters(*socket, {link.ifindex, ingress}));
        for (const netlink::Filter& filter : filters) {
          if (filter.id != kOurs) continue;
          const std::string held = KernelProgramName(filter.program_id);
          const auto ours = std::find_if(programs.begin(), programs.end(), [&](const std::string& program) {
            return program.substr(0, kKernelNameSize) == held;
          });
          if (ours != programs.end()) hooks.push_back({link.ifindex, ingress, *ours});
        }
      }
    }
    return hooks;
  }

 private:
  // Opened where it is first used: in the node's namespace.
  absl::StatusOr<netlink::Socket*> Socket() const {
    if (!socket_) {
      ASSIGN_OR_RETURN(netlink::Socket socket, netlink::Socket::Open());
      socket_ = std::move(socket);
    }
    return &*socket_;
  }

  mutable std::optional<netlink::Socket> socket_;
};

}  // namespace

std::unique_ptr<HookStrategy> ClsactStrategy() {
  return std::make_unique<Clsact>();
}

}  // namespace fairlead::datapath
