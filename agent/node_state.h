// What the controller has told about this node: the resources by name and version, as the parts of a
// datapath::DesiredState. Pure: no I/O, no clock, no Protobuf.
//
// A push is taken as a whole or not at all: Stage checks and applies it, Commit or Rollback follows when
// the datapath has answered.
//
//   if (auto errors = state.Stage(push.changes); !errors.empty()) return Nack(errors);
//   if (DatapathTakes(state.desired())) state.Commit(); else state.Rollback();
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "agent/resource.h"
#include "datapath/state_changes.h"

namespace fairlead::agent {

class NodeState {
 public:
  explicit NodeState(std::string node) : node_(std::move(node)) {}

  // On errors, which name the resources that are to blame, nothing has changed.
  std::vector<ResourceError> Stage(std::vector<Change> changes);
  void Commit() { undo_.clear(); }
  // Back to what was there before Stage.
  void Rollback();

  const std::map<ResourceId, std::string>& versions() const { return versions_; }
  const datapath::DesiredState& desired() const { return desired_; }
  // The two parts of the desired state that are not the controller's resources.
  // Returns the keys of those that came, changed or went.
  std::set<std::string> SetEndpoints(std::map<std::string, datapath::LocalEndpoint> endpoints);
  // Parts of the desired state that these resources make up, but for the node's endpoints.
  datapath::StateChanges PartsOf(const std::vector<ResourceId>& ids) const;
  void SetComplete(bool complete) { desired_.complete = complete; }
  // Of all resources and their versions: states with the same content have the same, however they came
  // about.
  std::string Digest() const;
  bool has_config() const { return config_held_; }

  // The pod of a sandbox: by UID, else by namespace and name, for the UID that a kubelet gives a
  // static pod is not the one of the API's object. nullptr: not told yet.
  const PodPolicy* FindPod(const std::string& uid, const std::string& namespace_name,
                           const std::string& name) const;
  const std::map<std::string, PodPolicy>& pods() const { return pods_; }  // by UID

  // A resource that is held; Removed{} when it is not.
  Body Find(const ResourceId& id) const;

 private:
  struct Undo {
    ResourceId id;
    std::string version;
    Body body;
  };

  absl::Status StageOne(Change change);
  absl::Status CheckReferences(const ResourceId& id) const;
  absl::Status CheckUnused(const ResourceId& id) const;
  void SetVersion(const ResourceId& id, const std::string* version);  // nullptr takes away
  // Removed{} takes away.
  void Put(const ResourceId& id, const std::string& version, Body body);

  std::string node_;
  datapath::DesiredState desired_;
  bool config_held_ = false;
  std::map<std::string, PodPolicy> pods_;
  std::map<std::pair<std::string, std::string>, std::string> uid_by_name_;
  std::optional<datapath::RemoteNode> own_node_;
  std::map<ResourceId, std::string> versions_;
  std::array<uint64_t, 2> digest_{};  // exclusive or of the hashes of what is in versions_
  std::vector<Undo> undo_;
};

}  // namespace fairlead::agent
