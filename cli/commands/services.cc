// fairlead services: front ends and backends as the datapath holds them.
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/first_few.h"
#include "base/status_macros.h"
#include "cli/commands/ask_nodes.h"
#include "cli/commands/command.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using introspect::v1::ServicesReply;
using introspect::v1::ServiceState;

constexpr size_t kShownBackends = 10;

std::vector<std::string> Backends(const ServiceState& service, const Names& names) {
  std::vector<std::string> texts;
  texts.reserve(static_cast<size_t>(service.backends_size()));
  for (const auto& backend : service.backends())
    texts.push_back(NamedPortText(names, backend.pod(), backend.address(), backend.port()));
  return texts;
}

Cell BackendsCell(const std::vector<std::string>& backends) {
  if (backends.empty()) return Cell("none: connections are refused", Tone::kCaution);
  return Cell(backends.size() <= kShownBackends ? absl::StrJoin(backends, ", ") : FirstFew(backends));
}

absl::StatusOr<int> Services(const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  int failed = 0;
  const auto replies = AskNodes<ServicesReply>(
      cluster, context, [](const IntrospectClient& client) { return client.Services(); }, failed);
  if (context.json()) {
    PrintJson(replies);
    return ExitCode(failed);
  }
  if (replies.empty()) return ExitCode(failed);
  const Names names = cluster.LoadNames();
  // Nodes mostly agree: a row for what is the same, with the nodes that hold it.
  struct Row {
    std::vector<Cell> cells;
    std::vector<std::string> nodes;
  };
  std::map<std::string, Row> rows;
  for (const auto& [node, reply] : replies) {
    for (const auto& service : reply.services()) {
      const std::vector<std::string> backends = Backends(service, names);
      const std::string full_name = absl::StrCat(service.namespace_(), "/", service.name());
      const std::string address = AddressPort(service.address(), service.port());
      Row& row = rows[absl::StrCat(full_name, " ", service.type(), " ", address, service.protocol(), " ",
                                   absl::StrJoin(backends, " "))];
      row.nodes.push_back(node);
      row.cells = {{full_name, Tone::kName},
                   service.type(),
                   absl::StrCat(address.empty() ? absl::StrCat("*:", service.port()) : address, "/",
                                ProtocolName(service.protocol())),
                   service.affinity_seconds() == 0 ? "" : absl::StrCat(service.affinity_seconds(), " s"),
                   BackendsCell(backends)};
    }
  }
  Table table({"SERVICE", "TYPE", "FRONT END", "AFFINITY", "BACKENDS", "ON"});
  for (auto& [key, row] : rows) {
    row.cells.emplace_back(
        row.nodes.size() == cluster.agents.size() ? "every node" : absl::StrJoin(row.nodes, ", "),
        Tone::kFaint);
    table.AddRow(row.cells);
  }
  std::cout << table.Render(context.style());
  return ExitCode(failed);
}

}  // namespace

void AddServicesCommand(CLI::App& app, Context& context) {
  CLI::App* services =
      app.add_subcommand("services", "Services and their backends as each node's datapath holds them");
  AddOutputOption(services, context);
  services->footer(
      "The first backends of a Service with many; -o json has all.\n\nExamples:\n  fairlead services\n  "
      "fairlead services -o json");
  OnRun(services, context, [&context] { return Services(context); });
}

}  // namespace fairlead::cli
