// fairlead-cni: the CNI plugin (https://www.cni.dev/docs/spec/). Started by the container runtime for
// every pod that comes or goes; see README.md.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/status_macros.h"
#include "cni/commands.h"
#include "cni/config.h"
#include "cni/error.h"

namespace {

// More than any configuration has; what is beyond is not read.
constexpr size_t kMaxInput = (1 << 20) + 1;

absl::StatusOr<std::string> ReadInput() {
  std::string text;
  char buffer[16 * 1024];
  while (text.size() < kMaxInput) {
    const ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fairlead::ErrnoError(errno, "read the network configuration from standard input");
    text.append(buffer, static_cast<size_t>(count));
  }
  return text;
}

int Print(const std::string& text, int exit_code) {
  if (!text.empty() && (std::puts(text.c_str()) < 0 || std::fflush(stdout) != 0)) return 1;
  return exit_code;
}

}  // namespace

int main() {
  if (std::getenv("CNI_COMMAND") == nullptr && isatty(STDIN_FILENO) == 1) {
    std::fprintf(stderr,
                 "fairlead-cni %s, a CNI plugin: container runtimes start it.\n"
                 "Supported versions of the specification: 0.4.0, 1.0.0, 1.1.0\n",
                 FAIRLEAD_VERSION);
    return 0;
  }
  absl::StatusOr<std::string> text = ReadInput();
  const std::string version = text.ok() ? fairlead::cni::VersionOf(*text) : fairlead::cni::kNewestVersion;
  if (!text.ok()) return Print(fairlead::cni::ErrorJson(text.status(), version), 1);
  absl::StatusOr<fairlead::cni::Environment> environment =
      fairlead::cni::ReadEnvironment([](const char* name) { return std::getenv(name); });
  if (!environment.ok()) return Print(fairlead::cni::ErrorJson(environment.status(), version), 1);
  absl::StatusOr<std::string> result = fairlead::cni::RunCommand(*environment, *text);
  if (!result.ok()) return Print(fairlead::cni::ErrorJson(result.status(), version), 1);
  return Print(*result, 0);
}
