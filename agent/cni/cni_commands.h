// What the commands of the CNI socket do with the pods of this node. On the state thread.
#pragma once

#include <functional>
#include <string>

#include "agent/cni/cni_server.h"
#include "agent/node_agent.h"
#include "agent/pods/pods.h"

namespace fairlead::agent {

class CniCommands : public CniServer::Handler {
 public:
  // Both must outlive it.
  CniCommands(NodeAgent* agent, Pods* pods) : agent_(agent), pods_(pods) {}

  absl::StatusOr<PreparedReply> Prepare(const CniRequest& request) override;
  void Commit(const std::string& key, uint32_t ifindex,
              std::function<void(const absl::Status&)> done) override {
    pods_->Commit(key, ifindex, std::move(done));
  }
  void Abandon(const std::string& key) override { pods_->Abandon(key); }
  absl::Status Run(const CniRequest& request) override;

 private:
  NodeAgent* agent_;
  Pods* pods_;
};

}  // namespace fairlead::agent
