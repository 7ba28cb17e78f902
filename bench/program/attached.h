// The program that a device really runs, and test runs of it (BPF_PROG_TEST_RUN): found by asking the
// kernel what is attached, not by any name or pin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"

namespace fairlead::bench {

struct TestRun {
  uint32_t verdict = 0;  // TC_ACT_*
  uint32_t ns = 0;       // as the kernel measured it; includes reading its clock
};

class Device {
 public:
  // The device `name` of the current network namespace and the first eBPF filter on its ingress.
  static absl::StatusOr<Device> Open(const std::string& name);
  // The same device with another program: for the floor.
  Device With(UniqueFd program) const { return Device(ifindex_, std::move(program)); }

  // Runs the program once on `frame`, as if it came in on the device. Nothing is sent anywhere.
  absl::StatusOr<TestRun> Run(const std::vector<uint8_t>& frame) const;

 private:
  Device(uint32_t ifindex, UniqueFd program) : ifindex_(ifindex), program_(std::move(program)) {}

  uint32_t ifindex_;
  UniqueFd program_;
};

}  // namespace fairlead::bench
