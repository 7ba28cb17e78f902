#include "agent/why.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace fairlead::agent {
namespace {

constexpr uint32_t kTcp = 6;

absl::StatusOr<IpAddress> Resolve(const std::string& bytes, const std::string& text, bool ipv6,
                                  const AddressNames& names, const char* field) {
  if (!bytes.empty()) {
    if (bytes.size() != 4 && bytes.size() != 16) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, "_address: has ", bytes.size(), " bytes, must have 4 or 16"));
    }
    return IpAddress::FromBytes(bytes);
  }
  if (text.empty())
    return absl::InvalidArgumentError(absl::StrCat(field, ": is empty; name a pod or an address"));
  if (absl::StatusOr<IpAddress> address = IpAddress::Parse(text); address.ok()) return address;
  bool other_family = false;
  for (const IpAddress& address : names.AddressesOf(text)) {
    if (address.is_v4() != ipv6) return address;
    other_family = true;
  }
  if (other_family) {
    return absl::NotFoundError(
        absl::StrCat(field, ": ", text, " has no ", ipv6 ? "IPv6" : "IPv4", " address"));
  }
  return absl::NotFoundError(
      absl::StrCat(field, ": ", text,
                   " is no pod of this node, Service or node that it knows; name it namespace/name, or give "
                   "its address"));
}

}  // namespace

absl::StatusOr<datapath::ExplainRequest> ResolveWhy(const WhyQuestion& question, const AddressNames& names) {
  datapath::ExplainRequest request;
  ASSIGN_OR_RETURN(request.source,
                   Resolve(question.source_address, question.source, question.ipv6, names, "source"));
  ASSIGN_OR_RETURN(request.destination, Resolve(question.destination_address, question.destination,
                                                question.ipv6, names, "destination"));
  if (request.source.is_v4() != request.destination.is_v4()) {
    return absl::InvalidArgumentError(absl::StrCat(request.source.ToString(), " and ",
                                                   request.destination.ToString(),
                                                   " are of different families; ask for IPv6 or for IPv4"));
  }
  if (question.port > UINT16_MAX || question.source_port > UINT16_MAX || question.protocol > UINT8_MAX) {
    return absl::InvalidArgumentError("port, source_port or protocol: out of range");
  }
  request.protocol = static_cast<uint8_t>(question.protocol == 0 ? kTcp : question.protocol);
  request.source_port = static_cast<uint16_t>(question.source_port);
  request.destination_port = static_cast<uint16_t>(question.port);
  return request;
}

}  // namespace fairlead::agent
