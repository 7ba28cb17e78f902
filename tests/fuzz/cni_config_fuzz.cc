// What a runtime writes to the plugin's standard input. The first byte chooses the command.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "cni/config.h"
#include "cni/error.h"
#include "nlohmann/json.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static const char* const commands[] = {"ADD", "DEL", "CHECK", "STATUS", "GC"};
  const std::string text(reinterpret_cast<const char*>(data + 1), size - 1);
  absl::StatusOr<fairlead::cni::Config> config = fairlead::cni::ParseConfig(text, commands[data[0] % 5]);
  const std::string version = fairlead::cni::VersionOf(text);
  if (!config.ok()) {
    // Whatever it was, the answer is an object that a runtime can read.
    const nlohmann::json error =
        nlohmann::json::parse(fairlead::cni::ErrorJson(config.status(), version), nullptr, false);
    if (!error.is_object() || error["code"] == 0) std::abort();
    return 0;
  }
  if (!config->previous) return 0;
  const std::string written = fairlead::cni::ResultJson(*config->previous, version);
  absl::StatusOr<fairlead::cni::Result> read = fairlead::cni::ParseResult(nlohmann::json::parse(written));
  if (!read.ok() || fairlead::cni::ResultJson(*read, version) != written) std::abort();
  return 0;
}
