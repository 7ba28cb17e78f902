// fairlead policies: which policies are in force where, and with --rules the rules in their order.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "cli/commands/ask_nodes.h"
#include "cli/commands/command.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using introspect::v1::PoliciesReply;

void PrintSets(const std::vector<std::pair<std::string, PoliciesReply>>& replies, const Style& style) {
  for (const auto& [node, reply] : replies) {
    for (const auto& set : reply.sets()) {
      std::cout << "\n"
                << style.Paint(Tone::kStrong, set.direction()) << " set " << set.name() << " on " << node
                << ": " << set.endpoints() << " pods, generation " << set.generation() << ", epoch "
                << set.epoch() << "\n";
      Table table({{"RULE", Align::kRight}, "ACTION", "PEERS", "PORTS", "FROM"});
      for (const auto& rule : set.rules()) {
        table.AddRow({absl::StrCat(rule.index()),
                      {rule.action(), rule.action() == "allow" ? Tone::kGood : Tone::kBad},
                      rule.peers(),
                      rule.ports(),
                      {rule.origin(), Tone::kName}});
      }
      std::cout << table.Render(style);
    }
  }
}

absl::StatusOr<int> Policies(bool rules, const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  int failed = 0;
  const auto replies = AskNodes<PoliciesReply>(
      cluster, context, [](const IntrospectClient& client) { return client.Policies(); }, failed);
  if (context.json()) {
    PrintJson(replies);
    return ExitCode(failed);
  }
  if (replies.empty()) return ExitCode(failed);
  const Style style = context.style();
  Table table({"POLICY", "NODE", "IN FORCE", "PODS", "MESSAGE"});
  for (const auto& [node, reply] : replies) {
    for (const auto& policy : reply.policies()) {
      table.AddRow({{absl::StrCat(policy.namespace_(), "/", policy.name()), Tone::kName},
                    node,
                    {policy.realised() ? "yes" : "no", policy.realised() ? Tone::kGood : Tone::kBad},
                    absl::StrJoin(policy.endpoints(), ", "),
                    policy.message()});
    }
  }
  std::cout << (table.empty() ? "no policy selects a pod: everything passes\n" : table.Render(style));
  if (rules) PrintSets(replies, style);
  return ExitCode(failed);
}

}  // namespace

void AddPoliciesCommand(CLI::App& app, Context& context) {
  auto rules = std::make_shared<bool>(false);
  CLI::App* policies =
      app.add_subcommand("policies", "which policies are in force on which pods of each node");
  AddOutputOption(policies, context);
  policies->add_flag("-r,--rules", *rules, "also the compiled rules in the order in which they decide");
  policies->footer("Examples:\n  fairlead policies\n  fairlead policies --rules");
  OnRun(policies, context, [rules, &context] { return Policies(*rules, context); });
}

}  // namespace fairlead::cli
