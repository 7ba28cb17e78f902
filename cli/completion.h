// Shell completion from the command tree, so that it cannot fall behind. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace fairlead::cli {

std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

}  // namespace fairlead::cli
