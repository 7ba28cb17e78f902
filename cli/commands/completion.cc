// fairlead completion bash|zsh|fish
#include "cli/completion.h"

#include "cli/commands/command.h"

namespace fairlead::cli {

void AddCompletionCommand(CLI::App& app, Context& context) {
  auto shell = std::make_shared<std::string>();
  CLI::App* completion = app.add_subcommand("completion", "a script that completes commands in a shell");
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer("Examples:\n  source <(fairlead completion bash)\n  fairlead completion fish | source");
  OnRun(completion, context, [shell, &app]() -> absl::StatusOr<int> {
    std::cout << (*shell == "bash"  ? BashCompletion(app)
                  : *shell == "zsh" ? ZshCompletion(app)
                                    : FishCompletion(app));
    return 0;
  });
}

}  // namespace fairlead::cli
