// fairlead endpoints: the pods of each node as the datapath holds them.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "cli/commands/ask_nodes.h"
#include "cli/commands/command.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using introspect::v1::EndpointsReply;

Cell Policies(const std::string& set, const google::protobuf::RepeatedPtrField<std::string>& policies) {
  if (set.empty() && policies.empty()) return {"open", Tone::kFaint};
  return {policies.empty() ? set : absl::StrJoin(policies, ","), Tone::kPlain};
}

absl::StatusOr<int> Endpoints(const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  int failed = 0;
  const auto replies = AskNodes<EndpointsReply>(
      cluster, context, [](const IntrospectClient& client) { return client.Endpoints(); }, failed);
  if (context.json()) {
    PrintJson(replies);
    return ExitCode(failed);
  }
  if (replies.empty()) return ExitCode(failed);
  Table table(
      {"POD", "NODE", "STATE", "ADDRESSES", "DEVICE", "INGRESS", "EGRESS", {"CONNECTIONS", Align::kRight}});
  for (const auto& [node, reply] : replies) {
    for (const auto& endpoint : reply.endpoints()) {
      std::vector<std::string> addresses;
      for (const std::string& address : endpoint.addresses()) addresses.push_back(AddressPort(address, 0));
      table.AddRow({{absl::StrCat(endpoint.namespace_(), "/", endpoint.name()), Tone::kName},
                    node,
                    {endpoint.state(), endpoint.state() == "ready" ? Tone::kGood : Tone::kCaution},
                    absl::StrJoin(addresses, ", "),
                    endpoint.host_interface(),
                    Policies(endpoint.ingress_set(), endpoint.ingress_policies()),
                    Policies(endpoint.egress_set(), endpoint.egress_policies()),
                    absl::StrCat(endpoint.connections())});
    }
  }
  std::cout << table.Render(context.style());
  return ExitCode(failed);
}

}  // namespace

void AddEndpointsCommand(CLI::App& app, Context& context) {
  CLI::App* endpoints = app.add_subcommand("endpoints", "the pods of each node as its datapath holds them");
  AddOutputOption(endpoints, context);
  endpoints->footer(
      "INGRESS and EGRESS: the policies that isolate the pod; open: none does.\n\n"
      "Examples:\n  fairlead endpoints\n  fairlead endpoints -o json | jq '.[].endpoints[].name'");
  OnRun(endpoints, context, [&context] { return Endpoints(context); });
}

}  // namespace fairlead::cli
