// One reader a kind: fields of the API in, a value or problems out. A value is only good when no
// problem was added. Internal to manifest/; the way in is manifest.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "controller/manifest/fields.h"
#include "controller/manifest/objects.h"

namespace fairlead::controller {

struct Metadata {
  std::string name;
  std::string namespace_name;  // "default" when absent; empty for kinds of the cluster
  std::string uid;
  policy::Labels labels;
  bool deleting = false;
  int64_t generation = 0;         // 0: not given
  uint64_t resource_version = 0;  // 0: not given, or no number
};

// `object` is the whole object; its kind decides on the shape of its name.
Metadata ReadMetadata(Fields& object, const std::string& kind, bool cluster_scoped, Problems* problems);

NamespaceObject ReadNamespace(Fields& object, const Metadata& metadata, Problems* problems);
NodeObject ReadNode(Fields& object, const Metadata& metadata, Problems* problems);
PodObject ReadPod(Fields& object, const Metadata& metadata, Problems* problems);
WorkloadObject ReadWorkload(Fields& object, const std::string& kind, const Metadata& metadata,
                            Problems* problems);
ServiceObject ReadService(Fields& object, const Metadata& metadata, Problems* problems);
EndpointSliceObject ReadEndpointSlice(Fields& object, const Metadata& metadata, Problems* problems);
policy::NetworkPolicy ReadNetworkPolicy(Fields& object, const Metadata& metadata, Problems* problems);
ConfigObject ReadConfig(Fields& object, const Metadata& metadata, Problems* problems);

// Shared pieces.
PodSpec ReadPodSpec(const At& at, Problems* problems);
policy::Labels ReadLabels(Fields& parent, const std::string& key, Problems* problems);
policy::LabelSelector ReadLabelSelector(const At& at, Problems* problems);
policy::Protocol ReadProtocol(Fields& parent);
std::optional<IpAddress> ReadAddress(const At& at, Problems* problems);
std::optional<IpPrefix> ReadPrefix(const At& at, Problems* problems);
// Adds a problem at `key` when a check of names.h found one.
void Require(Fields& parent, const std::string& key, const std::string& wrong);

}  // namespace fairlead::controller
