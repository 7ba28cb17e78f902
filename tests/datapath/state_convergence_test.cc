// Services, host ports, pods and nodes: changes in any order give exactly the map contents of a cold
// start, told one by one; and a new agent brings them about from whatever a killed one has left, while
// every front end leads to its old backends or to its new ones and every pod is itself or nobody.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "datapath/abi_convert.h"
#include "tests/datapath/fake_node.h"
#include "tests/datapath/kernel_view.h"
#include "tests/datapath/late_readers.h"

namespace fairlead::datapath {
namespace {

uint32_t Seed() {
  static const uint32_t seed = [] {
    const char* given = std::getenv("FAIRLEAD_TEST_SEED");
    const uint32_t s =
        given != nullptr ? static_cast<uint32_t>(std::strtoul(given, nullptr, 10)) : std::random_device{}();
    std::printf("seed %u (FAIRLEAD_TEST_SEED repeats it)\n", s);
    return s;
  }();
  return seed;
}

IpAddress V4(uint32_t base, uint32_t number) {
  return IpAddress::FromV4(base + number);
}

class StateGenerator {
 public:
  explicit StateGenerator(uint32_t seed) : random_(seed) {}

  uint32_t Pick(uint32_t n) { return random_() % n; }

  DesiredState State() {
    DesiredState state;
    state.complete = true;
    state.settings.node = "n";
    state.settings.node_addresses = {V4(0xac1f0000, 1)};
    state.settings.pod_cidrs = {*IpPrefix::Parse("10.244.0.0/24")};
    state.settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
    for (int i = 0; i < 12; ++i) Change(state);
    return state;
  }

  // One object comes, changes or goes.
  void Change(DesiredState& state) {
    const uint32_t number = 1 + Pick(4);
    switch (Pick(3)) {
      case 0:
        ChangeService(state, absl::StrCat("shop/s", number));
        break;
      case 1:
        ChangeEndpoint(state, number);
        break;
      default:
        ChangeNode(state, number);
        break;
    }
  }

 private:
  void ChangeService(DesiredState& state, const std::string& name) {
    state.services.erase(name);
    if (Pick(4) == 0) return;
    Service service{.namespace_name = "shop", .name = name.substr(5)};
    // Few addresses and ports: two Services ask for the same ones now and then.
    service.cluster_ips = {V4(0x0a600000, 1 + Pick(4))};
    service.affinity_seconds = Pick(2) * 60;
    service.internal_local = Pick(4) == 0;
    for (uint32_t i = 0; i < 1 + Pick(2); ++i) {
      ServicePort port{.port = static_cast<uint16_t>(80 + i)};
      if (Pick(3) == 0) port.node_port = static_cast<uint16_t>(30000 + 10 * i + Pick(3));
      for (uint32_t backend = 0; backend < 6; ++backend) {
        if (Pick(2) == 0) continue;
        port.backends.push_back({.address = V4(0x0af40100, backend),
                                 .port = 8080,
                                 .node = Pick(2) == 0 ? "n" : "m",
                                 .terminating = Pick(5) == 0});
      }
      service.ports.push_back(port);
    }
    state.services[name] = service;
  }

  void ChangeEndpoint(DesiredState& state, uint32_t number) {
    const std::string key = absl::StrCat("sandbox", number, "/eth0");
    auto held = state.endpoints.find(key);
    if (held != state.endpoints.end() && Pick(3) == 0) {
      held->second.policy_known = true;
      held->second.port_mappings.clear();
      return;
    }
    state.endpoints.erase(key);
    if (Pick(4) == 0) return;
    LocalEndpoint endpoint{.key = key, .namespace_name = "shop", .pod_name = absl::StrCat("p", number)};
    endpoint.generation = ++generation_;
    endpoint.ifindex = 100 + generation_;
    endpoint.mac = {2, 0, 0, 0, static_cast<uint8_t>(generation_ >> 8), static_cast<uint8_t>(generation_)};
    endpoint.addresses = {V4(0x0af40000, number)};
    endpoint.policy_known = Pick(4) != 0;
    if (Pick(2) == 0) {
      endpoint.port_mappings = {{.host_port = static_cast<uint16_t>(30000 + Pick(3)), .container_port = 80}};
    }
    state.endpoints[key] = endpoint;
  }

  void ChangeNode(DesiredState& state, uint32_t number) {
    const std::string name = absl::StrCat("node", number);
    state.nodes.erase(name);
    if (Pick(4) == 0) return;
    const uint32_t cidr = number * 16 + Pick(4);
    state.nodes[name] = {
        name, {V4(0xac1f0000, number * 16 + Pick(3))}, {*IpPrefix::Of(V4(0x0b000000, cidr << 8), 24)}};
  }

  std::mt19937 random_;
  uint32_t generation_ = 0;
};

template <MapId id>
std::vector<std::pair<typename MapTypes<id>::Key, typename MapTypes<id>::Value>> Entries(
    const FakeKernel& kernel) {
  std::vector<std::pair<typename MapTypes<id>::Key, typename MapTypes<id>::Value>> entries;
  for (const auto& [key_bytes, value_bytes] : kernel.Contents(id)) {
    auto& [key, value] = entries.emplace_back();
    memcpy(&key, key_bytes.data(), sizeof(key));
    memcpy(&value, value_bytes.data(), sizeof(value));
  }
  return entries;
}

std::string NodeAt(const FakeKernel& kernel, uint32_t index) {
  return FromAbi(Read<uint32_t, fl_node>(kernel, MapId::kNode, index)->address).ToString();
}

std::string PodAt(const FakeKernel& kernel, uint32_t index) {
  const fl_endpoint entry = *Read<uint32_t, fl_endpoint>(kernel, MapId::kEndpoint, index);
  return absl::StrCat("pod ", entry.generation, " of link ", entry.ifindex, " mac ", entry.mac[4], ":",
                      entry.mac[5], " at ", FromAbi(entry.v4).ToString(), " flags ", entry.flags, " sets ",
                      entry.ingress_set, " ", entry.egress_set);
}

std::string FrontendAt(const FakeKernel& kernel, const fl_frontend_key& key, const fl_frontend& frontend) {
  const auto backends = *BackendsOf(kernel, FromAbi(key.address), ntohs(key.port), key.protocol);
  std::string text = absl::StrCat("flags ", frontend.flags, " affinity ", frontend.affinity_seconds, " to");
  for (const std::string& backend : backends) absl::StrAppend(&text, " ", backend);
  return text;
}

// Entry and what it says.
using Contents = std::multiset<std::pair<std::string, std::string>>;

// What the maps say, apart from how things are numbered.
Contents ContentsOf(const FakeKernel& kernel) {
  Contents contents;
  for (const auto& [key, frontend] : Entries<MapId::kFrontend>(kernel)) {
    contents.emplace("frontend " + ToString(key), FrontendAt(kernel, key, frontend));
  }
  for (const auto& [index, backend] : Entries<MapId::kBackend>(kernel)) {
    if (IsUnspecified(backend.address)) continue;
    contents.emplace("backend", absl::StrCat(FromAbi(backend.address).ToString(), ":", ntohs(backend.port)));
  }
  for (const auto& [index, entry] : Entries<MapId::kEndpoint>(kernel)) {
    contents.emplace("endpoint", PodAt(kernel, index));
  }
  for (const auto& [ifindex, index] : Entries<MapId::kPodDevice>(kernel)) {
    contents.emplace(absl::StrCat("device ", ifindex), PodAt(kernel, index));
  }
  for (const auto& [address, location] : Entries<MapId::kLocation>(kernel)) {
    const bool pod = location.kind == FL_LOCATION_LOCAL_POD;
    contents.emplace("location " + FromAbi(address).ToString(),
                     pod ? PodAt(kernel, location.index)
                         : absl::StrCat("kind ", location.kind, " node ", NodeAt(kernel, location.index)));
  }
  for (const auto& [prefix, range] : Entries<MapId::kPodRange>(kernel)) {
    contents.emplace(absl::StrCat("range ", FromAbi(prefix.address).ToString(), "/", prefix.length),
                     absl::StrCat("node ", NodeAt(kernel, range.node), " flags ", range.flags));
  }
  return contents;
}

// "" when they are equal.
std::string Difference(const Contents& first, const Contents& second) {
  std::string text;
  for (const auto& [what, says] : first) {
    if (first.count({what, says}) > second.count({what, says}))
      absl::StrAppend(&text, "- ", what, ": ", says, "\n");
  }
  for (const auto& [what, says] : second) {
    if (second.count({what, says}) > first.count({what, says}))
      absl::StrAppend(&text, "+ ", what, ": ", says, "\n");
  }
  return text;
}

Contents ColdContents(const DesiredState& state) {
  FakeKernel kernel;
  FakeNode(kernel).Apply(state, true);
  return ContentsOf(kernel);
}

TEST(StateConvergence, AnyOrderOfChangesGivesWhatAColdStartGives) {
  StateGenerator generator(Seed());
  for (int round = 0; round < 60; ++round) {
    FakeKernel kernel;
    FakeNode node(kernel);
    DesiredState state = generator.State();
    for (int step = 0; step < 25; ++step) {
      kernel.sweep_passes += 2;
      node.Apply(state, generator.Pick(8) == 0);
      ASSERT_EQ(Difference(ContentsOf(kernel), ColdContents(state)), "")
          << "round " << round << " step " << step;
      for (uint32_t changes = 1 + generator.Pick(3); changes > 0; --changes) generator.Change(state);
    }
  }
}

TEST(StateConvergence, AStateThatComesPieceByPieceGivesWhatAColdStartGives) {
  StateGenerator generator(Seed() + 1);
  for (int round = 0; round < 60; ++round) {
    const DesiredState state = generator.State();
    FakeKernel kernel;
    FakeNode node(kernel);
    DesiredState known;
    known.settings = state.settings;
    for (const auto& [name, service] : state.services) {
      known.services[name] = service;
      node.Apply(known);
    }
    known.nodes = state.nodes;
    known.complete = generator.Pick(2) == 0;
    node.Apply(known);
    known = state;
    node.Apply(known);
    ASSERT_EQ(Difference(ContentsOf(kernel), ColdContents(state)), "") << "round " << round;
  }
}

TEST(StateConvergence, NothingGoesBeforeEverythingIsKnown) {
  StateGenerator generator(Seed() + 4);
  for (int round = 0; round < 60; ++round) {
    const DesiredState state = generator.State();
    FakeKernel kernel;
    FakeNode(kernel).Apply(state, true);
    FakeNode next(kernel);
    DesiredState known;
    known.settings = state.settings;
    next.Apply(known, generator.Pick(2) == 0);
    ASSERT_EQ(Difference(ContentsOf(kernel), ColdContents(state)), "") << "round " << round;
    known.nodes = state.nodes;
    next.Apply(known, generator.Pick(2) == 0);
    ASSERT_EQ(Difference(ContentsOf(kernel), ColdContents(state)), "") << "round " << round;
    known.complete = true;
    next.Apply(known, true);
    ASSERT_EQ(Difference(ContentsOf(kernel), ColdContents(known)), "") << "round " << round;
  }
}

TEST(StateConvergence, NoServiceIsMissedBeforeEverythingIsKnown) {
  FakeKernel kernel;
  FakeNode node(kernel);
  DesiredState state = StateGenerator(Seed()).State();
  const IpPrefix range = state.settings.service_cidrs.at(0);
  const fl_address_prefix key{static_cast<uint32_t>(range.length128()), ToAbi(range.address())};
  const auto flags = [&]() -> uint32_t {
    const auto held = Read<fl_address_prefix, fl_pod_range>(kernel, MapId::kPodRange, key);
    return held ? held->flags : 0;
  };
  state.complete = false;
  node.Apply(state);
  EXPECT_EQ(flags(), 0u);
  state.complete = true;
  node.Apply(state);
  EXPECT_EQ(flags(), FL_RANGE_SERVICE);
  state.settings.service_cidrs.clear();
  node.Apply(state);
  EXPECT_EQ(flags(), 0u);
}

TEST(StateConvergence, WhatAProgramMayStillReadStaysUntilReadersAreDone) {
  StateGenerator generator(Seed() + 3);
  uint64_t held = 0;
  for (int round = 0; round < 60; ++round) {
    FakeKernel kernel;
    FakeNode node(kernel);
    DesiredState state = generator.State();
    node.Apply(state);
    LateReaders readers(kernel);
    std::string wrong;
    kernel.on_write = [&](const FakeKernel::Write& write) { wrong += readers.After(write); };
    for (int step = 0; step < 25; ++step) {
      for (uint32_t changes = 1 + generator.Pick(3); changes > 0; --changes) generator.Change(state);
      kernel.sweep_passes += 2;
      node.Apply(state, generator.Pick(4) == 0);
      ASSERT_EQ(wrong, "") << "round " << round << " step " << step;
    }
    held += readers.held();
  }
  EXPECT_GT(held, 1000u);
}

// Front ends that lead elsewhere than `first` or `second` say, and pods that are neither's.
std::string Strange(const FakeKernel& kernel, const Contents& first, const Contents& second) {
  const auto says = [&](const Contents& contents, const std::string& what, const std::string& text) {
    return contents.contains({what, text});
  };
  for (const auto& [key, frontend] : Entries<MapId::kFrontend>(kernel)) {
    const std::string what = "frontend " + ToString(key), text = FrontendAt(kernel, key, frontend);
    if (!says(first, what, text) && !says(second, what, text)) return absl::StrCat(what, ": ", text);
  }
  for (const auto& [ifindex, index] : Entries<MapId::kPodDevice>(kernel)) {
    const fl_endpoint entry = *Read<uint32_t, fl_endpoint>(kernel, MapId::kEndpoint, index);
    if (entry.ifindex != ifindex || (entry.flags & FL_ENDPOINT_READY) == 0) continue;  // it drops
    const std::string what = absl::StrCat("device ", ifindex), text = PodAt(kernel, index);
    if (!says(first, what, text) && !says(second, what, text)) return absl::StrCat(what, ": ", text);
  }
  return "";
}

// What is in force for both is never away in between.
std::string Missing(const FakeKernel& kernel, const Contents& first, const Contents& second) {
  const Contents now = ContentsOf(kernel);
  const auto mentions = [](const Contents& contents, const std::string& what) {
    auto entry = contents.lower_bound({what, ""});
    return entry != contents.end() && entry->first == what;
  };
  for (const auto& [what, text] : first) {
    if (what.rfind("frontend ", 0) != 0 && what.rfind("device ", 0) != 0) continue;
    if (mentions(second, what) && !mentions(now, what)) return absl::StrCat(what, " is away");
  }
  return "";
}

TEST(StateConvergence, ANewAgentTakesOverFromOneThatWasKilledAtAnyWrite) {
  StateGenerator generator(Seed() + 2);
  for (int round = 0; round < 15; ++round) {
    const DesiredState first = generator.State();
    DesiredState second = first;
    for (int changes = 0; changes < 4; ++changes) generator.Change(second);
    const auto old_contents = ColdContents(first), new_contents = ColdContents(second);
    bool died = true;
    for (uint64_t n = 1; died; ++n) {
      FakeKernel kernel;
      std::string wrong;
      const auto look = [&](const FakeKernel::Write& write) {
        if (!wrong.empty()) return;
        wrong = Strange(kernel, old_contents, new_contents);
        if (wrong.empty()) wrong = Missing(kernel, old_contents, new_contents);
        if (!wrong.empty()) absl::StrAppend(&wrong, " after a write of ", ShapeOf(write.map).name);
      };
      {
        FakeNode killed(kernel);
        killed.Apply(first);
        kernel.on_write = look;
        kernel.fail_at = kernel.writes + n;
        kernel.fail_for_good = true;
        killed.Apply(second);
        died = kernel.writes >= kernel.fail_at;
      }
      ASSERT_EQ(wrong, "") << "round " << round << ", dying at write " << n;
      kernel.fail_at = 0;
      FakeNode next(kernel);
      next.Apply(second, true);
      ASSERT_EQ(wrong, "") << "round " << round << ", taking over from death at write " << n;
      kernel.on_write = nullptr;
      ASSERT_EQ(Difference(ContentsOf(kernel), new_contents), "")
          << "round " << round << ", killed at write " << n;
    }
  }
}

}  // namespace
}  // namespace fairlead::datapath
