// What one change costs the agent between its state and the maps, on a node of a large cluster: told
// what has changed, and with everything compared. The kernel is one in memory: system calls are not in
// it.
//
//   state_bench --benchmark_format=json
#include <benchmark/benchmark.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "datapath/fake_kernel.h"
#include "datapath/reconciler.h"

namespace fairlead::datapath {
namespace {

constexpr uint32_t kServices = 10'000;
constexpr uint32_t kBackends = 5;
constexpr uint32_t kPolicies = 1'000;
constexpr uint32_t kPods = 20'000;
constexpr uint32_t kGroupsOfPod = 5;
constexpr uint32_t kLocalPods = 110;

class NoLinks : public PodLinks {
 public:
  absl::Status Connect(const LocalEndpoint&) override { return absl::OkStatus(); }
  absl::Status Disconnect(const LocalEndpoint&) override { return absl::OkStatus(); }
};

IpPrefix Pod(uint32_t number) {
  return IpPrefix::Host(IpAddress::FromV4(0x0a000000u + number));
}

DesiredState LargeState() {
  DesiredState state;
  state.complete = true;
  state.settings.node = "node";
  for (uint32_t i = 0; i < kServices; ++i) {
    Service service{.namespace_name = "shop", .name = absl::StrCat("service-", i)};
    service.cluster_ips = {IpAddress::FromV4(0x0a600000u + i)};
    service.ports = {{.port = 80}};
    for (uint32_t b = 0; b < kBackends; ++b) {
      service.ports[0].backends.push_back(
          {.address = IpAddress::FromV4(0x0af00000u + i * kBackends + b), .port = 8080});
    }
    state.services[absl::StrCat("shop/", service.name)] = service;
  }
  for (uint32_t i = 0; i < kPolicies; ++i) {
    const std::string group = absl::StrCat("group-with-a-long-name-", i);
    policy::PolicySet set;
    set.rules = {{.action = policy::Action::kAllow, .peers = {group}, .any_port = true},
                 {.action = policy::Action::kDeny, .any_peer = true, .any_port = true}};
    state.sets[absl::StrCat("set-with-a-long-name-", i)] = set;
    for (uint32_t pod = 0; pod < kPods; ++pod) {
      if ((pod + i) % (kPolicies / kGroupsOfPod) == 0) state.groups[group].members.push_back(Pod(pod));
    }
  }
  for (uint32_t i = 0; i < kLocalPods; ++i) {
    LocalEndpoint endpoint{
        .key = absl::StrCat("sandbox", i, "/eth0"), .generation = i + 1, .ifindex = 100 + i};
    endpoint.addresses = {IpAddress::FromV4(0x0af40000u + i)};
    endpoint.policy_known = true;
    endpoint.ingress_set = std::next(state.sets.begin(), i)->first;
    state.endpoints[endpoint.key] = endpoint;
  }
  return state;
}

class Node {
 public:
  Node() : state(LargeState()), reconciler_(kernel_, stats_, links_) {
    if (!reconciler_.Load().ok()) std::abort();
    Apply(StateChanges::Everything());
  }
  void Apply(const StateChanges& changes) {
    Failures failures;
    reconciler_.Apply(state, changes, NodeFacts{}, /*verify=*/false, failures);
    if (!failures.empty()) std::abort();
  }

  DesiredState state;

 private:
  FakeKernel kernel_;
  WriteStats stats_;
  NoLinks links_;
  Reconciler reconciler_;
};

Node& LargeNode() {
  static auto* node = new Node;
  return *node;
}

// A pod is in a group, then it is not: what one changed label comes to.
void BM_PodLabel(benchmark::State& bench) {
  Node& node = LargeNode();
  const std::string name = node.state.groups.begin()->first;
  std::vector<IpPrefix>& members = node.state.groups[name].members;
  const IpPrefix pod = Pod(kPods / 2 + 7);
  for (auto _ : bench) {
    auto at = std::lower_bound(members.begin(), members.end(), pod);
    if (at != members.end() && *at == pod) {
      members.erase(at);
    } else {
      members.insert(at, pod);
    }
    node.Apply(bench.range(0) != 0 ? StateChanges::Everything() : StateChanges{.groups = {name}});
  }
}

void BM_Backend(benchmark::State& bench) {
  Node& node = LargeNode();
  const std::string name = "shop/service-5000";
  uint32_t round = 0;
  for (auto _ : bench) {
    node.state.services[name].ports[0].backends[0].port = static_cast<uint16_t>(8080 + ++round % 2);
    node.Apply(bench.range(0) != 0 ? StateChanges::Everything() : StateChanges{.services = {name}});
  }
}

BENCHMARK(BM_PodLabel)->ArgName("compare_all")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond)->Iterations(20);
BENCHMARK(BM_Backend)->ArgName("compare_all")->Arg(0)->Arg(1)->Unit(benchmark::kMicrosecond)->Iterations(20);

}  // namespace
}  // namespace fairlead::datapath

BENCHMARK_MAIN();
