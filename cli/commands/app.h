// The command tree of `fairlead`.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/command.h"

namespace fairlead::cli {

std::unique_ptr<CLI::App> MakeApp(Context& context);
// Parses, runs, prints an error if there is one; the exit code.
int Main(int argc, char** argv);

}  // namespace fairlead::cli
