#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

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
