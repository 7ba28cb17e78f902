// Shell completion from the command tree, so that it cannot fall behind. Pure. The program is the one that
// the tree is named for: "fairlead", or "kubectl fairlead" of the program kubectl-fairlead.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace fairlead::cli {

std::string BashCompletion(const CLI::App& app);
std::string ZshCompletion(const CLI::App& app);
std::string FishCompletion(const CLI::App& app);

// What may stand in place of the last of these words.
std::vector<std::string> Offers(const CLI::App& app, const std::vector<std::string>& words);

}  // namespace fairlead::cli
