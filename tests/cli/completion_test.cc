// The command tree and the completion made from it; scripts are run by their shells where those exist.
#include "cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "cli/commands/app.h"

namespace fairlead::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string OutputOf(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  std::string out;
  for (int c; (c = std::fgetc(pipe)) != EOF;) out.push_back(static_cast<char>(c));
  EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << out;
  return out;
}

class CompletionTest : public testing::Test {
 protected:
  // What bash would offer after "fairlead WORDS..." where the last word is being typed.
  std::string Offer(const std::vector<std::string>& words) {
    const std::string path = testing::TempDir() + "/completion." + std::to_string(::getpid());
    std::ofstream file(path);
    file << BashCompletion(*app_) << "COMP_WORDS=(fairlead";
    for (const std::string& word : words) file << " '" << word << "'";
    file << ")\nCOMP_CWORD=" << words.size() << "\n_fairlead\necho \"${COMPREPLY[*]}\"\n";
    file.close();
    return OutputOf("bash " + path + " 2>&1");
  }

  Context context_;
  std::unique_ptr<CLI::App> app_ = MakeApp(context_);
};

TEST_F(CompletionTest, BashOffersCommandsAndOptions) {
  EXPECT_THAT(Offer({"st"}), "status\n");
  EXPECT_THAT(Offer({"lab", "ma"}), "matrix\n");
  EXPECT_THAT(Offer({"lab", "up", "--no"}), HasSubstr("--nodes"));
  EXPECT_THAT(Offer({"status", "-o", ""}), "text json\n");
  EXPECT_THAT(Offer({"--no-color", "lab", "do"}), "down\n");
}

TEST_F(CompletionTest, KubectlIsOfferedTheSameOfThePlugin) {
  Context context{.plugin = true};
  const auto plugin = MakeApp(context);
  EXPECT_THAT(Offers(*plugin, {"con"}), testing::UnorderedElementsAre("connectivity", "conntrack"));
  EXPECT_THAT(Offers(*plugin, {"connectivity", ""}), testing::ElementsAre("test"));
  EXPECT_THAT(Offers(*plugin, {"--context", "x", "status", "-o", "j"}), testing::ElementsAre("json"));
  EXPECT_THAT(Offers(*plugin, {"flows", "--fo"}), testing::ElementsAre("--follow"));
  EXPECT_THAT(BashCompletion(*plugin), HasSubstr("complete -F _kubectl_fairlead kubectl-fairlead"));
}

TEST_F(CompletionTest, HiddenCommandsStayHidden) {
  EXPECT_THAT(BashCompletion(*app_), Not(HasSubstr("'lab kubelet'")));
  EXPECT_THAT(ZshCompletion(*app_), Not(HasSubstr("'kubelet:")));
  EXPECT_THAT(FishCompletion(*app_), Not(HasSubstr("-a kubelet")));
}

TEST_F(CompletionTest, EveryShellKnowsEveryCommand) {
  for (const CLI::App* command : app_->get_subcommands({})) {
    if (command->get_group().empty()) continue;
    EXPECT_THAT(ZshCompletion(*app_), HasSubstr(command->get_name()));
    EXPECT_THAT(FishCompletion(*app_), HasSubstr("-a " + command->get_name()));
  }
}

TEST_F(CompletionTest, EveryCommandHasHelpWithExamples) {
  for (const CLI::App* command : app_->get_subcommands({})) {
    EXPECT_FALSE(command->get_description().empty()) << command->get_name();
    if (command->get_name() == "version" || command->get_group().empty()) continue;
    EXPECT_THAT(command->get_footer(), HasSubstr("Examples:")) << command->get_name();
  }
  for (const CLI::App* command : app_->get_subcommand("lab")->get_subcommands({})) {
    if (command->get_group().empty()) continue;
    EXPECT_THAT(command->get_footer(), HasSubstr("Examples:")) << command->get_name();
  }
}

}  // namespace
}  // namespace fairlead::cli
