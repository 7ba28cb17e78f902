// How a program gets onto a device: a clsact filter or, where the kernel has them, a tcx link. Both
// outlive the process, and both replace a program in place. device_hooks.h says which device has which.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace fairlead::datapath {

// Whether the kernel knows tcx.
bool HasTcx();

// A program on one side of a device, ingress and egress as the device sees them.
struct DeviceHook {
  uint32_t ifindex = 0;
  bool ingress = true;
  std::string program;
};

struct HookedProgram {
  uint32_t program_id = 0;
  std::string name;
};

class HookStrategy {
 public:
  virtual ~HookStrategy() = default;
  // "tcx" or "clsact".
  virtual const char* name() const = 0;
  // Puts `program_fd` there, in place of a predecessor of ours; others' programs stay.
  virtual absl::Status Attach(const DeviceHook& hook, int program_fd) = 0;
  // What is gone already is no error.
  virtual absl::Status Detach(const DeviceHook& hook) = 0;
  // Everything that runs there, in order, ours or not.
  virtual absl::StatusOr<std::vector<HookedProgram>> Query(uint32_t ifindex, bool ingress) const = 0;
  // Hooks that a predecessor has left.
  virtual absl::StatusOr<std::vector<DeviceHook>> Leftovers(
      const std::vector<std::string>& programs) const = 0;
};

// Links are pinned in `link_dir` as PROGRAM-IFINDEX.
std::unique_ptr<HookStrategy> TcxStrategy(const std::string& link_dir);
std::unique_ptr<HookStrategy> ClsactStrategy();

// The kernel keeps so many characters of a program's name.
inline constexpr size_t kKernelNameSize = 15;
// Name of a loaded program, as the kernel has it.
std::string KernelProgramName(uint32_t program_id);

}  // namespace fairlead::datapath
