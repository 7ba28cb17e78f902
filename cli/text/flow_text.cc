#include "cli/text/flow_text.h"

#include <ctime>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/ip.h"
#include "cli/cluster.h"

namespace fairlead::cli {
namespace {

using observer::v1::Flow;

std::string TimeOf(int64_t time_ns) {
  const time_t seconds = time_ns / 1'000'000'000;
  tm local{};
  localtime_r(&seconds, &local);
  char text[16];
  std::strftime(text, sizeof text, "%H:%M:%S", &local);
  return absl::StrFormat("%s.%03d", text, static_cast<int>(time_ns / 1'000'000 % 1000));
}

// "shop/cart-0:4711"; of a pod that claims to be another: "shop/cart-0 as 10.244.2.9:4711".
std::string SenderText(const Flow& flow, const Names& names) {
  const absl::StatusOr<IpAddress> address = IpAddress::FromBytes(flow.source());
  const bool from_pod = flow.stage() == "pod-egress" && !flow.source_pod().empty();
  if (from_pod && flow.verdict() == observer::v1::DROPPED && address.ok()) {
    const NamedAddress* owner = names.Find(*address);
    const bool known = !names.FindName(flow.source_pod(), "pod").empty();
    if (known && (owner == nullptr || owner->name != flow.source_pod() || owner->kind != "pod"))
      return absl::StrCat(flow.source_pod(), " as ", AddressPort(flow.source(), flow.source_port()));
  }
  return NamedPortText(names, flow.source_pod(), flow.source(), flow.source_port());
}

// Nothing of the packet could be read.
bool IsUnreadable(const Flow& flow) {
  const auto zero = [](const std::string& bytes) {
    return bytes.find_first_not_of('\0') == std::string::npos;
  };
  return flow.protocol() == 0 && zero(flow.source()) && zero(flow.destination());
}

// "shop/cart-0:4711 → shop/db-0:5432 TCP"
std::string EndsText(const Flow& flow, const Names& names, const Style& style) {
  if (IsUnreadable(flow))
    return style.Paint(Tone::kName, flow.source_pod().empty() ? "?" : flow.source_pod()) + " → ?";
  return absl::StrCat(style.Paint(Tone::kName, SenderText(flow, names)), " → ",
                      style.Paint(Tone::kName, NamedPortText(names, flow.destination_pod(),
                                                             flow.destination(), flow.destination_port())),
                      " ", ProtocolName(flow.protocol()));
}

}  // namespace

std::string FlowText(const Flow& flow, const Names& names, const Style& style) {
  std::string text;
  if (flow.lost() > 0) {
    text = style.Paint(Tone::kCaution, absl::StrCat("... ", flow.lost(), " events lost on ", flow.node()));
    text += "\n";
  }
  const bool passed = flow.verdict() == observer::v1::FORWARDED;
  const char* mark = passed ? "✓" : flow.verdict() == observer::v1::REJECTED ? "↯" : "✗";
  absl::StrAppend(&text, style.Paint(Tone::kFaint, TimeOf(flow.time_ns())), " ", flow.node(), " ",
                  style.Paint(passed ? Tone::kGood : Tone::kBad, mark), " ", EndsText(flow, names, style));
  if (!flow.service().empty()) {
    absl::StrAppend(&text, " (via ", flow.service(), ":", flow.service_port(), ")");
  } else if (!flow.service_address().empty()) {
    absl::StrAppend(&text, " (via ", AddressPort(flow.service_address(), flow.service_port()), ")");
  }
  absl::StrAppend(&text, ", ", flow.stage());
  if (!passed) absl::StrAppend(&text, ": ", style.Paint(Tone::kBad, flow.reason()));
  if (!flow.policy().empty()) {
    absl::StrAppend(&text, ", ", flow.policy(), flow.policy_place().empty() ? "" : " ", flow.policy_place());
  }
  return text + "\n";
}

}  // namespace fairlead::cli
