// Which addresses pods have, as the agents of their nodes report it, sandbox by sandbox. A node
// speaks for itself only; what it said stays when its agent is away, for its pods run on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/ip.h"

namespace fairlead::controller {

struct ReportedEndpoint {
  std::string pod_uid;
  std::string namespace_name;
  std::string name;
  std::string sandbox;
  std::vector<IpAddress> addresses;
  uint64_t generation = 0;  // counts up over the sandboxes of the node
};

class PodAddresses {
 public:
  // Endpoints of a node at most; more is a broken agent.
  static constexpr size_t kMaxPerNode = 4096;

  // Everything that lives on `node` now. Returns whether something changed.
  bool Replace(const std::string& node, const std::vector<ReportedEndpoint>& endpoints);
  // The newest sandbox of a pod wins; an older one that comes late is passed over.
  bool Upsert(const std::string& node, const ReportedEndpoint& endpoint);
  // Only drops what this sandbox had reported.
  bool Remove(const std::string& node, const ReportedEndpoint& endpoint);
  bool ForgetNode(const std::string& node);

  // Of the pod's newest sandbox on `node`; by UID, or by name where the agent knew no UID.
  std::vector<IpAddress> Of(const std::string& node, const std::string& uid,
                            const std::string& full_name) const;
  size_t CountOf(const std::string& node) const;
  // All that lives on it.
  std::vector<ReportedEndpoint> On(const std::string& node) const;

 private:
  using NodeEndpoints = std::map<std::string, ReportedEndpoint>;  // by UID, else "namespace/name"
  static std::string KeyOf(const ReportedEndpoint& endpoint);

  std::map<std::string, NodeEndpoints> nodes_;
};

}  // namespace fairlead::controller
