// The agent killed before any step that leaves a trace, in random histories: after a restart nothing
// has leaked and no address has two owners.
#include <gtest/gtest.h>

#include <random>

#include "tests/pods/world.h"

namespace fairlead::agent {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// What the runtime believes, and what must hold in the end.
struct History {
  std::set<std::string> added;  // sandboxes whose ADD was answered with success, and no DEL since
  std::map<IpAddress, int64_t> last_used_ns;
};

void Act(World& world, AgentOn& agent, History& history, std::mt19937& random) {
  const std::string sandbox = "s" + std::to_string(random() % 6);
  const std::string key = sandbox + "/eth0";
  switch (random() % 4) {
    case 0:
    case 1: {
      const bool fresh = agent.leases.Find(key) == nullptr;
      absl::StatusOr<Lease> lease = agent.pods.Prepare(RequestOf(sandbox));
      if (!lease.ok()) return;
      if (fresh) {
        for (const IpAddress& address : lease->addresses) {
          auto used = history.last_used_ns.find(address);
          if (used != history.last_used_ns.end()) {
            EXPECT_LE(used->second + AgentOn::kCooldownNs, world.clock.WallNs()) << address.ToString();
          }
        }
      }
      const auto existing = world.links.find(lease->host_interface);
      const uint32_t ifindex =
          existing != world.links.end() ? existing->second : world.MakeLink(lease->host_interface);
      if (random() % 4 == 0) {  // the plugin is killed
        agent.pods.Abandon(key);
        return;
      }
      agent.pods.Commit(key, ifindex, [&](const absl::Status& status) {
        if (status.ok()) history.added.insert(sandbox);
      });
      return;
    }
    case 2:
      // Whatever becomes of it, the runtime no longer counts on the pod.
      history.added.erase(sandbox);
      EXPECT_TRUE(agent.pods.Release(key).ok());
      return;
    default:
      EXPECT_TRUE(agent.pods.Reconcile().ok());
  }
}

// Every address that a record on disk holds is in use as of now.
void NoteUse(const World& world, History& history) {
  for (const auto& [generation, text] : world.disk) {
    const Lease lease = *DecodeLease(text);
    if (lease.state == LeaseState::kCooling) continue;
    for (const IpAddress& address : lease.addresses) history.last_used_ns[address] = world.clock.WallNs();
  }
}

void CheckInvariants(const World& world, const AgentOn& agent, const History& history) {
  std::set<IpAddress> addresses;
  std::set<std::string> links;
  for (const auto& [key, lease] : agent.leases.live()) {
    EXPECT_EQ(lease.state, LeaseState::kCommitted) << key;
    EXPECT_TRUE(world.links.contains(lease.host_interface)) << key << " has no link";
    links.insert(lease.host_interface);
    for (const IpAddress& address : lease.addresses) {
      EXPECT_TRUE(addresses.insert(address).second) << address.ToString() << " has two owners";
    }
  }
  for (const auto& [name, ifindex] : world.links) {
    EXPECT_TRUE(links.contains(name)) << name << " has leaked";
  }
  for (const std::string& sandbox : history.added) {
    EXPECT_TRUE(agent.leases.live().contains(sandbox + "/eth0")) << sandbox << " was told that it is wired";
  }
  for (const LeaseTable::PoolUsage& pool : agent.leases.Pools()) {
    EXPECT_EQ(pool.counts.used, agent.leases.live().size()) << pool.prefix.ToString();
  }
}

TEST(Crash, NothingLeaksAndNoAddressHasTwoOwners) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300 && !testing::Test::HasFailure(); ++round) {
    World world;
    for (int i = 0; i < 6; ++i) world.known_pods.insert("uid-s" + std::to_string(i));
    History history;
    for (int life = 0; life < 6; ++life) {
      world.steps_left = static_cast<int>(random() % 30);
      try {
        AgentOn agent(&world);
        while (true) {
          Act(world, agent, history, random);
          NoteUse(world, history);
          world.clock.Advance(static_cast<int64_t>(random() % 10) * kSecond);
        }
      } catch (const Killed&) {
        NoteUse(world, history);
      }
      world.steps_left.reset();
    }
    AgentOn agent(&world);
    CheckInvariants(world, agent, history);
  }
}

}  // namespace
}  // namespace fairlead::agent
