// Reads a FakeKernel's maps the way the eBPF programs do, in the plainest code there is.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ip.h"
#include "datapath/abi/policy.h"
#include "datapath/abi/service.h"
#include "datapath/desired_state.h"
#include "datapath/fake_kernel.h"

namespace fairlead::datapath {

// What a new connection would meet.
struct Probe {
  std::string endpoint;  // key of the pod whose policy is asked
  policy::Direction direction = policy::Direction::kIngress;
  IpAddress peer;
  uint8_t protocol = 6;
  uint16_t port = 0;
};

enum class Verdict { kNotReady, kAllow, kDeny, kBroken };

// What the maps say. `index` of an endpoint: by its interface.
Verdict AskKernel(const FakeKernel& kernel, const LocalEndpoint& endpoint, const Probe& probe);
// What the state says, by reading rules one after the other.
Verdict AskState(const DesiredState& state, const Probe& probe);

// Backends "address:port" of a front end, in order; nullopt: no such front end. "broken" stands for an
// entry that leads nowhere.
std::optional<std::vector<std::string>> BackendsOf(const FakeKernel& kernel, const IpAddress& address,
                                                   uint16_t port, uint8_t protocol);

template <typename Key, typename Value>
std::optional<Value> Read(const FakeKernel& kernel, MapId map, const Key& key) {
  Value value{};
  auto found = kernel.Lookup(map, &key, &value);
  if (!found.ok() || !*found) return std::nullopt;
  return value;
}

}  // namespace fairlead::datapath
