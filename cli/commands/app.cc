#include "cli/commands/app.h"

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/completion.h"

namespace fairlead::cli {
namespace {

constexpr char kPlugin[] = "kubectl-fairlead";
constexpr char kPluginCompletion[] = "kubectl_complete-fairlead";

std::string BaseName(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

void AddTargetOptions(CLI::App& app, Context& context) {
  if (context.plugin) {
    app.add_option("--context", context.kubectl.context, "the context of kubectl's configuration to use");
    app.add_option("--kubeconfig", context.kubectl.kubeconfig, "kubectl's configuration")->type_name("FILE");
    app.add_option("--namespace", context.kube_namespace,
                   "where Fairlead runs; without, it is looked for in all namespaces");
    return;
  }
  context.lab = LabOfEnvironment();
  app.add_option("--lab", context.lab,
                 "ask the nodes of this lab (default: $FAIRLEAD_LAB); needed only when there are several");
  app.add_option("--agent", context.agents,
                 "ask this agent: unix:/run/fairlead/agent.sock or HOST:PORT; repeatable")
      ->allow_extra_args(false);
  app.add_option("--controller", context.controller,
                 "names come from this controller: unix:/PATH or HOST:PORT");
}

// Examples in help call the program by the name that the user has for it.
void CallItKubectlFairlead(CLI::App& app) {
  app.footer(absl::StrReplaceAll(app.get_footer(), {{"\n  fairlead ", "\n  kubectl fairlead "}}));
  for (CLI::App* command : app.get_subcommands({})) CallItKubectlFairlead(*command);
}

// kubectl asks for what may come next: the words, then ":4" (no file names).
int OfferWords(const CLI::App& app, int argc, char** argv) {
  for (const std::string& offer : Offers(app, std::vector<std::string>(argv + 1, argv + argc)))
    std::cout << offer << "\n";
  std::cout << ":4\n";
  return 0;
}

// The command that was named, so far as it is one.
const CLI::App& LastNamed(const CLI::App& app) {
  const std::vector<CLI::App*> named = app.get_subcommands();
  return named.empty() ? app : LastNamed(*named.back());
}

// Says what is wrong with a command line; the exit code.
int RefuseCommandLine(const CLI::App& app, const CLI::ParseError& error, const Context& context) {
  const CLI::App& at = LastNamed(app);
  const std::vector<std::string> rest = app.remaining(true);
  const auto commands = at.get_subcommands([](const CLI::App* sub) { return !sub->get_group().empty(); });
  const bool wants_command = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  if (!wants_command || rest.empty() || commands.empty()) return app.exit(error) == 0 ? 0 : kUsage;
  std::cerr << context.error_style().Paint(Tone::kBad, "fairlead:") << " '" << rest[0] << "' is no command"
            << (&at == &app ? "" : absl::StrCat(" of ", at.get_name())) << "; there are "
            << absl::StrJoin(commands, ", ",
                             [](std::string* out, const CLI::App* sub) { out->append(sub->get_name()); })
            << "\n";
  return kUsage;
}

}  // namespace

std::string LabOfEnvironment() {
  const char* name = std::getenv("FAIRLEAD_LAB");
  return name == nullptr ? "" : name;
}

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
      context.plugin
          ? "Shows what Fairlead's datapath holds and does on each node of a cluster, and says why a packet "
            "passes or not."
          : "Shows what Fairlead's datapath holds and does on each node, says why a packet passes or not, "
            "and makes\n"
            "labs: clusters of network namespaces on this machine.",
      context.plugin ? "kubectl fairlead" : "fairlead");
  app->require_subcommand(1);
  app->fallthrough();
  AddTargetOptions(*app, context);
  app->add_flag("--no-color", context.no_color, "no colours, as with NO_COLOR set");
  app->footer(context.plugin
                  ? "Asks Fairlead's pods by kubectl exec, with your rights.\n\n"
                    "Examples:\n"
                    "  fairlead status\n"
                    "  fairlead why shop/frontend-0 shop/cart:80\n"
                    "  fairlead flows -f --verdict dropped\n"
                    "  fairlead connectivity test"
                  : "Without --lab or --agent: the only lab there is, else the agent of this node.\n\n"
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
  AddWaitCommand(*app, context);
  if (context.plugin) {
    AddConnectivityCommand(*app, context);
    AddSysdumpCommand(*app, context);
  } else {
    AddLabCommands(*app, context);
    AddRelayCommand(*app, context);
  }
  AddVersionCommand(*app, context);
  AddCompletionCommand(*app, context);
  if (context.plugin) CallItKubectlFairlead(*app);
  return app;
}

int Main(int argc, char** argv) {
  Context context;
  context.program = argv[0];
  const std::string name = BaseName(argv[0]);
  context.plugin = name == kPlugin || name == kPluginCompletion;
  const auto app = MakeApp(context);
  if (name == kPluginCompletion) return OfferWords(*app, argc, argv);
  try {
    app->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return RefuseCommandLine(*app, error, context);
  }
  const absl::StatusOr<int> result = context.run();
  if (result.ok()) return *result;
  std::cerr << context.error_style().Paint(Tone::kBad, "fairlead:") << " " << result.status().message()
            << "\n";
  return absl::IsInvalidArgument(result.status()) ? kUsage : kFailed;
}

}  // namespace fairlead::cli
