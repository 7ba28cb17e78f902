// Which of our programs sit on which devices, and whether they still do.
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
  // Replaces, in place, the programs that a predecessor has left on devices.
  static absl::StatusOr<DeviceHooks> Open(const BpfObject& object, std::unique_ptr<HookStrategy> strategy);

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
  // Checks every device and attaches again what is missing; returns how many were mended.
  uint64_t Mend();

  // Everything that runs on our devices, in order.
  std::vector<AttachedProgram> List() const;
  const char* strategy() const { return strategy_->name(); }

 private:
  DeviceHooks(const BpfObject& object, std::unique_ptr<HookStrategy> strategy)
      : object_(&object), strategy_(std::move(strategy)) {}

  const BpfObject* object_;
  std::unique_ptr<HookStrategy> strategy_;
  std::map<uint32_t, DeviceRole> attached_;
};

}  // namespace fairlead::datapath
