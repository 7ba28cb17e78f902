// fairlead status: is every node well, and what is not.
#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "cli/commands/ask_nodes.h"
#include "cli/commands/command.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using introspect::v1::StatusReply;

std::string Pool(const introspect::v1::AddressPool& pool) {
  if (pool.cidr().empty()) return "";
  return absl::StrCat(pool.cidr(), " ", pool.used(), " used",
                      pool.cooling() == 0 ? "" : absl::StrCat(", ", pool.cooling(), " cooling"));
}

std::string Bytes(uint64_t bytes) {
  if (bytes >= 10 << 20) return absl::StrCat(bytes >> 20, " MiB");
  if (bytes >= 10 << 10) return absl::StrCat(bytes >> 10, " KiB");
  return absl::StrCat(bytes, " B");
}

using Replies = std::vector<std::pair<std::string, StatusReply>>;

// An object may have several faults, a line each.
size_t RefusedObjects(const StatusReply& reply) {
  std::set<std::string> objects;
  for (const auto& rejected : reply.rejected()) objects.insert(rejected.object());
  return objects.size();
}

// How far a node is behind its controller, which knows best: an agent does not hear of changes that do not
// concern its node. It is connected to one of the replicas.
Cell Freshness(const std::string& node, const StatusReply& reply, const Replies& replies) {
  if (reply.role() == "controller") {
    const size_t refused = RefusedObjects(reply);
    return {absl::StrCat(refused, refused == 1 ? " object refused" : " objects refused"),
            refused == 0 ? Tone::kPlain : Tone::kBad};
  }
  bool asked = false;
  for (const auto& [name, controller] : replies) {
    if (controller.role() != "controller") continue;
    asked = true;
    for (const auto& agent : controller.agents()) {
      if (agent.node() != node || !agent.connected()) continue;
      if (agent.errors_size() > 0)
        return {absl::StrCat(agent.errors_size(), " refused by the node"), Tone::kBad};
      if (agent.acked_watermark() >= controller.watermark()) return {"up to date", Tone::kGood};
      return {"behind the controller", Tone::kCaution};
    }
  }
  return asked ? Cell{"not connected to the controller", Tone::kBad} : Cell{""};
}

void PrintNodes(const Replies& replies, const Style& style) {
  Table table(
      {"NODE", "ROLE", "STATE", "VERSION", "MANIFESTS", {"REPAIRED", Align::kRight}, "POD ADDRESSES"});
  for (const auto& [name, reply] : replies) {
    std::string pools = Pool(reply.ipv4_pool());
    const std::string ipv6 = Pool(reply.ipv6_pool());
    if (!pools.empty() && !ipv6.empty()) pools += "; ";
    table.AddRow({{name, Tone::kName},
                  reply.role(),
                  {reply.ready() ? "ready" : "not ready", reply.ready() ? Tone::kGood : Tone::kBad},
                  reply.version(),
                  Freshness(name, reply, replies),
                  {absl::StrCat(reply.repaired()), reply.repaired() == 0 ? Tone::kPlain : Tone::kCaution},
                  pools + ipv6});
  }
  if (!table.empty()) std::cout << table.Render(style);
}

bool IsConnected(const std::string& node, const Replies& replies) {
  for (const auto& [name, controller] : replies) {
    for (const auto& agent : controller.agents()) {
      if (agent.node() == node && agent.connected()) return true;
    }
  }
  return false;
}

// Each replica misses the agents that are connected to another one, which is as it should be.
bool Holds(const introspect::v1::Condition& condition, const StatusReply& reply, const Replies& replies) {
  if (condition.ok() || condition.type() != "AgentsConnected") return condition.ok();
  return std::all_of(reply.agents().begin(), reply.agents().end(),
                     [&](const auto& agent) { return IsConnected(agent.node(), replies); });
}

// A full map refuses by the thousand, and a screen has few lines.
void PrintFirst(const std::vector<std::string>& troubles, const Style& style) {
  constexpr size_t kShown = 20;
  for (size_t i = 0; i < troubles.size() && i < kShown; ++i) {
    std::cout << style.Paint(Tone::kBad, "✗") << " " << troubles[i] << "\n";
  }
  if (troubles.size() > kShown) {
    std::cout << style.Paint(Tone::kBad, "✗") << " and " << troubles.size() - kShown
              << " more; `fairlead status -o json` has them all\n";
  }
}

void PrintTroubles(const Replies& replies, const Style& style, bool all_conditions) {
  std::set<std::string> told;      // nodes without a controller
  std::set<std::string> rejected;  // replicas refuse the same
  for (const auto& [name, reply] : replies) {
    for (const auto& condition : reply.conditions()) {
      const bool holds = Holds(condition, reply, replies);
      if (holds && !all_conditions) continue;
      std::cout << (holds ? style.Paint(Tone::kGood, "✓") : style.Paint(Tone::kBad, "✗")) << " " << name
                << " " << condition.type() << (condition.message().empty() ? "" : ": ") << condition.message()
                << "\n";
    }
    for (const auto& agent : reply.agents()) {
      if (!IsConnected(agent.node(), replies) && told.insert(agent.node()).second) {
        std::cout << style.Paint(Tone::kBad, "✗") << " " << agent.node()
                  << " is not connected to the controller\n";
      }
      std::vector<std::string> refused;
      for (const auto& error : agent.errors()) {
        refused.push_back(absl::StrCat(agent.node(), " refuses ", error.name(), ": ", error.message()));
      }
      PrintFirst(refused, style);
    }
    std::vector<std::string> refused;
    for (const auto& object : reply.rejected()) {
      if (!rejected.insert(object.object() + object.message()).second) continue;
      const std::string where = object.where().empty() ? "" : absl::StrCat(" (", object.where(), ")");
      refused.push_back(absl::StrCat("refused ", object.object(), where, ": ", object.message()));
    }
    PrintFirst(refused, style);
  }
}

void PrintDrops(const Replies& replies, const Style& style) {
  Table table({"NODE", "DROPPED BECAUSE", {"PACKETS", Align::kRight}, {"BYTES", Align::kRight}});
  for (const auto& [name, reply] : replies) {
    for (const auto& drop : reply.drops()) {
      if (drop.packets() == 0) continue;
      table.AddRow(
          {{name, Tone::kName}, drop.name(), absl::StrCat(drop.packets()), absl::StrCat(drop.bytes())});
    }
  }
  if (!table.empty()) std::cout << "\n" << table.Render(style);
}

void PrintMaps(const Replies& replies, const Style& style) {
  Table maps(
      {"NODE", "MAP", {"ENTRIES", Align::kRight}, {"CAPACITY", Align::kRight}, {"MEMORY", Align::kRight}});
  Table programs({"NODE", "PROGRAM", "ATTACHED TO", {"ID", Align::kRight}, "OURS"});
  Table features({"NODE", "KERNEL FEATURE", "THERE", "USED FOR"});
  for (const auto& [name, reply] : replies) {
    for (const auto& map : reply.maps()) {
      const bool tight = map.capacity() > 0 && map.entries() * 10 >= map.capacity() * 9 && map.entries() > 1;
      maps.AddRow({{name, Tone::kName},
                   map.name(),
                   {absl::StrCat(map.entries()), tight ? Tone::kCaution : Tone::kPlain},
                   absl::StrCat(map.capacity()),
                   Bytes(map.bytes())});
    }
    for (const auto& program : reply.programs()) {
      programs.AddRow({{name, Tone::kName},
                       program.name(),
                       program.attached_to(),
                       absl::StrCat(program.program_id()),
                       {program.ours() ? "yes" : "no", program.ours() ? Tone::kGood : Tone::kBad}});
    }
    for (const auto& feature : reply.features()) {
      features.AddRow(
          {{name, Tone::kName}, feature.name(), feature.available() ? "yes" : "no", feature.used_for()});
    }
  }
  for (const Table* table : {&programs, &maps, &features}) {
    if (!table->empty()) std::cout << "\n" << table->Render(style);
  }
}

absl::StatusOr<int> Status(bool verbose, const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  int failed = 0;
  Replies replies = AskNodes<StatusReply>(
      cluster, context, [](const IntrospectClient& client) { return client.Status(); }, failed);
  Replies controllers = AskAll<StatusReply>(
      cluster.controllers, context, [](const IntrospectClient& client) { return client.Status(); }, failed);
  replies.insert(replies.end(), controllers.begin(), controllers.end());
  if (context.json()) {
    PrintJson(replies);
  } else {
    const Style style = context.style();
    PrintNodes(replies, style);
    PrintTroubles(replies, style, verbose);
    PrintDrops(replies, style);
    if (verbose) PrintMaps(replies, style);
  }
  for (const auto& [name, reply] : replies) failed += !reply.ready();
  return ExitCode(failed);
}

}  // namespace

void AddStatusCommand(CLI::App& app, Context& context) {
  auto verbose = std::make_shared<bool>(false);
  CLI::App* status = app.add_subcommand("status", "is every node well, what was refused, what was dropped");
  AddOutputOption(status, context);
  status->add_flag("-v,--verbose", *verbose, "also programs, maps and kernel features");
  status->footer(
      "Fails when a node does not answer or is not ready.\n\n"
      "Examples:\n  fairlead status\n  fairlead status -v --agent unix:/run/fairlead/agent.sock");
  OnRun(status, context, [verbose, &context] { return Status(*verbose, context); });
}

}  // namespace fairlead::cli
