#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

// As many as the schema of the CRD allows.
constexpr size_t kMaxRanges = 256;

// Nothing: the key is absent. An empty list says that there are none.
std::optional<std::vector<IpPrefix>> ReadRanges(Fields& spec, const std::string& key, Problems* problems) {
  const std::vector<At> items = spec.List(key);
  if (!spec.Has(key)) return std::nullopt;
  if (items.size() > kMaxRanges) {
    spec.Add(key, absl::StrCat("has ", items.size(), " ranges, at most ", kMaxRanges, " are allowed"));
    return std::nullopt;
  }
  std::vector<IpPrefix> ranges;
  for (const At& item : items) {
    const std::optional<IpPrefix> range = ReadPrefix(item, problems);
    if (!range) continue;
    if (std::find(ranges.begin(), ranges.end(), *range) != ranges.end())
      problems->Add(item.value->line, item.path, absl::StrCat(range->ToString(), " is there twice"));
    ranges.push_back(*range);
  }
  return ranges;
}

void CheckFamilies(Fields& spec, const std::string& key, const std::vector<IpPrefix>& ranges) {
  const auto v4 = std::count_if(ranges.begin(), ranges.end(),
                                [](const IpPrefix& range) { return range.address().is_v4(); });
  if (v4 > 1 || static_cast<std::ptrdiff_t>(ranges.size()) - v4 > 1)
    spec.Add(key, "has two ranges of one family; one IPv4 and one IPv6 are allowed");
}

}  // namespace

ConfigObject ReadConfig(Fields& object, const Metadata& metadata, Problems* problems) {
  ConfigObject config;
  object.KnownButUnused({"status"});
  if (!metadata.name.empty() && metadata.name != kConfigName) {
    problems->Add(object.Find("metadata")->value->line, "metadata.name",
                  absl::StrCat("must be \"", kConfigName, "\", is \"", metadata.name,
                               "\"; one object holds for the whole cluster"));
  }
  const std::optional<At> at = object.Find("spec");
  if (!at) return config;
  Fields spec(*at, problems);
  config.masquerade = spec.Bool("masquerade");
  config.native_cidrs = ReadRanges(spec, "nativeCIDRs", problems);
  config.socket_balancing = spec.Bool("socketBalancing");
  config.service_cidrs = ReadRanges(spec, "serviceCIDRs", problems);
  if (config.service_cidrs) CheckFamilies(spec, "serviceCIDRs", *config.service_cidrs);
  spec.Finish();
  return config;
}

}  // namespace fairlead::controller
