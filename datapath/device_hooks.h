// Which of our programs sit on which devices, and whether they still do.
//
// A pod's device has clsact filters on every kernel: making a tcx link waits for a grace period of the
// whole kernel, so that a pod would start ten times as slowly (docs/decisions/0005-attachment.md). The
// node's own devices have tcx links where the kernel knows them. What a predecessor attached in the other
// way is taken away once ours is in force; while both are there, the link's program ends the packet's way.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datapath/bpf_object.h"
#include "datapath/datapath.h"
#include "datapath/hook_strategy.h"

namespace fairlead::datapath {

// What a device is to us; decides which programs it carries.
enum class DeviceRole { kPod, kNode, kOverlay, kReassembly };

class DeviceHooks {
 public:
  // `links` may be null: filters everywhere. Replaces the programs that a predecessor has left on devices:
  // in place, or by the other way to attach before its own is taken away.
  static absl::StatusOr<DeviceHooks> Open(const BpfObject& object, std::unique_ptr<HookStrategy> filters,
                                          std::unique_ptr<HookStrategy> links);

  // Idempotent. What somebody else has removed since is attached again.
  absl::Status Attach(uint32_t ifindex, DeviceRole role);
  absl::Status Detach(uint32_t ifindex);
  // Detaches from devices of this role that are not in `wanted`.
  absl::Status DetachOthers(DeviceRole role, const std::vector<uint32_t>& wanted);
  // OK when both programs that run on the device are those that we hold.
  absl::Status Check(uint32_t ifindex, DeviceRole role) const;
  // Id of our entry program that runs on one side of a device, as the kernel says.
  absl::StatusOr<uint32_t> Attached(uint32_t ifindex, bool ingress) const;
  bool Has(uint32_t ifindex) const { return attached_.contains(ifindex); }
  // Checks every device and attaches again what is missing; adds how many were mended to `mended`. The
  // error, if any, is the first device's that could not be.
  absl::Status Mend(uint64_t& mended);

  // Everything that runs on our devices, in order.
  std::vector<AttachedProgram> List() const;

 private:
  DeviceHooks(const BpfObject& object, std::unique_ptr<HookStrategy> filters,
              std::unique_ptr<HookStrategy> links)
      : object_(&object), filters_(std::move(filters)), links_(std::move(links)) {}

  HookStrategy& StrategyOf(DeviceRole role) const;
  absl::Status TakeOver(HookStrategy& held);
  absl::Status CheckHook(const DeviceHook& hook, DeviceRole role) const;

  const BpfObject* object_;
  std::unique_ptr<HookStrategy> filters_;
  std::unique_ptr<HookStrategy> links_;
  std::map<uint32_t, DeviceRole> attached_;
};

}  // namespace fairlead::datapath
