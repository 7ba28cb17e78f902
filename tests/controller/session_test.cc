// What one agent is told: the difference, bounded, whatever it answers.
#include "controller/sync/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/controller/manifests.h"
#include "tests/controller/objects.h"

namespace fairlead::controller {
namespace {

ClusterSettings Settings() {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
  return settings;
}

template <typename T>
void ApplyDelta(const std::vector<T>& added, const std::vector<T>& removed, std::vector<T>* set) {
  for (const T& element : removed) std::erase(*set, element);
  set->insert(set->end(), added.begin(), added.end());
  std::sort(set->begin(), set->end());
}

// Holds what it is told, and can only refuse as a whole.
class Agent {
 public:
  // False: a delta to a version that is not held here; nothing was taken.
  bool Apply(const Push& push) {
    std::map<ResourceId, Resource> next = held_;
    for (const Upsert& upsert : push.upserts) {
      Resource& mine = next[upsert.resource->id];
      if (!upsert.delta) {
        mine = *upsert.resource;
      } else if (const auto* group = std::get_if<AddressGroupDelta>(&*upsert.delta)) {
        if (mine.version != group->base_version) return false;
        ApplyDelta(group->added, group->removed, &std::get<policy::AddressGroup>(mine.body).members);
      } else {
        const auto& service = std::get<ServiceDelta>(*upsert.delta);
        if (mine.version != service.base_version) return false;
        for (const ServiceDelta::Port& port : service.ports) {
          ApplyDelta(port.added, port.removed, &std::get<Service>(mine.body).ports[port.index].backends);
        }
      }
      // What a delta leads to is what its version says.
      EXPECT_EQ(MakeResource(mine.id.name, mine.body)->version, upsert.resource->version);
      mine.version = upsert.resource->version;
    }
    for (const ResourceId& id : push.removals) {
      EXPECT_EQ(next.erase(id) + refused_.erase(id) > 0, true) << id.name << " was never told";
    }
    held_ = std::move(next);
    return true;
  }

  void Refuse(const ResourceId& id) { refused_.insert(id); }

  std::vector<HeldResource> Held() const {
    std::vector<HeldResource> held;
    for (const auto& [id, resource] : held_) held.push_back({id, resource.version});
    return held;
  }
  const std::map<ResourceId, Resource>& held() const { return held_; }

 private:
  std::map<ResourceId, Resource> held_;
  std::set<ResourceId> refused_;
};

// No endpoint without its sets, no set without its groups: at any moment.
void ExpectClosed(const Agent& agent) {
  auto there = [&](ResourceKind kind, const std::string& name) {
    return name.empty() || agent.held().count({kind, name}) > 0;
  };
  for (const auto& [id, resource] : agent.held()) {
    if (const auto* endpoint = std::get_if<Endpoint>(&resource.body)) {
      EXPECT_TRUE(there(ResourceKind::kPolicySet, endpoint->ingress_set));
      EXPECT_TRUE(there(ResourceKind::kPolicySet, endpoint->egress_set));
    } else if (const auto* set = std::get_if<policy::PolicySet>(&resource.body)) {
      for (const policy::Rule& rule : set->rules) {
        for (const std::string& peer : rule.peers) EXPECT_TRUE(there(ResourceKind::kAddressGroup, peer));
      }
    }
  }
}

void ExpectSame(const Agent& agent, const Store& store, const std::string& node) {
  size_t count = 0;
  store.ForEach(node, [&](const ResourcePtr& resource) {
    ++count;
    auto mine = agent.held().find(resource->id);
    ASSERT_NE(mine, agent.held().end()) << resource->id.name;
    EXPECT_EQ(mine->second.version, resource->version) << resource->id.name;
  });
  EXPECT_EQ(agent.held().size(), count);
}

// Nothing is told that has changed since.
void ExpectAsStored(const Push& push, const Store& store) {
  for (const Upsert& upsert : push.upserts) {
    const ResourcePtr now = store.Find("n1", upsert.resource->id);
    ASSERT_NE(now, nullptr) << upsert.resource->id.name;
    EXPECT_EQ(upsert.resource->version, now->version) << upsert.resource->id.name;
  }
}

std::string Nodes() {
  return NodeYaml("n1", 1) + NodeYaml("n2", 2);
}

std::vector<ReportedEndpoint> Reported(int pod, int generation) {
  return {{absl::StrCat("uid-p", pod),
           "",
           "",
           absl::StrCat("s", generation),
           {*IpAddress::Parse(absl::StrCat("10.244.", 1 + pod % 2, ".", 1 + (pod * 7 + generation) % 250))},
           static_cast<uint64_t>(generation)}};
}

// Any sequence of changes, acknowledgements, refusals and reconnects leads to what a cold start
// from the same objects gives.
TEST(SessionProperty, DeltasInAnyOrderEqualAColdStart) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };

  for (int round = 0; round < 30; ++round) {
    Store store(Settings());
    uint64_t watermark = 1;
    std::map<ObjectKey, Object> objects = ObjectsOf(Nodes());
    store.SetObjects(objects);
    std::vector<std::function<Changes(Store&)>> reports;
    Agent agent;
    // Sometimes so little at a time that much changes before all is told.
    const size_t weight = pick(2) == 0 ? 3 : Session::kMaxPushWeight;
    const bool refuses = pick(2) == 0;
    bool any_refused = false;
    const auto connect = [&] { return std::make_unique<Session>(&store, "n1", agent.Held(), 0, weight); };
    auto session = connect();
    std::optional<Push> in_flight;
    for (int step = 0; step < 80; ++step) {
      switch (pick(5)) {
        case 0: {
          std::string text = Nodes();
          for (int i = 0; i < 12; ++i) {
            if (pick(4) > 0)
              text += PodYaml(absl::StrCat("p", i), i % 2 == 0 ? "n1" : "n2", absl::StrCat("app", pick(4)));
          }
          for (int i = 0; i < 4; ++i) {
            if (pick(3) > 0) text += ServiceYaml(absl::StrCat("s", i), absl::StrCat("app", pick(4)));
            if (pick(3) > 0) {
              text += PolicyYaml(absl::StrCat("a", i), absl::StrCat("app", pick(4)),
                                 absl::StrCat("app", pick(4)));
            }
          }
          objects = ObjectsOf(text);
          Changes changes = store.SetObjects(objects);
          ++watermark;
          session->OnChanges(changes);
          break;
        }
        case 1:
        case 2: {
          int pod = pick(12);
          std::string node = pod % 2 == 0 ? "n1" : "n2";
          bool removal = pick(3) == 0;
          std::vector<ReportedEndpoint> endpoint = Reported(pod, removal ? step - 1 : step);
          reports.push_back([=](Store& to) {
            return removal ? to.ApplyReport(node, {}, endpoint) : to.ApplyReport(node, endpoint, {});
          });
          session->OnChanges(reports.back()(store));
          break;
        }
        case 3: {
          if (in_flight) break;
          in_flight = session->NextPush(watermark);
          if (in_flight) ExpectAsStored(*in_flight, store);
          break;
        }
        default: {
          if (!in_flight) break;
          int answer = pick(8);
          if (answer == 0) {  // the connection breaks, before or after the agent has taken it
            if (pick(2) == 0) agent.Apply(*in_flight);
            session = connect();
          } else if (answer == 1 && refuses && !in_flight->upserts.empty()) {
            const ResourceId& blamed =
                in_flight->upserts[static_cast<size_t>(pick(static_cast<int>(in_flight->upserts.size())))]
                    .resource->id;
            agent.Refuse(blamed);
            any_refused = true;
            ASSERT_TRUE(session->OnNack(in_flight->nonce, {{blamed, "no"}}).ok());
          } else {
            ASSERT_TRUE(agent.Apply(*in_flight));
            ASSERT_TRUE(session->OnAck(in_flight->nonce).ok());
          }
          in_flight.reset();
        }
      }
    }
    if (in_flight) {
      ASSERT_TRUE(agent.Apply(*in_flight));
      ASSERT_TRUE(session->OnAck(in_flight->nonce).ok());
    }
    // What was refused comes again after a reconnect.
    if (any_refused) session = connect();
    while (std::optional<Push> push = session->NextPush(watermark)) {
      ASSERT_TRUE(agent.Apply(*push));
      // Unlike an agent, this one has taken what mentions a resource that it refused.
      if (!any_refused) ExpectClosed(agent);
      ASSERT_TRUE(session->OnAck(push->nonce).ok());
    }
    ExpectClosed(agent);
    EXPECT_TRUE(session->in_step());
    ExpectSame(agent, store, "n1");

    Store cold(Settings());
    cold.SetObjects(objects);
    for (const auto& report : reports) report(cold);
    ExpectSame(agent, cold, "n1");
    if (HasFailure()) return;
  }
}

class SessionTest : public ::testing::Test {
 protected:
  SessionTest() : store_(Settings()) {
    store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1") + ServiceYaml("s")));
  }

  void Report(Session& session, int pod, int generation) {
    session.OnChanges(store_.ApplyReport(pod % 2 == 0 ? "n1" : "n2", Reported(pod, generation), {}));
  }
  // Everything told and acknowledged.
  static void Settle(Session& session) {
    while (std::optional<Push> push = session.NextPush(1)) ASSERT_TRUE(session.OnAck(push->nonce).ok());
    ASSERT_TRUE(session.in_step());
  }

  Store store_;
};

// Before it was told of the version that there was, and after it has refused the push with it.
TEST_F(SessionTest, WhatAnAgentHoldsInAnotherVersionIsRemovedWhenItGoes) {
  const ResourceId gone{ResourceKind::kService, "shop/s"};
  for (const bool is_told : {false, true}) {
    store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1") + ServiceYaml("s")));
    Session session(&store_, "n1", {{gone, "another version"}}, 0);
    std::optional<Push> push;
    if (is_told) push = session.NextPush(1);
    session.OnChanges(store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1"))));
    if (is_told) {
      ASSERT_TRUE(session.OnNack(push->nonce, {{{ResourceKind::kNode, "n2"}, "no"}}).ok());
    }
    push = session.NextPush(2);
    ASSERT_TRUE(push);
    EXPECT_THAT(push->removals, ::testing::Contains(gone));
  }
}

TEST_F(SessionTest, OnePushIsOnItsWayAtMost) {
  Session session(&store_, "n1", {}, 0);
  ASSERT_TRUE(session.NextPush(1));
  EXPECT_FALSE(session.NextPush(1));
  Report(session, 0, 1);
  EXPECT_FALSE(session.NextPush(1));
}

TEST_F(SessionTest, KeepsQuietWhileTheSourceIsBehindTheAgent) {
  Session session(&store_, "n1", {}, 10);
  EXPECT_FALSE(session.NextPush(9));
  EXPECT_TRUE(session.NextPush(10));
}

TEST_F(SessionTest, AnAgentThatHoldsMoreThanTheSourceSaysNothingOfTheWholeYet) {
  Session session(&store_, "n1", {}, 10);
  EXPECT_EQ(session.acked_watermark(), 0u);
  const std::optional<Push> push = session.NextPush(10);
  ASSERT_TRUE(push);
  ASSERT_TRUE(session.OnAck(push->nonce).ok());
  EXPECT_EQ(session.acked_watermark(), 10u);
}

TEST_F(SessionTest, ChangeThatWasTakenBackIsNotSent) {
  Session session(&store_, "n1", {}, 0);
  Settle(session);
  Report(session, 0, 1);
  session.OnChanges(store_.ApplyReport("n1", {}, Reported(0, 1)));
  EXPECT_FALSE(session.NextPush(1));
}

TEST_F(SessionTest, SettingsThatChangeReachEveryNodeAndNothingElseDoes) {
  const std::string text = Nodes() + PodYaml("p0", "n1") + ServiceYaml("s");
  for (const char* node : {"n1", "n2"}) {
    Session session(&store_, node, {}, 0);
    Settle(session);
    const std::string before = store_.Find(node, {ResourceKind::kNodeConfig, node})->version;
    session.OnChanges(store_.SetObjects(ObjectsOf(text + ConfigYaml("masquerade: true"))));
    const std::optional<Push> push = session.NextPush(2);
    ASSERT_TRUE(push);
    ASSERT_EQ(push->upserts.size(), 1U);
    const Resource& told = *push->upserts[0].resource;
    EXPECT_EQ(told.id, (ResourceId{ResourceKind::kNodeConfig, node}));
    EXPECT_TRUE(std::get<NodeConfig>(told.body).settings.masquerade);
    ASSERT_TRUE(session.OnAck(push->nonce).ok());
    // Without the object: as the controller was started.
    session.OnChanges(store_.SetObjects(ObjectsOf(text)));
    const std::optional<Push> back = session.NextPush(3);
    ASSERT_TRUE(back);
    ASSERT_EQ(back->upserts.size(), 1U);
    EXPECT_EQ(back->upserts[0].resource->version, before);
  }
}

TEST_F(SessionTest, BackendOfAKnownServiceComesAsADelta) {
  std::string pods;
  for (int i = 0; i < 8; ++i) pods += PodYaml(absl::StrCat("p", 2 * i), "n1");
  store_.SetObjects(ObjectsOf(Nodes() + pods + ServiceYaml("s")));
  Session session(&store_, "n1", {}, 0);
  for (int i = 0; i < 7; ++i) Report(session, 2 * i, 1);
  Settle(session);
  Report(session, 14, 1);
  std::optional<Push> push = session.NextPush(1);
  ASSERT_TRUE(push);
  ASSERT_EQ(push->upserts.size(), 1U);
  ASSERT_TRUE(push->upserts[0].delta);
  const auto& delta = std::get<ServiceDelta>(*push->upserts[0].delta);
  ASSERT_EQ(delta.ports.size(), 1U);
  EXPECT_EQ(delta.ports[0].added.size(), 1U);
  EXPECT_TRUE(delta.ports[0].removed.empty());

  // Refused as a delta: it comes whole.
  ASSERT_TRUE(session.OnNack(push->nonce, {{push->upserts[0].resource->id, "another version is held"}}).ok());
  push = session.NextPush(1);
  ASSERT_TRUE(push);
  EXPECT_FALSE(push->upserts[0].delta);
  // Refused whole: it waits for a change.
  ASSERT_TRUE(session.OnNack(push->nonce, {{push->upserts[0].resource->id, "too large"}}).ok());
  EXPECT_FALSE(session.NextPush(1));
  EXPECT_THAT(session.errors(),
              ::testing::ElementsAre(::testing::Field(&ResourceError::message, "too large")));
  Report(session, 14, 2);
  EXPECT_TRUE(session.NextPush(1));
  EXPECT_TRUE(session.errors().empty());
}

TEST_F(SessionTest, RefusalsNeverGoOnForEver) {
  Session session(&store_, "n1", {}, 0);
  int pushes = 0;
  while (std::optional<Push> push = session.NextPush(1)) {
    ASSERT_LT(++pushes, 10);
    ASSERT_TRUE(session.OnNack(push->nonce, {}).ok());
  }
  EXPECT_FALSE(session.errors().empty());
}

TEST_F(SessionTest, ARefusedResourceThatGoesIsRemoved) {
  Session session(&store_, "n1", {}, 0);
  Settle(session);
  session.OnChanges(
      store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1") + ServiceYaml("s") + ServiceYaml("t"))));
  std::optional<Push> push = session.NextPush(1);
  ASSERT_TRUE(push);
  ASSERT_EQ(push->upserts.size(), 1u);
  const ResourceId id = push->upserts[0].resource->id;
  ASSERT_TRUE(session.OnNack(push->nonce, {{id, "map frontend is full"}}).ok());
  EXPECT_EQ(session.errors().size(), 1u);
  session.OnChanges(store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1") + ServiceYaml("s"))));
  push = session.NextPush(1);
  ASSERT_TRUE(push) << "the agent must not go on showing what it has refused";
  EXPECT_EQ(push->removals, std::vector<ResourceId>{id});
  ASSERT_TRUE(session.OnAck(push->nonce).ok());
  EXPECT_TRUE(session.errors().empty());
  EXPECT_TRUE(session.in_step());
}

TEST_F(SessionTest, AResourceThatIsAgainWhatItWasBeforeARefusalIsToldAgain) {
  Session session(&store_, "n1", {}, 0);
  Settle(session);
  const std::string before = Nodes() + PodYaml("p0", "n1");
  const std::string other_port = absl::StrReplaceAll(ServiceYaml("s"), {{"port: 80", "port: 81"}});
  session.OnChanges(store_.SetObjects(ObjectsOf(before + other_port)));
  std::optional<Push> push = session.NextPush(1);
  ASSERT_TRUE(push);
  ASSERT_EQ(push->upserts.size(), 1u);
  const ResourceId id = push->upserts[0].resource->id;
  while (push) {  // as a delta and whole
    ASSERT_TRUE(session.OnNack(push->nonce, {{id, "map frontend is full"}}).ok());
    push = session.NextPush(1);
  }
  session.OnChanges(store_.SetObjects(ObjectsOf(before + ServiceYaml("s"))));
  push = session.NextPush(1);
  ASSERT_TRUE(push) << "the agent must not go on showing what it has refused";
  ASSERT_EQ(push->upserts.size(), 1u);
  EXPECT_EQ(push->upserts[0].resource->id, id);
  EXPECT_FALSE(push->upserts[0].delta);
  ASSERT_TRUE(session.OnAck(push->nonce).ok());
  EXPECT_TRUE(session.errors().empty());
  EXPECT_FALSE(session.NextPush(1));
}

TEST_F(SessionTest, ARefusedRemovalComesAgainWhenSomethingElseIsTaken) {
  Session session(&store_, "n1", {}, 0);
  Settle(session);
  session.OnChanges(store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1"))));
  std::optional<Push> push = session.NextPush(1);
  ASSERT_TRUE(push);
  ASSERT_EQ(push->removals.size(), 1u);
  const ResourceId id = push->removals[0];
  ASSERT_TRUE(session.OnNack(push->nonce, {{id, "something mentions it"}}).ok());
  EXPECT_FALSE(session.NextPush(1)) << "nothing has changed";

  session.OnChanges(store_.SetObjects(ObjectsOf(Nodes() + PodYaml("p0", "n1") + ServiceYaml("t"))));
  push = session.NextPush(1);
  ASSERT_TRUE(push);
  ASSERT_TRUE(session.OnAck(push->nonce).ok());
  push = session.NextPush(1);
  ASSERT_TRUE(push);
  EXPECT_EQ(push->removals, std::vector<ResourceId>{id});
  ASSERT_TRUE(session.OnNack(push->nonce, {{id, "something mentions it"}}).ok());
  EXPECT_FALSE(session.NextPush(1)) << "refused again, it waits again";
}

TEST_F(SessionTest, LargeDifferencesComeInPiecesThatAreClosed) {
  std::string text = Nodes();
  for (int i = 0; i < 300; ++i)
    text += PodYaml(absl::StrCat("p", i), i % 2 == 0 ? "n1" : "n2", absl::StrCat("a", i % 50));
  for (int i = 0; i < 50; ++i)
    text += PolicyYaml(absl::StrCat("y", i), absl::StrCat("a", i), absl::StrCat("a", 49 - i));
  for (int i = 0; i < 11'000; ++i) text += ServiceYaml(absl::StrCat("s", i), "none");
  store_.SetObjects(ObjectsOf(text));
  Session session(&store_, "n1", {}, 0);
  Agent agent;
  int pushes = 0;
  while (std::optional<Push> push = session.NextPush(1)) {
    ++pushes;
    ASSERT_TRUE(agent.Apply(*push));
    ExpectClosed(agent);
    bool last = push->complete;
    ASSERT_TRUE(session.OnAck(push->nonce).ok());
    EXPECT_EQ(session.in_step(), last);
    EXPECT_EQ(session.acked_watermark(), last ? 1u : 0u) << "nobody is to take a piece for the whole";
  }
  EXPECT_GT(pushes, 1);
  ExpectSame(agent, store_, "n1");
}

}  // namespace
}  // namespace fairlead::controller
