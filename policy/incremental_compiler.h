// Compile(), kept up to date object by object.
//
//   IncrementalCompiler compiler;
//   for (...) compiler.UpsertPod(pod);       // any order, any number
//   PolicyDelta first = compiler.Commit();   // everything
//   compiler.UpsertPod(relabelled);
//   PolicyDelta next = compiler.Commit();    // what that changed
//
// After each Commit, Snapshot() equals Compile() of the same objects, whichever way led there. A pod
// change costs what concerns that pod: selectors that its old or new labels meet, groups that it is
// in. A policy change costs its own pods and the classes of pods within its selectors' reach.
//
// Pure and not thread-safe: one owner.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "policy/compiled.h"
#include "policy/model.h"
#include "policy/policy_delta.h"

namespace fairlead::policy {

class IncrementalCompiler {
 public:
  IncrementalCompiler();
  IncrementalCompiler(IncrementalCompiler&&) noexcept;
  IncrementalCompiler& operator=(IncrementalCompiler&&) noexcept;
  ~IncrementalCompiler();

  // Removing what is not there does nothing.
  void UpsertNamespace(const Namespace& changed);
  void RemoveNamespace(const std::string& name);
  void UpsertPod(const Pod& pod);
  void RemovePod(const std::string& uid);
  void UpsertPolicy(const NetworkPolicy& policy);
  void RemovePolicy(const std::string& namespace_name, const std::string& name);

  // Everything of `cluster` at once, in the cheapest order.
  void Load(const Cluster& cluster);

  // Settles what came in and says what it changed since the last Commit.
  PolicyDelta Commit();
  // The same for who will not need to know what changed, only what there is now.
  void CommitSilently();

  // As of the last Commit.
  CompiledPolicy Snapshot() const;
  std::optional<PodPolicy> FindPod(const std::string& uid) const;
  // Null: there is none. Valid until the next change.
  const PolicySet* FindSet(const std::string& name) const;
  std::optional<AddressGroup> FindGroup(const std::string& name) const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace fairlead::policy
