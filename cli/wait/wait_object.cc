#include "cli/wait/wait_object.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace fairlead::cli {
namespace {

std::string KindOf(const std::string& text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const char* name : {"networkpolicy", "networkpolicies", "netpol"}) {
    if (lower == name) return "NetworkPolicy";
  }
  for (const char* name : {"service", "services", "svc"}) {
    if (lower == name) return "Service";
  }
  return "";
}

}  // namespace

std::string WaitObject::ToString() const {
  return absl::StrCat(kind, " ", namespace_name, "/", name);
}

absl::StatusOr<WaitObject> ParseWaitObject(const std::string& text, const std::string& default_namespace) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text, "': ", what, "; write networkpolicy/NAME or service/NAME, with -n NAMESPACE or as",
        " networkpolicy/NAMESPACE/NAME"));
  };
  if (parts.size() < 2 || parts.size() > 3) return wrong("is no KIND/NAME");
  WaitObject object{.kind = KindOf(parts[0]),
                    .namespace_name = parts.size() == 3 ? parts[1] : default_namespace,
                    .name = parts.back()};
  if (object.kind.empty()) return wrong(absl::StrCat("'", parts[0], "' has no realised state"));
  if (object.name.empty() || object.namespace_name.empty()) return wrong("a name is empty");
  return object;
}

}  // namespace fairlead::cli
