#include "datapath/device_hooks.h"

#include <net/if.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::datapath {
namespace {

constexpr std::array kRoles = {DeviceRole::kPod, DeviceRole::kNode, DeviceRole::kOverlay,
                               DeviceRole::kReassembly};

// What comes in by the host's end of a pod's link is the pod's egress.
const std::array<const char*, 2>& ProgramsOf(DeviceRole role) {
  static constexpr std::array<const char*, 2> kPod = {"pod_egress_entry", "pod_ingress_entry"};
  static constexpr std::array<const char*, 2> kNode = {"node_ingress_entry", "node_egress_entry"};
  static constexpr std::array<const char*, 2> kReassembly = {"reassembled_entry", nullptr};
  static constexpr std::array<const char*, 2> kOverlay = {"overlay_ingress_entry", "overlay_egress_entry"};
  switch (role) {
    case DeviceRole::kPod:
      return kPod;
    case DeviceRole::kNode:
      return kNode;
    case DeviceRole::kOverlay:
      return kOverlay;
    case DeviceRole::kReassembly:
      return kReassembly;
  }
  return kPod;
}

std::vector<DeviceHook> HooksOf(uint32_t ifindex, DeviceRole role) {
  const auto& programs = ProgramsOf(role);
  std::vector<DeviceHook> hooks = {{ifindex, true, programs[0]}};
  if (programs[1] != nullptr) hooks.push_back({ifindex, false, programs[1]});
  return hooks;
}

std::string DeviceName(uint32_t ifindex) {
  char name[IF_NAMESIZE];
  return if_indextoname(ifindex, name) != nullptr ? name : absl::StrCat("device ", ifindex);
}

std::vector<std::string> EntryPrograms() {
  std::vector<std::string> programs;
  for (DeviceRole role : kRoles) {
    for (const DeviceHook& hook : HooksOf(0, role)) programs.push_back(hook.program);
  }
  return programs;
}

DeviceRole RoleOf(const std::string& program) {
  for (DeviceRole role : kRoles) {
    for (const DeviceHook& hook : HooksOf(0, role)) {
      if (hook.program == program) return role;
    }
  }
  return DeviceRole::kPod;
}

}  // namespace

absl::StatusOr<DeviceHooks> DeviceHooks::Open(const BpfObject& object, std::unique_ptr<HookStrategy> filters,
                                              std::unique_ptr<HookStrategy> links) {
  DeviceHooks hooks(object, std::move(filters), std::move(links));
  RETURN_IF_ERROR(hooks.TakeOver(*hooks.filters_));
  if (hooks.links_ != nullptr) RETURN_IF_ERROR(hooks.TakeOver(*hooks.links_));
  return hooks;
}

HookStrategy& DeviceHooks::StrategyOf(DeviceRole role) const {
  return links_ == nullptr || role == DeviceRole::kPod ? *filters_ : *links_;
}

absl::Status DeviceHooks::TakeOver(HookStrategy& held) {
  ASSIGN_OR_RETURN(const std::vector<DeviceHook> leftovers, held.Leftovers(EntryPrograms()));
  for (const DeviceHook& hook : leftovers) {
    const DeviceRole role = RoleOf(hook.program);
    HookStrategy& wanted = StrategyOf(role);
    RETURN_IF_ERROR(wanted.Attach(hook, object_->ProgramFd(hook.program)));
    attached_[hook.ifindex] = role;
    if (&wanted == &held) continue;
    RETURN_IF_ERROR(CheckHook(hook, role));
    RETURN_IF_ERROR(held.Detach(hook));
  }
  return absl::OkStatus();
}

absl::Status DeviceHooks::Attach(uint32_t ifindex, DeviceRole role) {
  if (Has(ifindex) && Check(ifindex, role).ok()) return absl::OkStatus();
  for (const DeviceHook& hook : HooksOf(ifindex, role)) {
    RETURN_IF_ERROR(StrategyOf(role).Attach(hook, object_->ProgramFd(hook.program)));
  }
  attached_[ifindex] = role;
  return absl::OkStatus();
}

absl::Status DeviceHooks::Detach(uint32_t ifindex) {
  auto held = attached_.find(ifindex);
  const DeviceRole role = held == attached_.end() ? DeviceRole::kPod : held->second;
  for (const DeviceHook& hook : HooksOf(ifindex, role)) RETURN_IF_ERROR(StrategyOf(role).Detach(hook));
  if (held != attached_.end()) attached_.erase(held);
  return absl::OkStatus();
}

absl::Status DeviceHooks::DetachOthers(DeviceRole role, const std::vector<uint32_t>& wanted) {
  std::vector<uint32_t> others;
  for (const auto& [ifindex, held] : attached_) {
    if (held == role && std::find(wanted.begin(), wanted.end(), ifindex) == wanted.end()) {
      others.push_back(ifindex);
    }
  }
  for (const uint32_t ifindex : others) RETURN_IF_ERROR(Detach(ifindex));
  return absl::OkStatus();
}

absl::Status DeviceHooks::Check(uint32_t ifindex, DeviceRole role) const {
  for (const DeviceHook& hook : HooksOf(ifindex, role)) RETURN_IF_ERROR(CheckHook(hook, role));
  return absl::OkStatus();
}

absl::Status DeviceHooks::CheckHook(const DeviceHook& hook, DeviceRole role) const {
  const HookStrategy& strategy = StrategyOf(role);
  ASSIGN_OR_RETURN(const auto held, strategy.Query(hook.ifindex, hook.ingress));
  const uint32_t ours = object_->ProgramId(hook.program);
  const bool found = std::any_of(held.begin(), held.end(),
                                 [&](const HookedProgram& program) { return program.program_id == ours; });
  if (found) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(hook.program, " is not attached to ", strategy.name(),
                                                    hook.ingress ? " ingress" : " egress", " of ",
                                                    DeviceName(hook.ifindex)));
}

absl::StatusOr<uint32_t> DeviceHooks::Attached(uint32_t ifindex, bool ingress) const {
  auto role = attached_.find(ifindex);
  const HookStrategy& strategy = StrategyOf(role == attached_.end() ? DeviceRole::kPod : role->second);
  ASSIGN_OR_RETURN(const auto held, strategy.Query(ifindex, ingress));
  for (const HookedProgram& program : held) {
    for (const std::string& ours : EntryPrograms()) {
      if (program.name == ours.substr(0, kKernelNameSize)) return program.program_id;
    }
  }
  return absl::FailedPreconditionError(
      absl::StrCat("no program of ours is attached to ", strategy.name(), ingress ? " ingress" : " egress",
                   " of ", DeviceName(ifindex), "; the agent attaches it again at its next verification"));
}

absl::Status DeviceHooks::Mend(uint64_t& mended) {
  absl::Status result;
  std::vector<uint32_t> gone;
  for (const auto& [ifindex, role] : attached_) {
    if (Check(ifindex, role).ok()) continue;
    const absl::Status attached = Attach(ifindex, role);
    char name[IF_NAMESIZE];
    if (attached.ok()) {
      ++mended;
    } else if (if_indextoname(ifindex, name) == nullptr) {
      gone.push_back(ifindex);
    } else {
      result.Update(WrapError(attached, absl::StrCat("attach to ", name, " again")));
    }
  }
  for (const uint32_t ifindex : gone) Detach(ifindex).IgnoreError();  // its links died with it
  return result;
}

std::vector<AttachedProgram> DeviceHooks::List() const {
  std::vector<AttachedProgram> list;
  for (const auto& [ifindex, role] : attached_) {
    for (const DeviceHook& hook : HooksOf(ifindex, role)) {
      const HookStrategy& strategy = StrategyOf(role);
      const std::string where =
          absl::StrCat(strategy.name(), hook.ingress ? " ingress of " : " egress of ", DeviceName(ifindex));
      const auto held = strategy.Query(ifindex, hook.ingress);
      const uint32_t ours = object_->ProgramId(hook.program);
      bool found = false;
      for (const HookedProgram& program : held.ok() ? *held : std::vector<HookedProgram>()) {
        const bool is_ours = program.program_id == ours;
        found = found || is_ours;
        list.push_back({where, is_ours ? hook.program : program.name, program.program_id, is_ours});
      }
      if (!found) list.push_back({where, absl::StrCat(hook.program, " (missing)"), 0, false});
    }
  }
  return list;
}

}  // namespace fairlead::datapath
