// NetworkPolicies and pods in, ordered rules and address groups out.
//
//   CompiledPolicy compiled = Compile(cluster);
//   NodeSpan span = SpanOf(compiled, cluster, "node-1");
#pragma once

#include <set>
#include <string>

#include "policy/compiled.h"
#include "policy/model.h"

namespace fairlead::policy {

// Whole and from scratch.
CompiledPolicy Compile(const Cluster& cluster);

// What one node needs: its own pods, the sets that they point to, the groups these mention.
struct NodeSpan {
  std::set<std::string> pods;  // UIDs
  std::set<std::string> sets;
  std::set<std::string> groups;
};
NodeSpan SpanOf(const CompiledPolicy& compiled, const Cluster& cluster, const std::string& node);

}  // namespace fairlead::policy
