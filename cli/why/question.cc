#include "cli/why/question.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"

namespace fairlead::cli {
namespace {

uint8_t ProtocolNumber(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  if (lower == "tcp") return 6;
  if (lower == "udp") return 17;
  if (lower == "sctp") return 132;
  if (lower == "icmp") return 1;
  return 0;
}

// What a Place may be: all addresses of one object, or one address.
struct Found {
  std::string name;
  std::vector<const NamedAddress*> entries;
  std::vector<IpAddress> addresses;
};

bool IsReplicaOf(const std::string& pod, const std::string& name) {
  if (!absl::StartsWith(pod, name + "-")) return false;
  const std::string rest = pod.substr(name.size() + 1);
  return !rest.empty() &&
         std::all_of(rest.begin(), rest.end(), [](char c) { return absl::ascii_isalnum(c); });
}

std::vector<std::string> SimilarNames(const std::string& name, const Names& names) {
  std::vector<std::string> similar;
  const std::string last = name.substr(name.rfind('/') + 1);
  for (const NamedAddress& entry : names.entries()) {
    if (absl::StrContains(entry.name, last) && std::count(similar.begin(), similar.end(), entry.name) == 0) {
      similar.push_back(entry.name);
    }
  }
  if (similar.size() > 5) similar.resize(5);
  return similar;
}

enum class Role { kSource, kDestination, kServiceFirst };

absl::StatusOr<Found> Find(const Place& place, const Names& names, Role role, std::string& note) {
  Found found{.name = place.name};
  if (const auto address = IpAddress::Parse(place.name); address.ok()) {
    found.addresses = {*address};
    if (const NamedAddress* entry = names.Find(*address)) {
      found.entries = {entry};
      found.name = entry->name;
    }
    return found;
  }
  std::vector<std::string> kinds{"pod", "service", "node", "host"};
  if (role == Role::kServiceFirst) kinds = {"service", "pod", "node", "host"};
  if (role == Role::kSource) kinds = {"pod", "node", "host"};
  if (!place.kind.empty()) kinds = {place.kind};
  for (const std::string& kind : kinds) {
    if (found.entries.empty()) found.entries = names.FindName(place.name, kind);
  }
  for (const NamedAddress* entry : names.FindName(place.name, "headless")) {
    const NamedAddress* pod = names.Find(entry->address);
    if (!found.entries.empty() || !place.kind.empty() || pod == nullptr) break;
    found.entries = names.FindName(pod->name, pod->kind);
    note = absl::StrCat(place.name, " is headless; this is about ", pod->name);
  }
  for (const NamedAddress& entry : names.entries()) {
    if (!found.entries.empty() && found.entries[0]->name != entry.name) continue;
    if (found.entries.empty() && entry.kind == "pod" && IsReplicaOf(entry.name, place.name)) {
      found.entries = names.FindName(entry.name, "pod");
      note = absl::StrCat(place.name, " has replicas; this is about ", entry.name);
    }
  }
  if (found.entries.empty()) found.entries = names.FindName(place.name, "service");
  if (found.entries.empty()) {
    const std::vector<std::string> similar = SimilarNames(place.name, names);
    return absl::NotFoundError(absl::StrCat(
        "nothing here is called '", place.name,
        "'; write NAMESPACE/POD, NAMESPACE/SERVICE, a node or an address",
        similar.empty() ? "" : absl::StrCat(". Did you mean ", absl::StrJoin(similar, ", "), "?")));
  }
  found.name = found.entries[0]->name;
  for (const NamedAddress* entry : found.entries) found.addresses.push_back(entry->address);
  return found;
}

const IpAddress* OfFamily(const Found& found, bool ipv4) {
  for (const IpAddress& address : found.addresses) {
    if (address.is_v4() == ipv4) return &address;
  }
  return nullptr;
}

absl::Status ChoosePort(const Place& place, const Found& found, Question& question) {
  question.protocol = place.protocol == 0 ? 6 : place.protocol;
  question.port = place.port;
  if (place.port != 0 || question.protocol == 1) return absl::OkStatus();
  std::vector<NamedPort> ports;
  for (const NamedAddress* entry : found.entries) {
    for (const NamedPort& port : entry->ports) {
      const bool fits = place.protocol == 0 || port.protocol == place.protocol;
      if (fits && std::count(ports.begin(), ports.end(), port) == 0) ports.push_back(port);
    }
  }
  if (ports.size() == 1) {
    question.port = ports[0].port;
    question.protocol = ports[0].protocol;
    return absl::OkStatus();
  }
  std::vector<std::string> texts;
  texts.reserve(ports.size());
  for (const NamedPort& port : ports)
    texts.push_back(absl::StrCat(port.port, port.protocol == 17 ? "/udp" : ""));
  return absl::InvalidArgumentError(
      absl::StrCat("which port of ", found.name, "? Write ", found.name, ":PORT[/udp]",
                   texts.empty() ? "" : absl::StrCat("; it has ", absl::StrJoin(texts, ", "))));
}

std::string NodeOf(const Found& found, const IpAddress& address) {
  for (const NamedAddress* entry : found.entries) {
    if (entry->address == address) return entry->kind == "node" ? entry->name : entry->node;
  }
  return "";
}

}  // namespace

absl::StatusOr<Place> ParsePlace(const std::string& text) {
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "': ", what, "; write NAMESPACE/NAME, a node or an address, then [:PORT][/udp]"));
  };
  Place place;
  std::string rest = text;
  for (const auto& [prefix, kind] :
       {std::pair{"pod/", "pod"}, {"svc/", "service"}, {"service/", "service"}, {"node/", "node"}}) {
    // "pod/x" alone is the pod x of a namespace called pod.
    if (absl::StartsWith(rest, prefix) &&
        (std::string(kind) == "node" || std::count(rest.begin(), rest.end(), '/') >= 2)) {
      place.kind = kind;
      rest = rest.substr(std::string(prefix).size());
      break;
    }
  }
  if (const size_t slash = rest.rfind('/'); slash != std::string::npos) {
    place.protocol = ProtocolNumber(rest.substr(slash + 1));
    // "shop/tcp" is a pod called tcp, "shop/cart:80/tcp" and "10.0.0.1/icmp" are not.
    const std::string before = rest.substr(0, slash);
    const bool is_protocol =
        place.protocol != 0 &&
        (absl::StrContains(before, '/') || absl::StrContains(before, ':') || IpAddress::Parse(before).ok());
    if (is_protocol) {
      rest = before;
    } else {
      place.protocol = 0;
    }
  }
  if (!rest.empty() && rest[0] == '[') {
    const size_t end = rest.find(']');
    if (end == std::string::npos) return wrong("no ] after [");
    place.name = rest.substr(1, end - 1);
    rest = rest.substr(end + 1);
  } else if (IpAddress::Parse(rest).ok()) {
    place.name = rest;
    rest.clear();
  } else {
    const size_t colon = rest.find(':');
    place.name = rest.substr(0, colon);
    rest = colon == std::string::npos ? "" : rest.substr(colon);
  }
  if (place.name.empty()) return wrong("no name");
  if (rest.empty()) return place;
  uint32_t port = 0;
  if (rest[0] != ':' || !absl::SimpleAtoi(rest.substr(1), &port) || port == 0 || port > 65535) {
    return wrong(absl::StrCat("'", rest.substr(1), "' is no port"));
  }
  place.port = static_cast<uint16_t>(port);
  return place;
}

absl::StatusOr<Question> Resolve(const Place& source, const Place& destination, const Names& names,
                                 const Preferences& preferences) {
  Question question;
  ASSIGN_OR_RETURN(const Found from, Find(source, names, Role::kSource, question.note));
  if (!from.entries.empty() && from.entries[0]->kind == "service") {
    return absl::InvalidArgumentError(
        absl::StrCat(from.name, " is a Service, which sends nothing; ask about one of its pods"));
  }
  // A port that only the Service of that name has tells which of the two is meant.
  bool service_has_port = false;
  bool pod_has_port = false;
  for (const NamedAddress* entry : names.FindName(destination.name)) {
    for (const NamedPort& port : entry->ports) {
      if (port.port == destination.port) (entry->kind == "service" ? service_has_port : pod_has_port) = true;
    }
  }
  const bool no_such_pod = names.FindName(destination.name, "pod").empty();
  const bool service_first = no_such_pod || (service_has_port && !pod_has_port);
  ASSIGN_OR_RETURN(
      const Found to,
      Find(destination, names, service_first ? Role::kServiceFirst : Role::kDestination, question.note));
  RETURN_IF_ERROR(ChoosePort(destination, to, question));

  for (const bool ipv4 : {!preferences.ipv6, preferences.ipv6}) {
    const IpAddress* a = OfFamily(from, ipv4);
    const IpAddress* b = OfFamily(to, ipv4);
    if (a == nullptr || b == nullptr) continue;
    question.source = *a;
    question.destination = *b;
    question.source_name = from.name;
    question.destination_name = to.name;
    question.node = NodeOf(from, *a);
    if (question.node.empty()) question.node = NodeOf(to, *b);
    return question;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(from.name, " and ", to.name, " have no address family in common"));
}

}  // namespace fairlead::cli
