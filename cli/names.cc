#include "cli/names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace fairlead::cli {

Names::Names(std::vector<NamedAddress> entries) : entries_(std::move(entries)) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    const auto [it, inserted] = by_address_.emplace(entries_[i].address, i);
    if (!inserted && entries_[it->second].host_network && entries_[i].kind == "node") it->second = i;
  }
}

const NamedAddress* Names::Find(const IpAddress& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &entries_[found->second];
}

std::vector<const NamedAddress*> Names::FindName(absl::string_view name, absl::string_view kind) const {
  std::vector<const NamedAddress*> found;
  for (const NamedAddress& entry : entries_) {
    if (entry.name == name && (kind.empty() || entry.kind == kind)) found.push_back(&entry);
  }
  return found;
}

namespace {

// "cart.shop", "cart.shop.svc" and "cart.shop.svc.cluster.local".
std::string DnsNames(absl::string_view name) {
  return absl::StrCat(" ", name, " ", name, ".svc ", name, ".svc.cluster.local");
}

}  // namespace

std::string HostsText(const Names& names) {
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
  for (const NamedAddress& entry : names.entries()) {
    const std::vector<std::string> parts = absl::StrSplit(entry.name, '/');
    const std::string address = entry.address.ToString();
    if ((entry.kind == "service" || entry.kind == "headless") && parts.size() == 2) {
      absl::StrAppend(&text, address, DnsNames(absl::StrCat(parts[1], ".", parts[0])), "\n");
    } else if (entry.kind == "pod" && parts.size() == 2 && !entry.host_network) {
      absl::StrAppend(&text, address, " ", parts[1], ".", parts[0], ".pod\n");
    } else if (entry.kind == "node") {
      absl::StrAppend(&text, address, " ", entry.name, "\n");
    }
  }
  return text;
}

}  // namespace fairlead::cli
