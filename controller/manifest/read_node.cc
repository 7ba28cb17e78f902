#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

void ReadSpec(const At& at, NodeObject* node, Problems* problems) {
  Fields spec(at, problems);
  for (const At& item : spec.List("podCIDRs")) {
    std::optional<IpPrefix> cidr = ReadPrefix(item, problems);
    if (!cidr) continue;
    bool same_family = std::any_of(
        node->pod_cidrs.begin(), node->pod_cidrs.end(),
        [&](const IpPrefix& other) { return other.address().is_v4() == cidr->address().is_v4(); });
    if (same_family) {
      problems->Add(item.value->line, item.path,
                    "is a second range of its family; one IPv4 and one IPv6 are allowed");
    }
    node->pod_cidrs.push_back(*cidr);
  }
  if (std::optional<At> item = spec.Find("podCIDR")) {
    std::optional<IpPrefix> cidr = ReadPrefix(*item, problems);
    if (cidr && node->pod_cidrs.empty()) node->pod_cidrs.push_back(*cidr);
    if (cidr && node->pod_cidrs.front() != *cidr) {
      spec.Add("podCIDR",
               absl::StrCat("must be the first of podCIDRs, ", node->pod_cidrs.front().ToString()));
    }
  }
  node->unschedulable = spec.Bool("unschedulable").value_or(false);
  spec.KnownButUnused({"providerID", "taints", "configSource", "externalID"});
  spec.Finish();
}

void ReadStatus(const At& at, NodeObject* node, Problems* problems) {
  Fields status(at, problems);
  std::vector<IpAddress> others;
  for (const At& item : status.List("addresses")) {
    Fields address(item, problems);
    std::string type = address.OneOf(
        "type", {"InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS"}, "Hostname");
    std::optional<At> text = address.Find("address");
    address.Finish();
    if (!text) {
      address.Add("address", "is required");
    } else if (type == "InternalIP" || type == "ExternalIP") {
      std::optional<IpAddress> ip = ReadAddress(*text, problems);
      if (ip) (type == "InternalIP" ? node->addresses : others).push_back(*ip);
    }
  }
  node->addresses.insert(node->addresses.end(), others.begin(), others.end());
  // The rest of a node's status is the kubelet's and none of our business.
}

}  // namespace

NodeObject ReadNode(Fields& object, const Metadata& metadata, Problems* problems) {
  NodeObject node;
  node.labels = metadata.labels;
  if (std::optional<At> spec = object.Find("spec")) ReadSpec(*spec, &node, problems);
  if (std::optional<At> status = object.Find("status")) ReadStatus(*status, &node, problems);
  return node;
}

}  // namespace fairlead::controller
