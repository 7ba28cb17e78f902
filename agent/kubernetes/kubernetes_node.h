// What an agent has to do with the cluster's API server, wired together: it asks where the controllers are,
// and tells the cluster that its node takes pods. Pods are served without any of it; what does not work is a
// condition. Lives on the state thread.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/identity/agent_identity.h"
#include "agent/identity/sign_client.h"
#include "agent/kubernetes/controller_finder.h"
#include "agent/kubernetes/node_marker.h"
#include "agent/node_agent.h"
#include "agent/options.h"
#include "agent/sync_client.h"
#include "base/event_loop.h"
#include "kube/api_client.h"

namespace fairlead::agent {

class KubernetesNode {
 public:
  // `loop` and `agent` must outlive it. Reads credentials; asks nothing yet. Without --tls-* the agent has a
  // certificate of the cluster's CA.
  static absl::StatusOr<std::unique_ptr<KubernetesNode>> Open(const Options& options, EventLoop* loop,
                                                              NodeAgent* agent);

  // How `sync` gets to the controllers and is known there, beside what the command line says.
  void Complete(SyncOptions* sync);
  // From now on `sync` is told where the controllers are. Before the loop runs, or on its thread.
  void Start(SyncClient* sync);
  // The node takes pods: from now on its Node object says so. Once.
  void MarkNode() { marker_.Start(); }
  // The node is being deleted.
  bool leaving() const { return marker_.leaving(); }

 private:
  KubernetesNode(const Options& options, EventLoop* loop, NodeAgent* agent,
                 std::unique_ptr<kube::ApiClient> api);
  void OnFound(std::vector<std::string> controllers);
  void OnLoss(bool all_tried);

  std::unique_ptr<kube::ApiClient> api_;
  GrpcSignClient signer_;
  std::optional<AgentIdentity> identity_;  // none: the command line names certificates
  SyncClient* sync_ = nullptr;
  ControllerFinder finder_;
  NodeMarker marker_;
};

}  // namespace fairlead::agent
