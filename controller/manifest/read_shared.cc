#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "controller/manifest/names.h"
#include "controller/manifest/readers.h"

namespace fairlead::controller {
namespace {

std::string CheckName(const std::string& kind, const std::string& name) {
  if (kind == "Namespace") return CheckDnsLabel(name);
  if (kind == "Service") return CheckDns1035Label(name);
  return CheckDnsSubdomain(name);
}

// What the API server has set, for nobody to check; 0 where it has not.
int64_t NumberAt(Fields& fields, const std::string& key) {
  const std::optional<At> at = fields.Find(key);
  int64_t number = 0;
  return at && absl::SimpleAtoi(at->value->text, &number) && number > 0 ? number : 0;
}

policy::LabelRequirement ReadRequirement(const At& at, Problems* problems) {
  using Operator = policy::LabelRequirement::Operator;
  Fields fields(at, problems);
  policy::LabelRequirement requirement;
  requirement.key = fields.RequiredString("key");
  if (!requirement.key.empty()) Require(fields, "key", CheckQualifiedName(requirement.key));
  std::string op = fields.RequiredString("operator");
  requirement.values = fields.Strings("values");
  if (op == "In" || op == "NotIn") {
    requirement.op = op == "In" ? Operator::kIn : Operator::kNotIn;
    if (requirement.values.empty()) {
      fields.Add("values", absl::StrCat("needs at least one value, for the operator is ", op));
    }
  } else if (op == "Exists" || op == "DoesNotExist") {
    requirement.op = op == "Exists" ? Operator::kExists : Operator::kDoesNotExist;
    if (!requirement.values.empty()) {
      fields.Add("values", absl::StrCat("must be absent or empty, for the operator is ", op));
    }
  } else if (!op.empty()) {
    fields.Add("operator", absl::StrCat("must be In, NotIn, Exists or DoesNotExist, is \"", op, "\""));
  }
  for (const std::string& value : requirement.values) Require(fields, "values", CheckLabelValue(value));
  fields.Finish();
  return requirement;
}

}  // namespace

void Require(Fields& parent, const std::string& key, const std::string& wrong) {
  if (!wrong.empty()) parent.Add(key, wrong);
}

policy::Labels ReadLabels(Fields& parent, const std::string& key, Problems* problems) {
  (void)problems;
  policy::Labels labels = parent.StringMap(key);
  for (const auto& [name, value] : labels) {
    Require(parent, key, CheckQualifiedName(name));
    std::string wrong = CheckLabelValue(value);
    if (!wrong.empty()) parent.Add(key, absl::StrCat("the value of ", name, " ", wrong));
  }
  return labels;
}

policy::LabelSelector ReadLabelSelector(const At& at, Problems* problems) {
  Fields fields(at, problems);
  policy::LabelSelector selector;
  selector.match_labels = ReadLabels(fields, "matchLabels", problems);
  for (const At& item : fields.List("matchExpressions")) {
    selector.match_expressions.push_back(ReadRequirement(item, problems));
  }
  fields.Finish();
  return selector;
}

policy::Protocol ReadProtocol(Fields& parent) {
  std::string protocol = parent.OneOf("protocol", {"TCP", "UDP", "SCTP"}, "TCP");
  if (protocol == "UDP") return policy::Protocol::kUdp;
  return protocol == "SCTP" ? policy::Protocol::kSctp : policy::Protocol::kTcp;
}

std::optional<IpAddress> ReadAddress(const At& at, Problems* problems) {
  std::optional<std::string> text = ReadString(at, problems);
  if (!text) return std::nullopt;
  absl::StatusOr<IpAddress> address = IpAddress::Parse(*text);
  if (address.ok()) return *address;
  problems->Add(at.value->line, at.path, absl::StrCat("must be an IPv4 or IPv6 address, is \"", *text, "\""));
  return std::nullopt;
}

std::optional<IpPrefix> ReadPrefix(const At& at, Problems* problems) {
  std::optional<std::string> text = ReadString(at, problems);
  if (!text) return std::nullopt;
  absl::StatusOr<IpPrefix> prefix = IpPrefix::Parse(*text);
  if (prefix.ok()) return *prefix;
  problems->Add(at.value->line, at.path,
                absl::StrCat("must be a range such as 10.0.0.0/8 or fd00::/64, is \"", *text, "\""));
  return std::nullopt;
}

Metadata ReadMetadata(Fields& object, const std::string& kind, bool cluster_scoped, Problems* problems) {
  Metadata metadata;
  std::optional<At> at = object.Find("metadata");
  if (!at) {
    object.Add("metadata", "is required, with a name");
    return metadata;
  }
  Fields fields(*at, problems);
  metadata.name = fields.String("name");
  if (!metadata.name.empty()) {
    Require(fields, "name", CheckName(kind, metadata.name));
  } else {
    fields.Add("name", fields.Has("generateName") ? "is required; a folder of manifests has no generateName"
                                                  : "is required");
  }
  metadata.namespace_name = fields.String("namespace");
  if (cluster_scoped && !metadata.namespace_name.empty()) {
    fields.Add("namespace", absl::StrCat("must be absent: a ", kind, " belongs to the cluster"));
  } else if (!cluster_scoped && metadata.namespace_name.empty()) {
    metadata.namespace_name = "default";
  } else if (!cluster_scoped) {
    Require(fields, "namespace", CheckDnsLabel(metadata.namespace_name));
  }
  metadata.uid = fields.String("uid");
  if (metadata.uid.size() > 128) fields.Add("uid", "must be up to 128 characters long");
  metadata.labels = ReadLabels(fields, "labels", problems);
  fields.StringMap("annotations");
  metadata.deleting = !fields.String("deletionTimestamp").empty();
  metadata.generation = NumberAt(fields, "generation");
  metadata.resource_version = static_cast<uint64_t>(NumberAt(fields, "resourceVersion"));
  fields.KnownButUnused({"generateName", "creationTimestamp", "deletionGracePeriodSeconds", "finalizers",
                         "managedFields", "ownerReferences", "selfLink"});
  fields.Finish();
  return metadata;
}

}  // namespace fairlead::controller
