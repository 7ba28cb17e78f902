// A node without a kernel for tests of the life of pods: a disk, devices and a sink that remember, and
// that can stop the "agent" before any step it takes, as a kill would.
//
//   World world;
//   world.steps_left = 3;              // the fourth step throws Killed
//   try { agent.pods.Prepare(...); } catch (const Killed&) {}
//   AgentOn again(&world);             // a new agent finds what the old one left
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/endpoint_source.h"
#include "agent/pods/lease_store.h"
#include "agent/pods/lease_table.h"
#include "agent/pods/links.h"
#include "agent/pods/pods.h"
#include "base/clock.h"
#include "base/event_loop.h"
#include "datapath/fake_datapath.h"

namespace fairlead::agent {

struct Killed {};

struct World {
  FakeClock clock;
  std::map<uint32_t, std::string> disk;   // generation -> record
  std::map<std::string, uint32_t> links;  // name -> index
  std::set<uint32_t> up;
  std::map<uint32_t, std::string> aliases;                                                    // by index
  std::map<std::string, std::pair<datapath::MacAddress, std::vector<IpAddress>>> neighbours;  // by link
  uint32_t last_ifindex = 100;
  std::set<std::string> known_pods;  // UIDs whose policy the controller has told
  std::vector<std::string> applied;  // keys, in order
  absl::Status disk_status, apply_status;
  std::optional<int> steps_left;  // nullopt: never killed

  // Before everything that leaves a trace.
  void Step() {
    if (steps_left && (*steps_left)-- == 0) throw Killed();
  }
  // What the plugin does between the two halves of an ADD.
  uint32_t MakeLink(const std::string& name) { return links[name] = ++last_ifindex; }
};

class WorldStore : public LeaseStore {
 public:
  explicit WorldStore(World* world) : world_(world) {}
  absl::StatusOr<Loaded> Load() override;
  absl::Status Put(const Lease& lease) override;
  absl::Status Remove(uint32_t generation) override;

 private:
  World* world_;
};

class WorldLinks : public Links {
 public:
  explicit WorldLinks(World* world) : world_(world) {}
  absl::StatusOr<std::map<std::string, uint32_t>> List() override { return world_->links; }
  absl::StatusOr<std::set<uint32_t>> Down() override;
  absl::StatusOr<uint32_t> Find(const std::string& name) override;
  absl::StatusOr<HostEnd> Describe(const std::string& name) override;
  absl::Status BringUp(uint32_t ifindex, const std::string& alias) override;
  absl::Status Delete(const std::string& name) override;

 private:
  World* world_;
};

class WorldSink : public EndpointSink {
 public:
  explicit WorldSink(World* world) : world_(world) {}
  bool KnowsPod(const std::string& uid, const std::string&, const std::string&) const override {
    return world_->known_pods.contains(uid);
  }
  absl::Status ApplyEndpoint(const std::string& key) override;
  absl::Status Ready() const override { return absl::OkStatus(); }

 private:
  World* world_;
};

// An agent's half of a node, started on what the world holds.
struct AgentOn {
  static constexpr int64_t kCooldownNs = 30'000'000'000;

  explicit AgentOn(World* world, const std::vector<std::string>& cidrs = {"10.244.1.0/28", "fd00::/64"});

  std::unique_ptr<EventLoop> loop = *EventLoop::Create();
  datapath::FakeDatapath datapath;
  WorldStore store;
  WorldLinks links;
  WorldSink sink;
  LeaseTable leases;
  Pods pods;
};

LeaseTable::Request RequestOf(const std::string& sandbox, const std::string& namespace_name = "shop");

}  // namespace fairlead::agent
