#include "cli/commands/app.h"

namespace fairlead::cli {

void AddOutputOption(CLI::App* app, Context& context) {
  app->add_option("-o,--output", context.output, "text for people, json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void OnRun(CLI::App* app, Context& context, std::function<absl::StatusOr<int>()> action) {
  app->callback([&context, action = std::move(action)] { context.run = action; });
}

std::unique_ptr<CLI::App> MakeApp(Context& context) {
  auto app = std::make_unique<CLI::App>(
      "Shows what Fairlead's datapath holds and does on each node, says why a packet passes or not, and "
      "makes\n"
      "labs: clusters of network namespaces on this machine.",
      "fairlead");
  app->require_subcommand(1);
  app->add_option("--lab", context.lab, "ask the nodes of this lab; needed only when there are several")
      ->envname("FAIRLEAD_LAB");
  app->add_option("--agent", context.agents,
                  "ask this agent: unix:/run/fairlead/agent.sock or HOST:PORT; repeatable")
      ->allow_extra_args(false);
  app->add_option("--controller", context.controller,
                  "names come from this controller: unix:/PATH or HOST:PORT");
  app->add_flag("--no-color", context.no_color, "no colours, as with NO_COLOR set");
  app->footer(
      "Without --lab or --agent: the only lab there is, else the agent of this node.\n\n"
      "Examples:\n"
      "  fairlead status\n"
      "  fairlead why shop/frontend-0 shop/cart:80\n"
      "  fairlead flows -f --verdict dropped\n"
      "  sudo fairlead lab up -f demo/shop");
  AddStatusCommand(*app, context);
  AddEndpointsCommand(*app, context);
  AddServicesCommand(*app, context);
  AddPoliciesCommand(*app, context);
  AddConntrackCommand(*app, context);
  AddFlowsCommand(*app, context);
  AddWhyCommand(*app, context);
  AddLabCommands(*app, context);
  AddVersionCommand(*app, context);
  AddCompletionCommand(*app, context);
  return app;
}

int Main(int argc, char** argv) {
  Context context;
  const auto app = MakeApp(context);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app->exit(error) == 0 ? 0 : kUsage;
  }
  const absl::StatusOr<int> result = context.run();
  if (result.ok()) return *result;
  std::cerr << context.error_style().Paint(Tone::kBad, "fairlead:") << " " << result.status().message()
            << "\n";
  return absl::IsInvalidArgument(result.status()) ? kUsage : kFailed;
}

}  // namespace fairlead::cli
