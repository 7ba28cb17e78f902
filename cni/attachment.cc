#include "cni/attachment.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace fairlead::cni {

bool IsValidContainerId(const std::string& id) {
  if (id.empty() || id.size() > 255 || !absl::ascii_isalnum(static_cast<unsigned char>(id[0]))) return false;
  return std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-';
  });
}

bool IsValidInterfaceName(const std::string& name) {
  if (name.empty() || name.size() > 15 || name == "." || name == "..") return false;
  return std::none_of(name.begin(), name.end(), [](unsigned char c) {
    return c == '/' || c == ':' || absl::ascii_isspace(c) || c == 0;
  });
}

}  // namespace fairlead::cni
