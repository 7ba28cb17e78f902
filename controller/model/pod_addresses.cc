#include "controller/model/pod_addresses.h"

#include <tuple>

namespace fairlead::controller {
namespace {

bool Same(const ReportedEndpoint& a, const ReportedEndpoint& b) {
  return std::tie(a.sandbox, a.addresses, a.generation) == std::tie(b.sandbox, b.addresses, b.generation);
}

}  // namespace

std::string PodAddresses::KeyOf(const ReportedEndpoint& endpoint) {
  return endpoint.pod_uid.empty() ? endpoint.namespace_name + "/" + endpoint.name : endpoint.pod_uid;
}

bool PodAddresses::Replace(const std::string& node, const std::vector<ReportedEndpoint>& endpoints) {
  NodeEndpoints now;
  for (const ReportedEndpoint& endpoint : endpoints) {
    if (now.size() >= kMaxPerNode) break;
    auto [at, added] = now.emplace(KeyOf(endpoint), endpoint);
    if (!added && at->second.generation <= endpoint.generation) at->second = endpoint;
  }
  NodeEndpoints& before = nodes_[node];
  bool changed = now.size() != before.size();
  for (auto a = now.begin(), b = before.begin(); !changed && a != now.end(); ++a, ++b) {
    changed = a->first != b->first || !Same(a->second, b->second);
  }
  before = std::move(now);
  return changed;
}

bool PodAddresses::Upsert(const std::string& node, const ReportedEndpoint& endpoint) {
  NodeEndpoints& endpoints = nodes_[node];
  auto at = endpoints.find(KeyOf(endpoint));
  if (at == endpoints.end()) {
    if (endpoints.size() >= kMaxPerNode) return false;
    endpoints.emplace(KeyOf(endpoint), endpoint);
    return true;
  }
  if (endpoint.generation < at->second.generation || Same(at->second, endpoint)) return false;
  at->second = endpoint;
  return true;
}

bool PodAddresses::Remove(const std::string& node, const ReportedEndpoint& endpoint) {
  auto endpoints = nodes_.find(node);
  if (endpoints == nodes_.end()) return false;
  auto at = endpoints->second.find(KeyOf(endpoint));
  if (at == endpoints->second.end() || at->second.sandbox != endpoint.sandbox) return false;
  endpoints->second.erase(at);
  return true;
}

bool PodAddresses::ForgetNode(const std::string& node) {
  return nodes_.erase(node) > 0;
}

std::vector<IpAddress> PodAddresses::Of(const std::string& node, const std::string& uid,
                                        const std::string& full_name) const {
  auto endpoints = nodes_.find(node);
  if (endpoints == nodes_.end()) return {};
  auto at = endpoints->second.find(uid);
  if (at == endpoints->second.end()) at = endpoints->second.find(full_name);
  return at == endpoints->second.end() ? std::vector<IpAddress>{} : at->second.addresses;
}

size_t PodAddresses::CountOf(const std::string& node) const {
  auto endpoints = nodes_.find(node);
  return endpoints == nodes_.end() ? 0 : endpoints->second.size();
}

std::vector<ReportedEndpoint> PodAddresses::On(const std::string& node) const {
  std::vector<ReportedEndpoint> all;
  const auto endpoints = nodes_.find(node);
  if (endpoints == nodes_.end()) return all;
  for (const auto& [key, endpoint] : endpoints->second) all.push_back(endpoint);
  return all;
}

}  // namespace fairlead::controller
