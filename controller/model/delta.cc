#include "controller/model/delta.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace fairlead::controller {
namespace {

// Both lists are sorted.
template <typename T>
std::vector<T> Without(const std::vector<T>& list, const std::vector<T>& other) {
  std::vector<T> result;
  std::set_difference(list.begin(), list.end(), other.begin(), other.end(), std::back_inserter(result));
  return result;
}

std::optional<Delta> Between(const std::string& base, const policy::AddressGroup& from,
                             const policy::AddressGroup& to) {
  if (from.exceptions != to.exceptions || from.description != to.description) return std::nullopt;
  AddressGroupDelta delta{base, Without(to.members, from.members), Without(from.members, to.members)};
  if (delta.added.size() + delta.removed.size() >= to.members.size()) return std::nullopt;
  return delta;
}

// The Service with its ports, but without their backends.
Service Frame(const Service& service) {
  Service frame = service;
  for (ServicePort& port : frame.ports) port.backends.clear();
  return frame;
}

std::optional<Delta> Between(const std::string& base, const Service& from, const Service& to) {
  if (Frame(from) != Frame(to)) return std::nullopt;
  ServiceDelta delta{base, {}};
  size_t changes = 0;
  size_t whole = 0;
  for (size_t i = 0; i < to.ports.size(); ++i) {
    ServiceDelta::Port port{static_cast<uint32_t>(i), Without(to.ports[i].backends, from.ports[i].backends),
                            Without(from.ports[i].backends, to.ports[i].backends)};
    whole += to.ports[i].backends.size();
    changes += port.added.size() + port.removed.size();
    if (!port.added.empty() || !port.removed.empty()) delta.ports.push_back(std::move(port));
  }
  if (changes >= whole) return std::nullopt;
  return delta;
}

}  // namespace

std::optional<Delta> DeltaBetween(const Resource& from, const Resource& to) {
  if (const auto* group = std::get_if<policy::AddressGroup>(&to.body)) {
    const auto* old = std::get_if<policy::AddressGroup>(&from.body);
    return old == nullptr ? std::nullopt : Between(from.version, *old, *group);
  }
  if (const auto* service = std::get_if<Service>(&to.body)) {
    const auto* old = std::get_if<Service>(&from.body);
    return old == nullptr ? std::nullopt : Between(from.version, *old, *service);
  }
  return std::nullopt;
}

DeltaPtr SharedDelta(const Resource& from, const Resource& to) {
  constexpr size_t kBases = 8;  // agents are hardly further apart
  if (to.differences == nullptr) to.differences = std::make_shared<Differences>();
  std::map<std::string, DeltaPtr>& known = to.differences->by_base;
  if (const auto found = known.find(from.version); found != known.end()) return found->second;
  std::optional<Delta> made = DeltaBetween(from, to);
  DeltaPtr shared = made ? std::make_shared<const Delta>(*std::move(made)) : nullptr;
  if (known.size() < kBases) known.emplace(from.version, shared);
  return shared;
}

}  // namespace fairlead::controller
