// A node whose maps the real reconciler writes and whose programs run on single packets: what policy
// comes to in the kernel, without anything on a wire. Lives in a network namespace of its own, which
// ends with the process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datapath/failures.h"
#include "datapath/libbpf_maps.h"
#include "datapath/reconciler.h"
#include "policy/oracle.h"
#include "tests/datapath/node_pods.h"

struct fairlead_bpf;

namespace fairlead::datapath {

enum class Moment { kOpens, kGoesOn };

class PolicyNode : public PodLinks {
 public:
  PolicyNode();
  ~PolicyNode() override;

  const std::vector<PodDevice>& devices() const { return devices_; }

  // With `verify` also reads back, and lets numbers that are free come back.
  Failures Apply(const DesiredState& desired, bool verify);

  // Puts a packet of `attempt` to the hook where it would arrive: of the pod that has the source, else
  // of the node's device. Returns enum fl_reason of the drop; FORWARDED when it went on.
  uint32_t Send(const DesiredState& desired, const policy::Attempt& attempt, uint16_t source_port,
                Moment moment);

  // Nothing is on a wire: no routes, no neighbours.
  absl::Status Connect(const LocalEndpoint&) override { return absl::OkStatus(); }
  absl::Status Disconnect(const LocalEndpoint&) override { return absl::OkStatus(); }

 private:
  void MakeDevices();
  void Load();
  int Run(const char* program, const std::vector<uint8_t>& frame, uint32_t ifindex);
  std::vector<uint64_t> Drops();

  std::vector<PodDevice> devices_;
  PodDevice node_device_;
  fairlead_bpf* programs_ = nullptr;
  int names_fd_ = -1;
  std::unique_ptr<LibbpfMaps> maps_;
  WriteStats stats_;
  std::unique_ptr<Reconciler> reconciler_;
};

}  // namespace fairlead::datapath
