#include "cli/probe/target.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/address_port.h"
#include "base/status_macros.h"

namespace fairlead::probe {
namespace {

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text, &port) || port == 0 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no port; ports are 1 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

absl::StatusOr<IpAddress> Resolve(absl::string_view host, const Hosts& hosts, Family family) {
  auto address = IpAddress::Parse(host);
  if (address.ok()) return address;
  const auto found = hosts.find(std::string(host));
  if (found == hosts.end()) {
    return absl::NotFoundError(absl::StrCat("'", host, "' is neither an address nor a name in /etc/hosts"));
  }
  for (const IpAddress& candidate : found->second) {
    if (family == Family::kAny || candidate.is_v4() == (family == Family::kIpv4)) return candidate;
  }
  return absl::NotFoundError(
      absl::StrCat("'", host, "' has no ", family == Family::kIpv4 ? "IPv4" : "IPv6", " address"));
}

}  // namespace

const char* ToString(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "tcp";
    case Protocol::kUdp:
      return "udp";
    case Protocol::kSctp:
      return "sctp";
  }
  return "?";
}

absl::StatusOr<Protocol> ParseProtocol(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp}) {
    if (lower == ToString(protocol)) return protocol;
  }
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' is no protocol; say tcp, udp or sctp"));
}

std::string ToString(const Target& target) {
  return absl::StrCat(WithPort(target.address, target.port),
                      target.protocol == Protocol::kTcp ? "" : absl::StrCat("/", ToString(target.protocol)));
}

Hosts ParseHosts(absl::string_view text) {
  Hosts hosts;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = line.substr(0, line.find('#'));
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < 2) continue;
    const auto address = IpAddress::Parse(words[0]);
    if (!address.ok()) continue;
    for (size_t i = 1; i < words.size(); ++i) hosts[std::string(words[i])].push_back(*address);
  }
  return hosts;
}

absl::StatusOr<Target> ParseTarget(absl::string_view text, const Hosts& hosts, Family family) {
  Target target;
  absl::string_view rest = text;
  if (const size_t slash = rest.rfind('/'); slash != absl::string_view::npos) {
    ASSIGN_OR_RETURN(target.protocol, ParseProtocol(rest.substr(slash + 1)));
    rest = rest.substr(0, slash);
  }
  const size_t colon = rest.rfind(':');
  if (colon == absl::string_view::npos || colon == 0 || rest.back() == ']') {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' names no port; write HOST:PORT[/udp], IPv6 as [ADDRESS]:PORT"));
  }
  ASSIGN_OR_RETURN(target.port, ParsePort(rest.substr(colon + 1)));
  absl::string_view host = rest.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  ASSIGN_OR_RETURN(target.address, Resolve(host, hosts, family));
  return target;
}

absl::StatusOr<Listen> ParseListen(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' names no port; write PROTOCOL:PORT, as tcp:80"));
  }
  Listen listen;
  ASSIGN_OR_RETURN(listen.protocol, ParseProtocol(text.substr(0, colon)));
  ASSIGN_OR_RETURN(listen.port, ParsePort(text.substr(colon + 1)));
  return listen;
}

}  // namespace fairlead::probe
