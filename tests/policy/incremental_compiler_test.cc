#include "policy/incremental_compiler.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/policy/generator.h"
#include "tests/policy/naive_compiler.h"
#include "tests/policy/yaml.h"

namespace fairlead::policy::testing {
namespace {

// A cluster and its compiler, changed in step.
class Pair {
 public:
  explicit Pair(Generator& generator) : generator_(generator) {}

  void Step() {
    switch (generator_.Below(10)) {
      case 0: {
        const Namespace made = generator_.NextNamespace();
        cluster_.namespaces[made.name] = made;
        compiler_.UpsertNamespace(made);
        break;
      }
      case 1: {
        const std::string name = generator_.NextNamespace().name;
        cluster_.namespaces.erase(name);
        compiler_.RemoveNamespace(name);
        break;
      }
      case 2:
      case 3: {
        const NetworkPolicy made = generator_.NextPolicy();
        cluster_.policies[absl::StrCat(made.namespace_name, "/", made.name)] = made;
        compiler_.UpsertPolicy(made);
        break;
      }
      case 4: {
        const NetworkPolicy made = generator_.NextPolicy();
        cluster_.policies.erase(absl::StrCat(made.namespace_name, "/", made.name));
        compiler_.RemovePolicy(made.namespace_name, made.name);
        break;
      }
      case 5: {
        const std::string uid = generator_.NextPod().uid;
        cluster_.pods.erase(uid);
        compiler_.RemovePod(uid);
        break;
      }
      case 6: {  // new labels only
        Pod made = generator_.NextPod();
        const auto old = cluster_.pods.find(made.uid);
        if (old == cluster_.pods.end()) break;
        old->second.labels = made.labels;
        compiler_.UpsertPod(old->second);
        break;
      }
      default: {
        const Pod made = generator_.NextPod();
        cluster_.pods[made.uid] = made;
        compiler_.UpsertPod(made);
      }
    }
  }

  const Cluster& cluster() const { return cluster_; }
  IncrementalCompiler& compiler() { return compiler_; }

 private:
  Generator& generator_;
  Cluster cluster_;
  IncrementalCompiler compiler_;
};

void ExpectEqual(const CompiledPolicy& actual, const CompiledPolicy& expected, const Cluster& cluster) {
  ASSERT_EQ(actual.pods, expected.pods) << ToYaml(cluster);
  ASSERT_EQ(actual.sets, expected.sets) << ToYaml(cluster);
  ASSERT_EQ(actual.groups, expected.groups) << ToYaml(cluster);
  ASSERT_EQ(actual.oversized, expected.oversized) << ToYaml(cluster);
}

TEST(IncrementalCompiler, EqualsAColdCompileAfterAnySequenceOfChanges) {
  Generator generator(SeedFromEnvironment());
  for (int round = 0; round < 60; ++round) {
    Pair pair(generator);
    CompiledPolicy by_deltas;
    for (int commit = 0; commit < 40; ++commit) {
      for (uint64_t steps = 1 + generator.Below(4); steps > 0; --steps) pair.Step();
      const PolicyDelta delta = pair.compiler().Commit();
      ApplyDelta(delta, by_deltas);
      const CompiledPolicy cold = NaiveCompile(pair.cluster());
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(pair.compiler().Snapshot(), cold, pair.cluster()));
      ASSERT_NO_FATAL_FAILURE(ExpectEqual(by_deltas, cold, pair.cluster()));
    }
  }
}

TEST(IncrementalCompiler, SaysNothingWhenNothingChanged) {
  Generator generator(SeedFromEnvironment());
  for (int round = 0; round < 50; ++round) {
    const Cluster cluster = generator.NextCluster();
    IncrementalCompiler compiler;
    compiler.Load(cluster);
    compiler.Commit();
    compiler.Load(cluster);
    ASSERT_TRUE(compiler.Commit().empty()) << ToYaml(cluster);
  }
}

TEST(IncrementalCompiler, HoldsNothingOnceEverythingIsRemoved) {
  Generator generator(SeedFromEnvironment());
  for (int round = 0; round < 50; ++round) {
    const Cluster cluster = generator.NextCluster();
    IncrementalCompiler compiler;
    compiler.Load(cluster);
    compiler.CommitSilently();
    for (const auto& [name, at] : cluster.namespaces) compiler.RemoveNamespace(name);
    for (const auto& [uid, pod] : cluster.pods) compiler.RemovePod(uid);
    for (const auto& [key, policy] : cluster.policies)
      compiler.RemovePolicy(policy.namespace_name, policy.name);
    compiler.Commit();
    ASSERT_EQ(compiler.Snapshot(), CompiledPolicy()) << ToYaml(cluster);
  }
}

}  // namespace
}  // namespace fairlead::policy::testing
