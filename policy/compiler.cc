#include "policy/compiler.h"

#include "policy/incremental_compiler.h"

namespace fairlead::policy {

CompiledPolicy Compile(const Cluster& cluster) {
  IncrementalCompiler compiler;
  compiler.Load(cluster);
  compiler.CommitSilently();
  return compiler.Snapshot();
}

NodeSpan SpanOf(const CompiledPolicy& compiled, const Cluster& cluster, const std::string& node) {
  NodeSpan span;
  for (const auto& [uid, pod_policy] : compiled.pods) {
    const auto pod = cluster.pods.find(uid);
    if (pod == cluster.pods.end() || pod->second.node != node) continue;
    span.pods.insert(uid);
    for (const std::string& name : {pod_policy.ingress_set, pod_policy.egress_set}) {
      if (!name.empty()) span.sets.insert(name);
    }
  }
  for (const std::string& name : span.sets) {
    for (const Rule& rule : compiled.sets.at(name).rules)
      span.groups.insert(rule.peers.begin(), rule.peers.end());
  }
  return span;
}

}  // namespace fairlead::policy
