// The policy of random clusters on its way into the maps, on a kernel in memory: any order of changes
// gives what a cold start gives; between two writes of one object's change every answer of a pod is
// the old or the new one; a write that fails leaves it so, and the next Apply mends it.
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "policy/compiler.h"
#include "tests/datapath/fake_node.h"
#include "tests/datapath/kernel_view.h"
#include "tests/datapath/late_readers.h"
#include "tests/datapath/node_pods.h"
#include "tests/datapath/policy_image.h"
#include "tests/policy/generator.h"
#include "tests/policy/yaml.h"

namespace fairlead::datapath {
namespace {

using policy::Cluster;
using policy::testing::Generator;

const std::set<std::string> kNodes = {"node-0"};

std::vector<PodDevice> Devices() {
  std::vector<PodDevice> devices;
  for (uint8_t i = 0; i < 20; ++i) devices.push_back({.ifindex = 100u + i, .mac = {2, 0, 0, 1, 0, i}});
  return devices;
}

// A node with a kernel of its own.
struct Node {
  Failures Apply(const DesiredState& desired, bool verify) {
    kernel.sweep_passes += 2;
    return node.Apply(desired, verify);
  }

  FakeKernel kernel;
  FakeNode node{kernel};
};

// One object of `cluster` changes. Pods keep their addresses, as a sandbox does.
void ChangeOne(Generator& generator, Cluster& cluster) {
  const uint64_t kind = generator.Below(12);
  const policy::NetworkPolicy changed = generator.NextPolicy();
  const std::string key = absl::StrCat(changed.namespace_name, "/", changed.name);
  auto pod = std::next(cluster.pods.begin(), generator.Below(cluster.pods.size()));
  if (kind < 5) {
    pod->second.labels = generator.NextPod().labels;
  } else if (kind < 6) {
    pod->second.named_ports = generator.NextPod().named_ports;
  } else if (kind < 8) {
    const policy::Namespace other = generator.NextNamespace();
    cluster.namespaces[other.name] = other;
  } else if (kind < 11) {
    cluster.policies[key] = changed;
  } else {
    cluster.policies.erase(key);
  }
}

// A question to a pod of this node.
struct Question {
  LocalEndpoint endpoint;
  Probe probe;
};

std::vector<Question> Questions(Generator& generator, const Cluster& cluster, const DesiredState& desired) {
  std::vector<Question> questions;
  for (int i = 0; i < 25; ++i) {
    const policy::testing::Decision decision = generator.NextDecision(cluster);
    const bool ingress = decision.direction == policy::Direction::kIngress;
    for (const auto& [key, endpoint] : desired.endpoints) {
      if (endpoint.pod_uid != decision.pod) continue;
      questions.push_back({endpoint,
                           {.endpoint = key,
                            .direction = decision.direction,
                            .peer = ingress ? decision.attempt.source : decision.attempt.destination,
                            .protocol = static_cast<uint8_t>(decision.attempt.protocol),
                            .port = decision.attempt.destination_port}});
    }
  }
  return questions;
}

std::vector<Verdict> AnswersOf(const FakeKernel& kernel, const std::vector<Question>& questions) {
  std::vector<Verdict> answers;
  answers.reserve(questions.size());
  for (const Question& question : questions) {
    answers.push_back(AskKernel(kernel, question.endpoint, question.probe));
  }
  return answers;
}

// Empty when every answer is the one of `before` or of `after`.
std::string Strange(const std::vector<Question>& questions, const std::vector<Verdict>& now,
                    const std::vector<Verdict>& before, const std::vector<Verdict>& after) {
  for (size_t i = 0; i < questions.size(); ++i) {
    if (now[i] == before[i] || now[i] == after[i]) continue;
    const Probe& probe = questions[i].probe;
    return absl::StrCat("answer ", now[i], ", not ", before[i], " or ", after[i], ", for ",
                        policy::ToString(probe.direction), " of ", probe.endpoint, " with ",
                        probe.peer.ToString(), " protocol ", probe.protocol, " port ", probe.port);
  }
  return "";
}

// What the maps of a cold start would answer.
std::vector<Verdict> ColdAnswers(const DesiredState& desired, const std::vector<Question>& questions) {
  Node cold;
  EXPECT_TRUE(cold.Apply(desired, true).empty());
  return AnswersOf(cold.kernel, questions);
}

Cluster AnyCluster(Generator& generator) {
  Cluster cluster;
  do cluster = generator.NextCluster();
  while (policy::Compile(cluster).pods.empty());
  return cluster;
}

// Entries of the maps that hold policy, but for numbers that only count (epochs stay for good).
std::map<std::string, size_t> Sizes(const FakeKernel& kernel) {
  std::map<std::string, size_t> sizes;
  for (const MapId map :
       {MapId::kClassByAddress, MapId::kClassByPrefix, MapId::kPolicyGeneration, MapId::kRowByClass,
        MapId::kRowByPort, MapId::kLocation, MapId::kEndpoint, MapId::kPodDevice, MapId::kName}) {
    sizes[ShapeOf(map).name] = kernel.Contents(map).size();
  }
  return sizes;
}

TEST(PolicyConvergence, AnyOrderOfChangesGivesWhatAColdStartGives) {
  Generator generator(policy::testing::SeedFromEnvironment());
  for (int round = 0; round < 30; ++round) {
    Node warm;
    NodePods pods(Devices());
    Cluster cluster = AnyCluster(generator);
    for (int change = 0; change < 12; ++change) {
      const DesiredState desired = pods.Desired(cluster, policy::Compile(cluster), kNodes);
      ASSERT_TRUE(warm.Apply(desired, /*verify=*/false).empty());
      const std::map<std::string, PodContent> told = PolicyIn(warm.kernel);
      ASSERT_TRUE(warm.Apply(desired, /*verify=*/true).empty());
      ASSERT_TRUE(PolicyIn(warm.kernel) == told) << policy::testing::ToYaml(cluster);
      Node cold;
      ASSERT_TRUE(cold.Apply(desired, /*verify=*/true).empty());
      ASSERT_TRUE(PolicyIn(warm.kernel) == PolicyIn(cold.kernel)) << policy::testing::ToYaml(cluster);
      ASSERT_EQ(Sizes(warm.kernel), Sizes(cold.kernel)) << policy::testing::ToYaml(cluster);
      for (uint64_t steps = 1 + generator.Below(3); steps > 0; --steps) ChangeOne(generator, cluster);
      if (generator.Chance(30)) {
        const policy::Pod pod = generator.NextPod();
        cluster.pods[pod.uid] = pod;
      }
    }
  }
}

TEST(PolicyConvergence, BetweenTwoWritesEveryAnswerIsTheOldOrTheNewOne) {
  Generator generator(policy::testing::SeedFromEnvironment());
  int writes = 0;
  for (int round = 0; round < 40; ++round) {
    Node node;
    NodePods pods(Devices());
    Cluster cluster = AnyCluster(generator);
    ASSERT_TRUE(node.Apply(pods.Desired(cluster, policy::Compile(cluster), kNodes), true).empty());
    for (int change = 0; change < 15; ++change) {
      const Cluster before = cluster;
      ChangeOne(generator, cluster);
      const DesiredState desired = pods.Desired(cluster, policy::Compile(cluster), kNodes);
      const std::vector<Question> questions = Questions(generator, cluster, desired);
      const std::vector<Verdict> old_answers = AnswersOf(node.kernel, questions);
      const std::vector<Verdict> new_answers = ColdAnswers(desired, questions);
      std::string wrong;
      node.kernel.on_write = [&](const FakeKernel::Write& write) {
        ++writes;
        if (!wrong.empty()) return;
        wrong = Strange(questions, AnswersOf(node.kernel, questions), old_answers, new_answers);
        if (!wrong.empty()) absl::StrAppend(&wrong, " after a write of ", ShapeOf(write.map).name);
      };
      ASSERT_TRUE(node.Apply(desired, generator.Chance(50)).empty());
      node.kernel.on_write = nullptr;
      ASSERT_EQ(wrong, "") << "# before\n"
                           << policy::testing::ToYaml(before) << "# after\n"
                           << policy::testing::ToYaml(cluster);
      ASSERT_EQ(AnswersOf(node.kernel, questions), new_answers);
    }
  }
  EXPECT_GT(writes, 1000);
}

TEST(PolicyConvergence, WhatAProgramMayStillReadStaysUntilReadersAreDone) {
  Generator generator(policy::testing::SeedFromEnvironment());
  uint64_t held = 0;
  for (int round = 0; round < 30; ++round) {
    Node node;
    NodePods pods(Devices());
    Cluster cluster = AnyCluster(generator);
    ASSERT_TRUE(node.Apply(pods.Desired(cluster, policy::Compile(cluster), kNodes), true).empty());
    LateReaders readers(node.kernel);
    std::string wrong;
    node.kernel.on_write = [&](const FakeKernel::Write& write) { wrong += readers.After(write); };
    for (int change = 0; change < 15; ++change) {
      for (uint64_t steps = 1 + generator.Below(3); steps > 0; --steps) ChangeOne(generator, cluster);
      const DesiredState desired = pods.Desired(cluster, policy::Compile(cluster), kNodes);
      ASSERT_TRUE(node.Apply(desired, generator.Chance(50)).empty());
      ASSERT_EQ(wrong, "") << policy::testing::ToYaml(cluster);
    }
    held += readers.held();
  }
  EXPECT_GT(held, 1000u);
}

TEST(PolicyConvergence, AFailedWriteLeavesTheOldAnswerAndTheNextApplyMendsIt) {
  Generator generator(policy::testing::SeedFromEnvironment());
  int failed = 0;
  for (int round = 0; round < 80; ++round) {
    Node node;
    NodePods pods(Devices());
    Cluster cluster = AnyCluster(generator);
    ASSERT_TRUE(node.Apply(pods.Desired(cluster, policy::Compile(cluster), kNodes), true).empty());
    for (int change = 0; change < 12; ++change) {
      const Cluster before = cluster;
      ChangeOne(generator, cluster);
      const DesiredState desired = pods.Desired(cluster, policy::Compile(cluster), kNodes);
      const std::vector<Question> questions = Questions(generator, cluster, desired);
      const std::vector<Verdict> old_answers = AnswersOf(node.kernel, questions);
      const std::vector<Verdict> new_answers = ColdAnswers(desired, questions);
      node.kernel.fail_at = node.kernel.writes + 1 + generator.Below(8);
      node.kernel.fail_for_good = generator.Chance(50);
      const uint64_t fail_at = node.kernel.fail_at;
      const Failures failures = node.Apply(desired, /*verify=*/false);
      if (node.kernel.writes >= fail_at) ++failed;
      node.kernel.fail_at = 0;
      std::string causes;
      for (const auto& failure : failures) absl::StrAppend(&causes, failure.status.ToString(), "\n");
      ASSERT_EQ(Strange(questions, AnswersOf(node.kernel, questions), old_answers, new_answers), "")
          << causes << "# before\n"
          << policy::testing::ToYaml(before) << "# after\n"
          << policy::testing::ToYaml(cluster);
      ASSERT_TRUE(node.Apply(desired, /*verify=*/true).empty());
      ASSERT_EQ(AnswersOf(node.kernel, questions), new_answers);
    }
  }
  EXPECT_GT(failed, 50);
}

}  // namespace
}  // namespace fairlead::datapath
