// Manifest files, one after the other: whatever they hold, nothing breaks, what is refused says why,
// and what is accepted makes a cluster.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "controller/model/inventory.h"
#include "controller/model/store.h"

namespace fairlead::controller {
namespace {

// A line of '%' alone begins the next version of the file.
constexpr absl::string_view kNextVersion = "\n%\n";

ClusterSettings Settings() {
  ClusterSettings settings;
  settings.service_cidrs = {*IpPrefix::Parse("10.96.0.0/28"), *IpPrefix::Parse("fd00:10:96::/112")};
  return settings;
}

void Check(const Inventory& inventory) {
  for (const Rejection& rejection : inventory.Rejections()) {
    if (rejection.message.empty() || rejection.where.line < 1) abort();
  }
}

void Run(absl::string_view input) {
  Inventory inventory;
  Store store(Settings());
  for (int version = 0; version < 4; ++version) {
    size_t end = input.find(kNextVersion);
    inventory.SetFile("fuzz.yaml", ReadManifest("fuzz.yaml", input.substr(0, end)));
    Check(inventory);
    store.SetObjects(inventory.Objects());
    for (const auto& [name, node] : store.cluster().nodes) {
      store.ForEach(name, [&](const ResourcePtr& resource) {
        if (store.Find(name, resource->id) != resource) abort();
      });
    }
    if (end == absl::string_view::npos) return;
    input.remove_prefix(end + kNextVersion.size());
  }
}

}  // namespace
}  // namespace fairlead::controller

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fairlead::controller::Run(absl::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
