#include "cli/kube/kubectl.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace fairlead::cli {

std::vector<std::string> Kubectl::Argv(const std::vector<std::string>& words) const {
  std::vector<std::string> argv = {"kubectl"};
  if (!context.empty()) argv.push_back("--context=" + context);
  if (!kubeconfig.empty()) argv.push_back("--kubeconfig=" + kubeconfig);
  argv.insert(argv.end(), words.begin(), words.end());
  return argv;
}

absl::StatusOr<lab::CommandResult> Kubectl::Run(const std::vector<std::string>& words, int timeout_ms,
                                                const std::string& input) const {
  auto result = lab::RunCommand({.argv = Argv(words), .env = lab::CurrentEnvironment()}, input, timeout_ms);
  if (absl::IsNotFound(result.status())) {
    return absl::NotFoundError(absl::StrCat(result.status().message(),
                                            "; the plugin works through kubectl: install it in your PATH"));
  }
  return result;
}

absl::StatusOr<std::string> Kubectl::Output(const std::vector<std::string>& words, int timeout_ms,
                                            const std::string& input) const {
  ASSIGN_OR_RETURN(lab::CommandResult result, Run(words, timeout_ms, input));
  if (result.exit_code == 0) return std::move(result.out);
  return absl::UnavailableError(
      absl::StrCat("kubectl ", absl::StrJoin(words, " "), ": ", LastWords(result.err)));
}

absl::StatusOr<nlohmann::json> Kubectl::Json(const std::vector<std::string>& words, int timeout_ms) const {
  ASSIGN_OR_RETURN(const std::string text, Output(words, timeout_ms));
  nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_discarded()) return value;
  return absl::InternalError(absl::StrCat("kubectl ", absl::StrJoin(words, " "), ": its answer is no JSON"));
}

std::string LastWords(const std::string& text) {
  std::vector<std::string> lines;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    // What kubectl exec adds to the remote program's own words.
    if (!line.empty() && !absl::StartsWith(line, "command terminated with")) lines.emplace_back(line);
  }
  if (lines.size() > 3) lines.erase(lines.begin(), lines.end() - 3);
  return lines.empty() ? "it says no more" : absl::StrJoin(lines, "; ");
}

}  // namespace fairlead::cli
