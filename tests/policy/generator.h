// Random clusters, policies and attempts out of a universe so small that things collide: few labels,
// few ports, addresses that blocks cover and that pods hand on to each other.
//
//   Generator generator(SeedFromEnvironment());
//   Cluster cluster = generator.NextCluster();
//   Decision decision = generator.NextDecision(cluster);
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "policy/model.h"
#include "policy/oracle.h"

namespace fairlead::policy::testing {

// One question to a pod's policy.
struct Decision {
  std::string pod;  // UID
  Direction direction = Direction::kIngress;
  Attempt attempt;
};

// FAIRLEAD_SEED, or a new one; printed, so that a failure can be had again.
uint64_t SeedFromEnvironment();

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Cluster NextCluster();
  // Of a pod of `cluster` that has a network of its own; there must be one. The far end is a pod's
  // address, an edge of a block that a policy names, or an address outside.
  Decision NextDecision(const Cluster& cluster);

  // The parts, for tests that change a cluster step by step. Objects have one of a few names, so that
  // a new one often replaces an old one.
  Namespace NextNamespace();
  Pod NextPod();
  NetworkPolicy NextPolicy();

  // 0..bound-1.
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }

 private:
  template <typename T>
  const T& Any(const std::vector<T>& values) {
    return values[Below(values.size())];
  }

  Labels NextLabels(const std::vector<std::string>& keys);
  LabelSelector NextSelector(const std::vector<std::string>& keys);
  IpAddress NextPodAddress(bool v4);
  IpPrefix NextPrefix();
  IpBlock NextBlock();
  Peer NextPeer();
  PolicyPort NextPort();
  PolicyRule NextRule();
  std::vector<PolicyRule> NextRules();
  Protocol NextProtocol();
  uint16_t NextPortNumber();
  IpAddress NextFarEnd(const Cluster& cluster);

  std::mt19937_64 random_;
};

}  // namespace fairlead::policy::testing
