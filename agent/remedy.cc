#include "agent/remedy.h"

#include "absl/strings/str_cat.h"
#include "base/first_few.h"
#include "datapath/abi/reasons.h"

namespace fairlead::agent {
namespace {

struct ReasonText {
  const char* name;
  const char* text;
};

constexpr ReasonText kReasons[] = {
#define FL_REASON_TEXT(constant, name, text) {name, text},
    FL_REASONS(FL_REASON_TEXT)
#undef FL_REASON_TEXT
};

std::string ProtocolText(uint8_t protocol) {
  switch (protocol) {
    case 6:
      return "TCP";
    case 17:
      return "UDP";
    case 132:
      return "SCTP";
    default:
      return absl::StrCat("protocol ", protocol);
  }
}

std::string PolicyRemedy(const datapath::Explanation& explanation, const std::string& source,
                         const std::string& destination, uint8_t protocol) {
  const bool ingress = explanation.direction == policy::Direction::kIngress;
  const policy::RuleOrigin& origin = *explanation.origin;
  std::string policies = FirstFew(origin.isolating);
  if (policies.empty()) policies = absl::StrCat(origin.namespace_name, "/", origin.name);
  return absl::StrCat("add ", ingress ? "an ingress" : "an egress", " rule for ", ProtocolText(protocol),
                      " port ", explanation.destination_port, ingress ? " from " : " to ",
                      ingress ? source : destination, " to a NetworkPolicy that selects ",
                      ingress ? destination : source, " (now selected by ", policies, ")");
}

}  // namespace

std::string RemedyFor(const datapath::Explanation& explanation, const std::string& source,
                      const std::string& destination, uint8_t protocol) {
  if (explanation.allowed) return "";
  if (explanation.origin) return PolicyRemedy(explanation, source, destination, protocol);
  for (const ReasonText& reason : kReasons) {
    if (explanation.reason == reason.name) return reason.text;
  }
  return "";
}

}  // namespace fairlead::agent
