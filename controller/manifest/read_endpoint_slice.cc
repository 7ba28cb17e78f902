#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

// As the API server has it (ValidateEndpointIP): a Service must not lead to what listens on the node alone,
// nor to metadata servers. nullptr: it may.
const char* WhyNoEndpoint(const IpAddress& address) {
  struct Range {
    const char* prefix;
    const char* what;
  };
  static constexpr Range kRanges[] = {
      {"0.0.0.0/32", "the unspecified address"}, {"::/128", "the unspecified address"},
      {"127.0.0.0/8", "a loopback address"},     {"::1/128", "a loopback address"},
      {"169.254.0.0/16", "link-local"},          {"fe80::/10", "link-local"},
      {"224.0.0.0/24", "link-local multicast"},  {"ff02::/16", "link-local multicast"},
  };
  for (const Range& range : kRanges) {
    if (IpPrefix::Parse(range.prefix)->Contains(address)) return range.what;
  }
  return nullptr;
}

SliceEndpoint ReadEndpoint(const At& at, bool ipv4, Problems* problems) {
  Fields fields(at, problems);
  SliceEndpoint endpoint;
  for (const At& item : fields.List("addresses")) {
    std::optional<IpAddress> address = ReadAddress(item, problems);
    if (!address) continue;
    if (address->is_v4() != ipv4) {
      problems->Add(item.value->line, item.path,
                    absl::StrCat("must be of the slice's addressType, ", ipv4 ? "IPv4" : "IPv6"));
    }
    if (const char* why = WhyNoEndpoint(*address)) {
      problems->Add(item.value->line, item.path,
                    absl::StrCat("must not be ", why, ", is ", address->ToString()));
    }
    endpoint.addresses.push_back(*address);
  }
  if (!fields.Has("addresses")) fields.Add("addresses", "is required, with at least one address");
  if (std::optional<At> item = fields.Find("conditions")) {
    Fields conditions(*item, problems);
    // Absent is ready (discovery/v1); serving then is what ready is.
    endpoint.ready = conditions.Bool("ready").value_or(true);
    endpoint.serving = conditions.Bool("serving").value_or(endpoint.ready);
    endpoint.terminating = conditions.Bool("terminating").value_or(false);
    conditions.Finish();
  }
  endpoint.node = fields.String("nodeName");
  if (std::optional<At> item = fields.Find("targetRef")) {
    Fields reference(*item, problems);
    if (reference.String("kind") == "Pod") endpoint.pod = reference.String("name");
  }
  fields.KnownButUnused({"hostname", "zone", "hints", "deprecatedTopology"});
  fields.Finish();
  return endpoint;
}

SlicePort ReadPort(const At& at, Problems* problems) {
  Fields fields(at, problems);
  SlicePort port;
  port.name = fields.String("name");
  if (!port.name.empty()) Require(fields, "name", CheckDnsLabel(port.name));
  port.protocol = ReadProtocol(fields);
  port.port = static_cast<uint16_t>(fields.Int("port", 1, 65535).value_or(0));
  fields.KnownButUnused({"appProtocol"});
  fields.Finish();
  return port;
}

}  // namespace

EndpointSliceObject ReadEndpointSlice(Fields& object, const Metadata& metadata, Problems* problems) {
  EndpointSliceObject slice;
  auto service = metadata.labels.find("kubernetes.io/service-name");
  if (service != metadata.labels.end()) slice.service = service->second;
  if (!object.Has("addressType")) object.Add("addressType", "is required: IPv4 or IPv6");
  std::string type = object.OneOf("addressType", {"IPv4", "IPv6", "FQDN"}, "IPv4");
  if (type == "FQDN") object.Add("addressType", "FQDN cannot be balanced; use IPv4 or IPv6");
  for (const At& item : object.List("endpoints")) {
    slice.endpoints.push_back(ReadEndpoint(item, type == "IPv4", problems));
  }
  for (const At& item : object.List("ports")) slice.ports.push_back(ReadPort(item, problems));
  return slice;
}

}  // namespace fairlead::controller
