// fairlead conntrack: the connections that each node's datapath tracks.
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "cli/cluster.h"
#include "cli/commands/command.h"
#include "cli/commands/filter.h"
#include "cli/text/proto_json.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using introspect::v1::ConntrackEntry;

std::string Translation(const ConntrackEntry& entry, const Names& names) {
  std::string text;
  if (!entry.translated_destination().empty()) {
    text = absl::StrCat(
        "to ", NamedPortText(names, "", entry.translated_destination(), entry.translated_destination_port()));
  }
  if (!entry.translated_source().empty() && (entry.translated_source() != entry.source() ||
                                             entry.translated_source_port() != entry.source_port())) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "as ",
                    AddressPort(entry.translated_source(), entry.translated_source_port()));
  }
  return text;
}

absl::StatusOr<int> Conntrack(const FilterOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  introspect::v1::ConntrackRequest request;
  ASSIGN_OR_RETURN(*request.mutable_filter(), FilterOf(options));
  const Names names = context.json() ? Names() : cluster.LoadNames();
  Table table({"NODE",
               "PROTO",
               "SOURCE",
               "DESTINATION",
               "TRANSLATED",
               "STATE",
               {"EXPIRES", Align::kRight},
               {"PACKETS", Align::kRight},
               {"BYTES", Align::kRight}});
  size_t failed = 0;
  for (const NodeAgent& agent : cluster.agents) {
    const absl::Status status = agent.client.Conntrack(request, [&](const ConntrackEntry& entry) {
      if (context.json()) {
        nlohmann::json object = ToJson(entry);
        object["node"] = agent.node;
        std::cout << object.dump() << "\n";
        return true;
      }
      const std::string destination = entry.service().empty() ? entry.destination_name() : entry.service();
      table.AddRow(
          {agent.node,
           ProtocolName(entry.protocol()),
           {NamedPortText(names, entry.source_name(), entry.source(), entry.source_port()), Tone::kName},
           {NamedPortText(names, destination, entry.destination(), entry.destination_port()), Tone::kName},
           Translation(entry, names),
           {entry.state(), entry.state() == "established" ? Tone::kGood : Tone::kPlain},
           absl::StrCat(entry.expires_in_s(), " s"),
           absl::StrCat(entry.packets()),
           absl::StrCat(entry.bytes())});
      return true;
    });
    if (!status.ok()) {
      ++failed;
      std::cerr << context.error_style().Paint(Tone::kBad, agent.node) << ": " << status.message() << "\n";
    }
  }
  if (!context.json() && failed < cluster.agents.size()) std::cout << table.Render(context.style());
  return failed == 0 ? 0 : kFailed;
}

}  // namespace

void AddConntrackCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<FilterOptions>();
  CLI::App* conntrack = app.add_subcommand("conntrack", "the connections that each node tracks");
  AddOutputOption(conntrack, context);
  AddFilterOptions(conntrack, *options, false);
  conntrack->footer(
      "With -o json: one object a line.\n\n"
      "Examples:\n  fairlead conntrack --pod shop/cart-0\n  fairlead conntrack --port 5432 --protocol tcp");
  OnRun(conntrack, context, [options, &context] { return Conntrack(*options, context); });
}

}  // namespace fairlead::cli
