// fairlead version
#include "cli/commands/command.h"

namespace fairlead::cli {

void AddVersionCommand(CLI::App& app, Context& context) {
  CLI::App* version = app.add_subcommand("version", "the version of this program");
  version->footer("Examples:\n  fairlead version");
  OnRun(version, context, []() -> absl::StatusOr<int> {
    std::cout << "fairlead " << FAIRLEAD_VERSION << "\n";
    return 0;
  });
}

}  // namespace fairlead::cli
