#include "agent/state_file.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/files.h"
#include "base/read_file.h"
#include "base/status_macros.h"
#include "policy/content_hash.h"

namespace fairlead::agent {
namespace {

// One line: "fairlead-state 1 LENGTH CHECKSUM".
constexpr char kMagic[] = "fairlead-state";
constexpr int kFormat = 1;
constexpr size_t kMaxHeader = 128;
constexpr size_t kMaxFileBytes = size_t{1} << 30;

std::string Checksum(const std::string& content) {
  return policy::ContentHash().Add(content).Hex();
}

}  // namespace

absl::Status WriteStateFile(const std::string& path, const std::string& content) {
  const std::string header =
      absl::StrCat(kMagic, " ", kFormat, " ", content.size(), " ", Checksum(content), "\n");
  return ReplaceOwnFile(path, header + content, Durability::kMedium);
}

absl::StatusOr<std::string> ReadStateFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kMaxFileBytes));
  const size_t end = text.substr(0, kMaxHeader).find('\n');
  const std::vector<std::string> header =
      absl::StrSplit(text.substr(0, end == std::string::npos ? 0 : end), ' ');
  size_t size = 0;
  if (header.size() != 4 || header[0] != kMagic || !absl::SimpleAtoi(header[2], &size)) {
    return absl::DataLossError(absl::StrCat("read ", path, ": it has no header"));
  }
  if (header[1] != absl::StrCat(kFormat)) {
    return absl::DataLossError(
        absl::StrCat("read ", path, ": format ", header[1], ", this agent reads format ", kFormat));
  }
  text.erase(0, end + 1);
  if (text.size() != size || Checksum(text) != header[3]) {
    return absl::DataLossError(absl::StrCat("read ", path, ": it is cut off or damaged"));
  }
  return text;
}

}  // namespace fairlead::agent
