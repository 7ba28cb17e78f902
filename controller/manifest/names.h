// The shapes of names in the Kubernetes API. Each returns "" or what is wrong and what is allowed.
// Sources: k8s.io/apimachinery/pkg/util/validation; RFC 1123, RFC 1035, RFC 6335 (5.1).
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace fairlead::controller {

// Small letters, digits and '-', up to 63: namespaces, containers.
std::string CheckDnsLabel(absl::string_view text);
// As above, but begins with a letter: Services.
std::string CheckDns1035Label(absl::string_view text);
// Labels with dots between, up to 253: pods, nodes, policies.
std::string CheckDnsSubdomain(absl::string_view text);
// "name" or "prefix/name": keys of labels.
std::string CheckQualifiedName(absl::string_view text);
std::string CheckLabelValue(absl::string_view text);
// Port names: up to 15 small letters, digits, '-', at least one letter.
std::string CheckPortName(absl::string_view text);

}  // namespace fairlead::controller
