#include <algorithm>

#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

std::optional<policy::IpBlock> ReadIpBlock(const At& at, Problems* problems) {
  Fields fields(at, problems);
  policy::IpBlock block;
  std::optional<At> cidr_at = fields.Find("cidr");
  if (!cidr_at) fields.Add("cidr", "is required");
  std::optional<IpPrefix> cidr = cidr_at ? ReadPrefix(*cidr_at, problems) : std::nullopt;
  if (cidr) block.cidr = *cidr;
  for (const At& item : fields.List("except")) {
    std::optional<IpPrefix> except = ReadPrefix(item, problems);
    if (!except) continue;
    if (cidr && (!cidr->Contains(*except) || *cidr == *except)) {
      problems->Add(item.value->line, item.path,
                    absl::StrCat("must lie inside of cidr ", cidr->ToString(), " and be smaller, is ",
                                 except->ToString()));
    }
    block.except.push_back(*except);
  }
  fields.Finish();
  return cidr ? std::optional(block) : std::nullopt;
}

void ReadPeer(const At& at, policy::PolicyRule* rule, Problems* problems) {
  Fields fields(at, problems);
  policy::PodPeer pods;
  if (std::optional<At> item = fields.Find("podSelector"))
    pods.pod_selector = ReadLabelSelector(*item, problems);
  if (std::optional<At> item = fields.Find("namespaceSelector")) {
    pods.namespace_selector = ReadLabelSelector(*item, problems);
  }
  bool selects = pods.pod_selector || pods.namespace_selector;
  if (std::optional<At> item = fields.Find("ipBlock")) {
    std::optional<policy::IpBlock> block = ReadIpBlock(*item, problems);
    if (selects)
      fields.Add("ipBlock", "stands alone: a peer is ipBlock, or podSelector and/or namespaceSelector");
    if (block) rule->peers.emplace_back(*block);
  } else if (selects) {
    rule->peers.emplace_back(pods);
  } else {
    problems->Add(at.value->line, at.path,
                  "names no peer; allowed: podSelector, namespaceSelector, ipBlock ({} selects all)");
  }
  fields.Finish();
}

void ReadPort(const At& at, policy::PolicyRule* rule, Problems* problems) {
  Fields fields(at, problems);
  policy::PolicyPort result;
  result.protocol = ReadProtocol(fields);
  std::optional<int64_t> end = fields.Int("endPort", 1, 65535);
  std::optional<At> port = fields.Find("port");
  if (!port) {
    if (end) fields.Add("endPort", "needs a port that is a number");
  } else if (port->value->type == Value::Type::kString) {
    Require(fields, "port", CheckPortName(port->value->text));
    if (end) fields.Add("endPort", "needs a port that is a number, not a name");
    result.port = policy::PortName{port->value->text};
  } else if (std::optional<int64_t> first = ReadInt(*port, 1, 65535, problems)) {
    if (end && *end < *first)
      fields.Add("endPort", absl::StrCat("must be at least port, ", *first, ", is ", *end));
    result.port =
        policy::PortNumbers{static_cast<uint16_t>(*first), static_cast<uint16_t>(end.value_or(*first))};
  }
  fields.Finish();
  rule->ports.push_back(result);
}

std::vector<policy::PolicyRule> ReadRules(Fields& spec, const char* key, const char* peers_key,
                                          Problems* problems) {
  std::vector<policy::PolicyRule> rules;
  for (const At& item : spec.List(key)) {
    Fields fields(item, problems);
    policy::PolicyRule rule;
    for (const At& peer : fields.List(peers_key)) ReadPeer(peer, &rule, problems);
    for (const At& port : fields.List("ports")) ReadPort(port, &rule, problems);
    fields.Finish();
    rules.push_back(std::move(rule));
  }
  return rules;
}

// Defaulting as in k8s.io/kubernetes/pkg/apis/networking/v1: no types (absent or empty) means
// Ingress, and Egress too where the policy has an egress rule.
void ReadPolicyTypes(Fields& spec, policy::NetworkPolicy* policy, Problems* problems) {
  std::vector<At> types = spec.List("policyTypes");
  if (types.size() > 2) spec.Add("policyTypes", "must have at most two entries: Ingress, Egress");
  for (const At& item : types) {
    std::optional<std::string> type = ReadString(item, problems);
    if (!type) continue;
    if (*type == "Ingress") {
      policy->isolates_ingress = true;
    } else if (*type == "Egress") {
      policy->isolates_egress = true;
    } else {
      problems->Add(item.value->line, item.path,
                    absl::StrCat("must be Ingress or Egress, is \"", *type, "\""));
    }
  }
  if (types.empty()) {
    policy->isolates_ingress = true;
    policy->isolates_egress = !policy->egress.empty();
  }
}

}  // namespace

policy::NetworkPolicy ReadNetworkPolicy(Fields& object, const Metadata& metadata, Problems* problems) {
  policy::NetworkPolicy policy;
  policy.namespace_name = metadata.namespace_name;
  policy.name = metadata.name;
  object.KnownButUnused({"status"});
  // An absent spec is an empty one: it isolates all pods of its namespace for ingress.
  static const Value kEmpty;
  Fields spec(object.Find("spec").value_or(At{&kEmpty, "spec"}), problems);
  if (std::optional<At> selector = spec.Find("podSelector")) {
    policy.pod_selector = ReadLabelSelector(*selector, problems);
  }
  policy.ingress = ReadRules(spec, "ingress", "from", problems);
  policy.egress = ReadRules(spec, "egress", "to", problems);
  ReadPolicyTypes(spec, &policy, problems);
  spec.Finish();
  return policy;
}

}  // namespace fairlead::controller
