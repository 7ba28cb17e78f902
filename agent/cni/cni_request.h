// Lines of the CNI socket as plain values (api/cni_socket.md), read strictly by its schema: what it does
// not name is refused.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pods/lease_table.h"

namespace fairlead::agent {

enum class CniCommand { kAdd, kDel, kCheck, kStatus, kGc };

struct CniRequest {
  CniCommand command = CniCommand::kStatus;
  LeaseTable::Request pod;           // ADD; the sandbox and interface also for DEL and CHECK
  std::string mac;                   // CHECK: as found in the pod
  std::vector<IpAddress> addresses;  // CHECK: as found in the pod
  std::set<std::string> valid;       // GC: keys "sandbox/interface"

  std::string key() const { return pod.sandbox + "/" + pod.if_name; }
};

struct CniCommit {
  uint32_t host_ifindex = 0;
};

// INVALID_ARGUMENT naming the field.
absl::StatusOr<std::variant<CniRequest, CniCommit>> ParseCniLine(const std::string& line);

// Answers, without the line's end.
struct PreparedReply {
  Lease lease;
  uint32_t mtu = 0;
  std::vector<std::pair<IpPrefix, uint32_t>> route_mtus;
  bool existing = false;
};
std::string PreparedLine(const PreparedReply& reply);
std::string DoneLine();
// The CNI code that fits `status`, its message and details.
std::string ErrorLine(const absl::Status& status);
// The node cannot take pods: the code that the specification has for STATUS.
std::string NotAvailableLine(const absl::Status& status);

// Link-local gateways of pods, one a family (docs/datapath.md).
inline constexpr const char* kGateways[] = {"169.254.1.1", "fe80::1"};

}  // namespace fairlead::agent
