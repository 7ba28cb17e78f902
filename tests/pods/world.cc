#include "tests/pods/world.h"

#include <cstdlib>

namespace fairlead::agent {

absl::StatusOr<LeaseStore::Loaded> WorldStore::Load() {
  Loaded loaded;
  for (const auto& [generation, text] : world_->disk) {
    absl::StatusOr<Lease> lease = DecodeLease(text);
    if (lease.ok()) {
      loaded.leases.push_back(*lease);
    } else {
      loaded.damaged.push_back({generation, std::string(lease.status().message())});
    }
  }
  return loaded;
}

absl::Status WorldStore::Put(const Lease& lease) {
  world_->Step();
  if (!world_->disk_status.ok()) return world_->disk_status;
  world_->disk[lease.generation] = EncodeLease(lease);
  return absl::OkStatus();
}

absl::Status WorldStore::Remove(uint32_t generation) {
  world_->Step();
  world_->disk.erase(generation);
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> WorldLinks::Find(const std::string& name) {
  auto found = world_->links.find(name);
  if (found == world_->links.end()) return absl::NotFoundError("no device " + name);
  return found->second;
}

absl::StatusOr<HostEnd> WorldLinks::Describe(const std::string& name) {
  absl::StatusOr<uint32_t> ifindex = Find(name);
  if (!ifindex.ok()) return ifindex.status();
  const auto& [mac, addresses] = world_->neighbours[name];
  return HostEnd{.ifindex = *ifindex,
                 .name = name,
                 .alias = world_->aliases[*ifindex],
                 .mac = mac,
                 .host_mac = MacFor(name),
                 .addresses = addresses};
}

absl::StatusOr<std::set<uint32_t>> WorldLinks::Down() {
  std::set<uint32_t> down;
  for (const auto& [name, ifindex] : world_->links) {
    if (!world_->up.contains(ifindex)) down.insert(ifindex);
  }
  return down;
}

absl::Status WorldLinks::BringUp(uint32_t ifindex, const std::string& alias) {
  world_->Step();
  world_->aliases[ifindex] = alias;
  world_->up.insert(ifindex);
  return absl::OkStatus();
}

absl::Status WorldLinks::Delete(const std::string& name) {
  world_->Step();
  world_->links.erase(name);
  return absl::OkStatus();
}

absl::Status WorldSink::ApplyEndpoint(const std::string& key) {
  world_->Step();
  if (!world_->apply_status.ok()) return world_->apply_status;
  world_->applied.push_back(key);
  return absl::OkStatus();
}

AgentOn::AgentOn(World* world, const std::vector<std::string>& cidrs)
    : store(world),
      links(world),
      sink(world),
      leases(&store, &world->clock, kCooldownNs),
      pods({&leases, &links, &datapath, &sink, loop.get()}, std::chrono::milliseconds(20)) {
  if (!leases.Load().ok()) std::abort();
  std::vector<IpPrefix> prefixes;
  for (const std::string& cidr : cidrs) prefixes.push_back(*IpPrefix::Parse(cidr));
  leases.SetPools(prefixes);
  if (!pods.Adopt().ok()) std::abort();
}

LeaseTable::Request RequestOf(const std::string& sandbox, const std::string& namespace_name) {
  return {.sandbox = sandbox,
          .if_name = "eth0",
          .netns = "/run/netns/" + sandbox,
          .pod_uid = "uid-" + sandbox,
          .namespace_name = namespace_name,
          .pod_name = "pod-" + sandbox};
}

}  // namespace fairlead::agent
