// No packet between two policies. Atomicity is per address, set and endpoint, in that order: while a
// state is written every new connection is judged by the old state, by the old one with the new
// members of groups, by that with the new rules, or by the new one; and it never goes back. After a
// failed write, or while a new agent takes over from a killed one, each of these may be old or new.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/datapath/fake_node.h"
#include "tests/datapath/kernel_view.h"

namespace fairlead::datapath {
namespace {

const std::vector<IpAddress>& Peers() {
  static const auto* peers = new std::vector<IpAddress>{
      *IpAddress::Parse("10.0.0.1"),  *IpAddress::Parse("10.0.0.2"),    *IpAddress::Parse("10.0.1.1"),
      *IpAddress::Parse("10.1.0.1"),  *IpAddress::Parse("192.168.0.1"), *IpAddress::Parse("fd00::1"),
      *IpAddress::Parse("fd00::2:1"), *IpAddress::Parse("2001:db8::1")};
  return *peers;
}

const std::vector<std::string>& Prefixes() {
  static const auto* prefixes = new std::vector<std::string>{
      "10.0.0.0/8", "10.0.0.0/24", "10.0.0.0/31", "10.0.0.1/32",   "10.0.1.1/32", "10.1.0.0/16",
      "0.0.0.0/0",  "fd00::/16",   "fd00::1/128", "fd00::2:0/112", "::/0",        "192.168.0.1/32"};
  return *prefixes;
}

class StateGenerator {
 public:
  explicit StateGenerator(uint32_t seed) : random_(seed) {}

  DesiredState State() {
    DesiredState state;
    state.complete = true;
    state.settings.node = "n";
    for (int i = 0; i < 4; ++i) state.groups[absl::StrCat("g", i)] = Group();
    for (int i = 0; i < 3; ++i) state.sets[SetName(Pick(6))] = Set();
    for (int i = 1; i <= 3; ++i) {
      if (Pick(5) == 0) continue;
      LocalEndpoint endpoint = Endpoint(i);
      endpoint.ingress_set = AnySet(state);
      endpoint.egress_set = AnySet(state);
      state.endpoints[endpoint.key] = endpoint;
    }
    return state;
  }

  // A neighbour of `state`: one or two things change.
  DesiredState Change(DesiredState state) {
    for (int changes = 1 + Pick(3); changes > 0; --changes) {
      switch (Pick(5)) {
        case 0:
          state.groups[absl::StrCat("g", Pick(4))] = Group();
          break;
        case 1:
          state.sets[SetName(Pick(6))] = Set();
          break;
        case 2:
          for (auto& [key, endpoint] : state.endpoints) endpoint.ingress_set = AnySet(state);
          break;
        case 3:
          state = State();
          break;
        case 4:
          DropUnused(state);
          break;
      }
    }
    return state;
  }

  int Pick(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  static LocalEndpoint Endpoint(int number) {
    LocalEndpoint endpoint;
    endpoint.key = absl::StrCat("sandbox", number, "/eth0");
    endpoint.ifindex = 100 + static_cast<uint32_t>(number);
    endpoint.generation = static_cast<uint32_t>(number);
    endpoint.addresses = {IpAddress::FromV4(0x0a000000u + static_cast<uint32_t>(number))};
    endpoint.policy_known = true;
    return endpoint;
  }

 private:
  std::string SetName(int i) { return absl::StrCat("s", i); }

  std::string AnySet(const DesiredState& state) {
    const int which = Pick(static_cast<int>(state.sets.size()) + 1);
    if (which == static_cast<int>(state.sets.size())) return "";
    return std::next(state.sets.begin(), which)->first;
  }

  void DropUnused(DesiredState& state) {
    std::set<std::string> sets, groups;
    for (const auto& [key, endpoint] : state.endpoints) {
      sets.insert(endpoint.ingress_set);
      sets.insert(endpoint.egress_set);
    }
    std::erase_if(state.sets, [&](const auto& set) { return !sets.contains(set.first); });
    for (const auto& [name, set] : state.sets) {
      for (const policy::Rule& rule : set.rules) groups.insert(rule.peers.begin(), rule.peers.end());
    }
    std::erase_if(state.groups, [&](const auto& group) { return !groups.contains(group.first); });
  }

  policy::AddressGroup Group() {
    policy::AddressGroup group;
    for (const std::string& prefix : Prefixes()) {
      const int fate = Pick(6);
      if (fate <= 1) group.members.push_back(*IpPrefix::Parse(prefix));
      if (fate == 2) group.exceptions.push_back(*IpPrefix::Parse(prefix));
    }
    std::sort(group.members.begin(), group.members.end());
    std::sort(group.exceptions.begin(), group.exceptions.end());
    return group;
  }

  policy::PolicySet Set() {
    policy::PolicySet set;
    // Now and then more than one word of bits.
    const int rules = Pick(8) == 0 ? 70 : Pick(4);
    for (int i = 0; i < rules; ++i) {
      policy::Rule rule;
      rule.action = Pick(4) == 0 ? policy::Action::kDeny : policy::Action::kAllow;
      rule.any_peer = Pick(8) == 0;
      for (int g = 0; g < 4; ++g) {
        if (Pick(3) == 0) rule.peers.push_back(absl::StrCat("g", g));
      }
      rule.any_port = Pick(2) == 0;
      if (!rule.any_port) {
        const auto first = static_cast<uint16_t>(78 + Pick(4));
        rule.ports.push_back({policy::Protocol::kTcp, first, static_cast<uint16_t>(first + Pick(4))});
      }
      set.rules.push_back(rule);
    }
    set.rules.push_back({.action = policy::Action::kDeny, .any_peer = true, .any_port = true});
    return set;
  }

  std::mt19937 random_;
};

std::vector<Probe> AllProbes() {
  std::vector<Probe> probes;
  for (int i = 1; i <= 3; ++i) {
    for (const auto direction : {policy::Direction::kIngress, policy::Direction::kEgress}) {
      for (const IpAddress& peer : Peers()) {
        for (const uint16_t port : {uint16_t{79}, uint16_t{81}}) {
          probes.push_back({StateGenerator::Endpoint(i).key, direction, peer, 6, port});
        }
        probes.push_back({StateGenerator::Endpoint(i).key, direction, peer, 17, 81});
      }
    }
  }
  return probes;
}

LocalEndpoint EndpointOf(const Probe& probe) {
  return StateGenerator::Endpoint(probe.endpoint[7] - '0');
}

std::string Describe(const Probe& probe) {
  return absl::StrCat(probe.endpoint, " ", policy::ToString(probe.direction), " ", probe.peer.ToString(), " ",
                      probe.protocol, ":", probe.port);
}

template <typename T>
std::map<std::string, T> Overlay(std::map<std::string, T> below, const std::map<std::string, T>& above) {
  for (const auto& [name, value] : above) below[name] = value;
  return below;
}

// `first` with parts of `second`; what only the other one has is there in any case.
DesiredState Mix(const DesiredState& first, const DesiredState& second, bool groups, bool sets,
                 bool endpoints) {
  DesiredState mix = first;
  mix.groups = groups ? Overlay(first.groups, second.groups) : Overlay(second.groups, first.groups);
  mix.sets = sets ? Overlay(first.sets, second.sets) : Overlay(second.sets, first.sets);
  mix.endpoints = endpoints ? second.endpoints : first.endpoints;
  return mix;
}

enum class Order { kForward, kAny };

// Watches every write.
class Watch {
 public:
  Watch(FakeKernel& kernel, const DesiredState& first, const DesiredState& second, Order order)
      : kernel_(kernel), order_(order), probes_(AllProbes()), reached_(probes_.size()) {
    std::vector<DesiredState> steps = {first, Mix(first, second, true, false, false),
                                       Mix(first, second, true, true, false),
                                       Mix(first, second, true, true, true), second};
    if (order == Order::kAny) {
      for (const bool sets : {false, true}) {
        for (const bool endpoints : {false, true})
          steps.push_back(Mix(first, second, false, sets, endpoints));
      }
      steps.push_back(Mix(first, second, true, false, true));
    }
    for (const Probe& probe : probes_) {
      std::vector<Verdict>& path = paths_.emplace_back();
      for (const DesiredState& step : steps) path.push_back(AskState(step, probe));
    }
    kernel_.on_write = [this](const FakeKernel::Write& write) { Check(write); };
  }
  ~Watch() { kernel_.on_write = nullptr; }

  bool failed() const { return failed_; }

 private:
  void Check(const FakeKernel::Write& write) {
    for (size_t i = 0; i < probes_.size() && !failed_; ++i) {
      const std::vector<Verdict>& path = paths_[i];
      const Verdict now = AskKernel(kernel_, EndpointOf(probes_[i]), probes_[i]);
      // A pod that comes or goes may be unready in between; that refuses.
      const bool changing = path.front() == Verdict::kNotReady || path[4] == Verdict::kNotReady;
      if (changing && now == Verdict::kNotReady) continue;
      size_t step = order_ == Order::kForward ? reached_[i] : 0;
      while (step < path.size() && path[step] != now) ++step;
      if (step < path.size()) {
        reached_[i] = step;
        continue;
      }
      failed_ = true;
      std::string allowed;
      for (const Verdict verdict : path) absl::StrAppend(&allowed, static_cast<int>(verdict));
      ADD_FAILURE() << Describe(probes_[i]) << ": " << static_cast<int>(now) << " after step " << reached_[i]
                    << " of " << allowed << " at write " << kernel_.writes << " of map "
                    << ShapeOf(write.map).name;
    }
  }

  FakeKernel& kernel_;
  Order order_;
  std::vector<Probe> probes_;
  std::vector<std::vector<Verdict>> paths_;
  std::vector<size_t> reached_;
  bool failed_ = false;
};

void ExpectHolds(const FakeKernel& kernel, const DesiredState& state) {
  for (const Probe& probe : AllProbes()) {
    ASSERT_EQ(AskKernel(kernel, EndpointOf(probe), probe), AskState(state, probe)) << Describe(probe);
  }
}

uint32_t SetsInForce(const FakeKernel& kernel) {
  uint32_t count = 0;
  for (uint32_t index = 0; index < 64; ++index) {
    count += Read<uint32_t, fl_policy_set>(kernel, MapId::kPolicySet, index)->generation != 0 ? 1 : 0;
  }
  return count;
}

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

TEST(PolicyPublication, AChangeReachesEveryConnectionInOneOrder) {
  StateGenerator generator(Seed());
  for (int round = 0; round < 40; ++round) {
    FakeKernel kernel;
    FakeNode agent(kernel);
    DesiredState state = generator.State();
    ASSERT_TRUE(agent.Apply(state).empty());
    for (int step = 0; step < 6; ++step) {
      const DesiredState next = generator.Change(state);
      Watch watch(kernel, state, next, Order::kForward);
      ASSERT_TRUE(agent.Apply(next, generator.Pick(3) == 0).empty());
      ASSERT_FALSE(watch.failed()) << "round " << round << " step " << step;
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, next)) << "round " << round << " step " << step;
      state = next;
    }
  }
}

TEST(PolicyPublication, AFailedWriteLeavesTheOldStateInForceAndTheNextTryMendsIt) {
  StateGenerator generator(Seed() + 1);
  for (int round = 0; round < 10; ++round) {
    const DesiredState first = generator.State(), second = generator.Change(first);
    uint64_t cold = 0, total = 0;
    {
      FakeKernel kernel;
      FakeNode agent(kernel);
      ASSERT_TRUE(agent.Apply(first).empty());
      cold = kernel.writes;
      ASSERT_TRUE(agent.Apply(second).empty());
      total = kernel.writes;
    }
    for (uint64_t n = cold + 1; n <= total; n += 1 + (total - cold) / 40) {
      FakeKernel kernel;
      FakeNode agent(kernel);
      ASSERT_TRUE(agent.Apply(first).empty());
      Watch watch(kernel, first, second, Order::kAny);
      kernel.fail_at = n;
      agent.Apply(second);
      ASSERT_FALSE(watch.failed()) << "round " << round << ", write " << n - cold << " of " << total - cold;
      for (int again = 0; again < 2; ++again) agent.Apply(second, true);
      ASSERT_FALSE(watch.failed()) << "mending, round " << round << ", write " << n - cold;
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, second)) << "write " << n - cold;
    }
  }
}

// An entry of ::/0 has one for IPv4 beside it, written first; one that cannot be written holds the other
// back.
TEST(PolicyPublication, APodTakesNoSetWhosePeersWaitForAnEntryThatFailed) {
  DesiredState before;
  before.complete = true;
  LocalEndpoint endpoint = StateGenerator::Endpoint(1);
  before.endpoints[endpoint.key] = endpoint;
  DesiredState after = before;
  after.groups["g"].members = {*IpPrefix::Parse("::/0")};
  after.sets["s"].rules = {{.action = policy::Action::kAllow, .peers = {"g"}, .any_port = true},
                           {.action = policy::Action::kDeny, .any_peer = true, .any_port = true}};
  after.endpoints[endpoint.key].egress_set = "s";
  const Probe probe{.endpoint = endpoint.key,
                    .direction = policy::Direction::kEgress,
                    .peer = *IpAddress::Parse("fd00::1"),
                    .protocol = 6,
                    .port = 80};
  uint64_t writes = 1;
  for (uint64_t n = 1; n <= writes; ++n) {
    FakeKernel kernel;
    FakeNode agent(kernel);
    ASSERT_TRUE(agent.Apply(before).empty());
    const uint64_t cold = kernel.writes;
    kernel.fail_at = cold + n;
    const Failures failures = agent.Apply(after);
    EXPECT_EQ(AskKernel(kernel, endpoint, probe), Verdict::kAllow)
        << "write " << n << ": " << (failures.empty() ? "no failure" : failures[0].status.ToString());
    ASSERT_TRUE(agent.Apply(after, true).empty());
    writes = kernel.writes - cold;
  }
  EXPECT_GT(writes, 5u);
}

TEST(PolicyPublication, WhatTheKernelHasLostIsNoticedBeforeItIsInForce) {
  StateGenerator generator(Seed() + 10);
  int lost = 0;
  for (int round = 0; round < 200; ++round) {
    FakeKernel kernel;
    FakeNode agent(kernel);
    const DesiredState first = generator.State(), second = generator.Change(first);
    ASSERT_TRUE(agent.Apply(first).empty());
    int left = generator.Pick(10);
    bool is_lost = false;
    kernel.on_write = [&](const FakeKernel::Write& write) {
      const bool of_new_generation = write.map == MapId::kPolicyRule || write.map == MapId::kRowByPort ||
                                     write.map == MapId::kPolicyGeneration;
      const bool counts = write.value.find_first_not_of('\0') != std::string::npos;
      if (!of_new_generation || !counts || left-- != 0) return;
      kernel.Lose(write.map, write.key);
      is_lost = true;
    };
    const Failures failures = agent.Apply(second);
    kernel.on_write = nullptr;
    if (is_lost) {
      ++lost;
      // Pods that were to get the set cannot have it either.
      EXPECT_TRUE(std::any_of(failures.begin(), failures.end(), [](const auto& failure) {
        return failure.kind == "PolicySet" && absl::StrContains(failure.status.message(), "read back");
      })) << round;
      for (const Probe& probe : AllProbes()) {
        ASSERT_NE(AskKernel(kernel, EndpointOf(probe), probe), Verdict::kBroken) << Describe(probe);
      }
    }
    ASSERT_TRUE(agent.Apply(second).empty());
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, second));
  }
  EXPECT_GT(lost, 20);
}

TEST(PolicyPublication, ANewAgentTakesOverFromOneThatWasKilledAtAnyWrite) {
  StateGenerator generator(Seed() + 2);
  for (int round = 0; round < 10; ++round) {
    const DesiredState first = generator.State(), second = generator.Change(first);
    uint64_t cold = 0, total = 0;
    {
      FakeKernel kernel;
      FakeNode agent(kernel);
      ASSERT_TRUE(agent.Apply(first).empty());
      cold = kernel.writes;
      ASSERT_TRUE(agent.Apply(second, true).empty());
      total = kernel.writes;
    }
    for (uint64_t n = cold + 1; n <= total + 1; n += 1 + (total - cold) / 40) {
      FakeKernel kernel;
      {
        FakeNode killed(kernel);
        ASSERT_TRUE(killed.Apply(first).empty());
        kernel.fail_at = n;
        kernel.fail_for_good = true;
        killed.Apply(second, true);
      }
      kernel.fail_at = 0;
      Watch watch(kernel, first, second, Order::kAny);
      FakeNode agent(kernel);
      const Failures failures = agent.Apply(second, true);
      for (const auto& failure : failures) ADD_FAILURE() << failure.name << ": " << failure.status;
      ASSERT_FALSE(watch.failed()) << "round " << round << ", killed at write " << n - cold << " of "
                                   << total - cold;
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, second)) << "killed at write " << n - cold;
    }
  }
}

TEST(PolicyPublication, ANewAgentWithTheSameStateWritesNothing) {
  StateGenerator generator(Seed() + 3);
  for (int round = 0; round < 30; ++round) {
    FakeKernel kernel;
    const DesiredState state = generator.State();
    ASSERT_TRUE(FakeNode(kernel).Apply(state, true).empty());
    const uint64_t before = kernel.writes;
    FakeNode next(kernel);
    ASSERT_TRUE(next.Apply(state).empty());
    EXPECT_EQ(kernel.writes, before) << "round " << round;
  }
}

TEST(PolicyPublication, APodIsNotReadyBeforeItsPolicyIsKnown) {
  StateGenerator generator(Seed() + 9);
  for (int round = 0; round < 20; ++round) {
    const DesiredState known = generator.State();
    DesiredState unknown = known;
    for (auto& [key, endpoint] : unknown.endpoints) {
      endpoint.policy_known = false;
      endpoint.ingress_set = endpoint.egress_set = "";
    }
    FakeKernel kernel;
    FakeNode agent(kernel);
    {
      Watch watch(kernel, {}, unknown, Order::kForward);
      ASSERT_TRUE(agent.Apply(unknown, generator.Pick(2) == 0).empty());
    }
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, unknown));
    {
      Watch watch(kernel, unknown, known, Order::kForward);
      ASSERT_TRUE(agent.Apply(known).empty());
    }
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, known));
    // What a predecessor has put in force stays until more is known.
    FakeNode next(kernel);
    ASSERT_TRUE(next.Apply(unknown).empty());
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, known));
  }
}

TEST(PolicyPublication, NothingGoesBeforeEverythingIsKnown) {
  StateGenerator generator(Seed() + 4);
  for (int round = 0; round < 20; ++round) {
    FakeKernel kernel;
    const DesiredState state = generator.State();
    ASSERT_TRUE(FakeNode(kernel).Apply(state, true).empty());
    const uint32_t sets = SetsInForce(kernel);
    FakeNode next(kernel);
    DesiredState partial;
    partial.settings = state.settings;
    ASSERT_TRUE(next.Apply(partial).empty());
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, state));
    ASSERT_EQ(SetsInForce(kernel), sets);
    ASSERT_TRUE(next.Apply(state).empty());
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, state));
  }
}

TEST(PolicyPublication, VerifyingMendsWhatSomebodyElseHasChanged) {
  StateGenerator generator(Seed() + 5);
  for (int round = 0; round < 20; ++round) {
    FakeKernel kernel;
    FakeNode agent(kernel);
    const DesiredState state = generator.State();
    ASSERT_TRUE(agent.Apply(state, true).empty());
    uint64_t spoilt = 0;
    for (size_t i = 0; i < kMapShapes.size(); ++i) {
      const auto map = static_cast<MapId>(i);
      const std::map<std::string, std::string> contents = kernel.Contents(map);
      if (contents.empty()) continue;
      const auto& victim = *std::next(contents.begin(), generator.Pick(static_cast<int>(contents.size())));
      if (generator.Pick(2) == 0) {
        kernel.Lose(map, victim.first);
      } else {
        kernel.Corrupt(map, victim.first, std::string(victim.second.size(), '\x5a'));
      }
      ++spoilt;
    }
    ASSERT_TRUE(agent.Apply(state, true).empty());
    EXPECT_GE(agent.stats().repaired, spoilt);
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, state));
  }
}

TEST(PolicyPublication, ASetThatDoesNotFitLeavesTheOldOneInForceAndSaysWhatIsFull) {
  StateGenerator generator(Seed() + 6);
  DesiredState state;
  state.complete = true;
  state.groups["g"].members = {*IpPrefix::Parse("10.0.0.1/32")};
  policy::PolicySet set;
  set.rules = {{.action = policy::Action::kAllow, .peers = {"g"}, .any_port = true},
               {.action = policy::Action::kDeny, .any_peer = true, .any_port = true}};
  state.sets["s"] = set;
  LocalEndpoint endpoint = StateGenerator::Endpoint(1);
  endpoint.ingress_set = "s";
  state.endpoints[endpoint.key] = endpoint;
  FakeKernel kernel;
  kernel.capacities[MapId::kRowWord] = 16;
  FakeNode agent(kernel);
  ASSERT_TRUE(agent.Apply(state).empty());
  std::map<std::string, uint64_t> used = agent.reconciler().ArraysInUse();
  EXPECT_EQ(used["endpoint"], 1u);
  EXPECT_EQ(used["policy_set"], 1u);
  EXPECT_EQ(used["policy_generation"], 1u);
  EXPECT_EQ(used["policy_rule"], 2u);
  EXPECT_GT(used["row_word"], 0u);
  EXPECT_LE(used["row_word"], 16u);

  DesiredState wanted = state;
  for (int i = 0; i < 1000; ++i) {
    wanted.sets["s"].rules.insert(wanted.sets["s"].rules.begin(),
                                  {.action = policy::Action::kDeny, .peers = {"g"}, .any_port = true});
  }
  const Failures failures = agent.Apply(wanted);
  ASSERT_EQ(failures.size(), 1u);
  EXPECT_EQ(failures[0].kind, "PolicySet");
  EXPECT_EQ(failures[0].name, "s");
  EXPECT_EQ(failures[0].status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(failures[0].status.message()).find("row_word is full"), std::string::npos)
      << failures[0].status;
  ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, state));
}

TEST(PolicyPublication, ManyRulesThatAllNameAnotherPortFit) {
  constexpr uint16_t kRules = 3'000;
  DesiredState state;
  state.complete = true;
  policy::PolicySet set;
  for (uint16_t i = 0; i < kRules; ++i) {
    const std::string group = absl::StrCat("g", i);
    state.groups[group].members = {*IpPrefix::Parse(absl::StrCat("198.18.", i / 250, ".", i % 250, "/32"))};
    const auto port = static_cast<uint16_t>(20'000 + i);
    set.rules.push_back({.action = policy::Action::kAllow,
                         .peers = {group},
                         .ports = {{policy::Protocol::kTcp, port, port}}});
  }
  set.rules.push_back({.action = policy::Action::kDeny, .any_peer = true, .any_port = true});
  state.sets["s"] = set;
  LocalEndpoint endpoint = StateGenerator::Endpoint(1);
  endpoint.ingress_set = "s";
  state.endpoints[endpoint.key] = endpoint;
  FakeKernel kernel;
  // Each rule's rows of peers and of ports have the rule's own word and the last, under one summary word.
  kernel.capacities[MapId::kRowWord] = kRules * 2 * 3 + 100;
  FakeNode agent(kernel);
  const Failures failures = agent.Apply(state);
  EXPECT_TRUE(failures.empty()) << failures[0].status;
}

TEST(PolicyPublication, PolicyChurnNeverFillsTheTables) {
  StateGenerator generator(Seed() + 7);
  FakeKernel kernel;
  kernel.capacities[MapId::kPolicyGeneration] = 24;
  kernel.capacities[MapId::kPolicySet] = 24;
  kernel.capacities[MapId::kRowWord] = 2048;
  FakeNode agent(kernel);
  for (int step = 0; step < 200; ++step) {
    const DesiredState state = generator.State();
    const Failures failures = agent.Apply(state);
    ASSERT_TRUE(failures.empty()) << "step " << step << ": " << failures[0].status;
    ASSERT_NO_FATAL_FAILURE(ExpectHolds(kernel, state)) << "step " << step;
  }
  EXPECT_GT(kernel.grace_periods, 0);
}

// Epochs: a live connection is asked again exactly when its answer may have changed.
TEST(PolicyPublication, TheEpochOfASetMovesWhenAnAnswerOfItChanges) {
  StateGenerator generator(Seed() + 8);
  for (int round = 0; round < 60; ++round) {
    FakeKernel kernel;
    FakeNode agent(kernel);
    const DesiredState first = generator.State(), second = generator.Change(first);
    ASSERT_TRUE(agent.Apply(first).empty());
    auto footing = [&](const Probe& probe) -> std::pair<uint32_t, uint32_t> {
      const auto index = Read<uint32_t, uint32_t>(kernel, MapId::kPodDevice, EndpointOf(probe).ifindex);
      if (!index) return {0, 0};
      const fl_endpoint entry = *Read<uint32_t, fl_endpoint>(kernel, MapId::kEndpoint, *index);
      const uint32_t set =
          probe.direction == policy::Direction::kIngress ? entry.ingress_set : entry.egress_set;
      return {set, Read<uint32_t, fl_policy_set>(kernel, MapId::kPolicySet, set)->epoch};
    };
    std::vector<std::pair<uint32_t, uint32_t>> before;
    for (const Probe& probe : AllProbes()) before.push_back(footing(probe));
    ASSERT_TRUE(agent.Apply(second).empty());
    const std::vector<Probe> probes = AllProbes();
    for (size_t i = 0; i < probes.size(); ++i) {
      const Verdict was = AskState(first, probes[i]), is = AskState(second, probes[i]);
      if (was == is || was == Verdict::kNotReady || is == Verdict::kNotReady) continue;
      EXPECT_NE(footing(probes[i]), before[i]) << Describe(probes[i]);
    }
  }
}

// A version whose maps of policy have another layout fills its own while the programs of the one before go on
// with theirs. The maps of pods are the same for both, so numbers of sets must mean the same.
TEST(PolicyPublication, ProgramsWithAPredecessorsMapsOfPolicyNeverAllowWhatNoStateAllows) {
  constexpr uint32_t kFirstEpoch = 1'000'000;
  const std::vector<MapId> policy_maps = {MapId::kClassByAddress,   MapId::kClassByPrefix, MapId::kPolicySet,
                                          MapId::kPolicyGeneration, MapId::kPolicyRule,    MapId::kRowByClass,
                                          MapId::kRowByPort,        MapId::kRowWord};
  StateGenerator generator(Seed() + 9);
  for (int round = 0; round < 60; ++round) {
    FakeKernel kernel;
    const DesiredState first = generator.State(), second = generator.Change(first);
    ASSERT_TRUE(FakeNode(kernel).Apply(first).empty());
    const FakeKernel before = kernel;
    for (const MapId map : policy_maps) {
      const auto contents = kernel.Contents(map);
      for (const auto& [key, value] : contents) kernel.Lose(map, key);
    }
    // Pods of the new state under rules of the old one.
    DesiredState between = second;
    for (const auto& [name, set] : first.sets) between.sets[name] = set;
    for (const auto& [name, group] : first.groups) between.groups[name] = group;
    kernel.on_write = [&](const FakeKernel::Write& write) {
      if (write.map != MapId::kEndpoint && write.map != MapId::kPodDevice) return;
      FakeKernel seen = kernel;
      for (const MapId map : policy_maps) {
        for (const auto& [key, value] : kernel.Contents(map)) seen.Lose(map, key);
        for (const auto& [key, value] : before.Contents(map)) seen.Corrupt(map, key, value);
      }
      for (const Probe& probe : AllProbes()) {
        if (AskKernel(seen, EndpointOf(probe), probe) != Verdict::kAllow) continue;
        EXPECT_TRUE(AskState(first, probe) == Verdict::kAllow || AskState(between, probe) == Verdict::kAllow)
            << Describe(probe);
      }
    };
    ASSERT_TRUE(FakeNode(kernel, kFirstEpoch).Apply(second).empty());
    for (const Probe& probe : AllProbes()) {
      EXPECT_EQ(AskKernel(kernel, EndpointOf(probe), probe), AskState(second, probe)) << Describe(probe);
    }
    for (const auto& [name, set] : second.sets) {
      const auto index = Read<NameKey, uint32_t>(kernel, MapId::kName, MakeName(kSetName, {name}));
      ASSERT_TRUE(index) << name;
      EXPECT_GT((Read<uint32_t, fl_policy_set>(kernel, MapId::kPolicySet, *index)->epoch), kFirstEpoch)
          << name;
    }
  }
}

}  // namespace
}  // namespace fairlead::datapath
