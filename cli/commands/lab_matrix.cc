// fairlead lab matrix: who reaches whom on which port, by asking.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"
#include "cli/cluster.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/inside.h"
#include "cli/lab/lab.h"
#include "cli/lab/matrix.h"
#include "cli/rpc/introspect_client.h"
#include "cli/text/table.h"

namespace fairlead::cli {
namespace {

using lab::Families;
using lab::MatrixAnswer;
using lab::MatrixTarget;
using nlohmann::json;

constexpr unsigned kProbesAtATime = 8;

struct MatrixOptions {
  int timeout_ms = 1000;
  bool ipv4 = false;
  bool ipv6 = false;
  bool by_pod = false;
  bool outside = false;
  std::vector<std::string> namespaces;
};

// All targets from one place.
absl::StatusOr<std::vector<MatrixAnswer>> Scan(const lab::Inside& inside, const std::string& group,
                                               const std::vector<MatrixTarget>& targets, int timeout_ms) {
  std::string input;
  for (const MatrixTarget& target : targets) absl::StrAppend(&input, target.ProbeText(), "\n");
  const lab::ProcessSpec spec =
      inside.Spec({"fairlead-probe", "scan", "--timeout-ms", absl::StrCat(timeout_ms)});
  ASSIGN_OR_RETURN(const lab::CommandResult result, lab::RunCommand(spec, input, timeout_ms + 20'000));
  std::vector<MatrixAnswer> answers;
  for (const absl::string_view line : absl::StrSplit(result.out, '\n', absl::SkipEmpty())) {
    const json value = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
    if (!value.is_object() || answers.size() == targets.size()) break;
    answers.push_back({inside.name, group, targets[answers.size()], value.value("result", ""),
                       value.value("host", ""), value.value("latencyMs", 0.0)});
  }
  if (answers.size() < targets.size()) {
    return absl::InternalError(absl::StrCat("fairlead-probe in ", inside.name, " ended early: ", result.err));
  }
  return answers;
}

struct Source {
  lab::Inside inside;
  std::string group;
};

absl::StatusOr<std::vector<MatrixAnswer>> ScanFromAll(const std::vector<Source>& sources,
                                                      const std::vector<MatrixTarget>& targets,
                                                      int timeout_ms) {
  std::vector<MatrixAnswer> all;
  absl::Status failure;
  std::mutex mutex;
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  threads.reserve(kProbesAtATime);
  for (unsigned i = 0; i < kProbesAtATime; ++i) {
    threads.emplace_back([&] {
      for (size_t at; (at = next++) < sources.size();) {
        auto answers = Scan(sources[at].inside, sources[at].group, targets, timeout_ms);
        const std::lock_guard lock(mutex);
        if (!answers.ok()) {
          failure = answers.status();
        } else {
          all.insert(all.end(), answers->begin(), answers->end());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.ok()) return failure;
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.source < b.source; });
  return all;
}

Cell CellOf(const lab::MatrixCell& cell) {
  if (cell.asked == 0) return {""};
  if (cell.self) return {"·", Tone::kFaint};
  const std::string text = cell.Text();
  if (text == "ok") return {"✓", Tone::kGood};
  if (text == "timeout") return {"✗", Tone::kBad};
  if (text == "refused") return {"↯", Tone::kCaution};
  return {text, Tone::kCaution};
}

std::string TitleOf(const lab::MatrixColumn& column) {
  const std::vector<std::string> parts = absl::StrSplit(column.group, absl::MaxSplits('/', 1));
  return absl::StrCat(parts[0], "\n", parts.back(), "\n", column.kind == "service" ? "svc " : "", column.port,
                      column.protocol == 17 ? "/udp" : "");
}

void PrintTable(const lab::Matrix& matrix, const Style& style) {
  std::vector<Column> columns{"from \\ to"};
  for (const lab::MatrixColumn& column : matrix.columns)
    columns.emplace_back(TitleOf(column), Align::kCentre);
  Table table(columns);
  for (const std::string& row : matrix.rows) {
    std::vector<Cell> cells{{row, Tone::kName}};
    for (const lab::MatrixColumn& column : matrix.columns) {
      const auto cell = matrix.cells.find({row, column});
      cells.push_back(cell == matrix.cells.end() ? Cell("") : CellOf(cell->second));
    }
    table.AddRow(cells);
  }
  std::cout << table.Render(style) << style.Paint(Tone::kGood, "✓") << " answers  "
            << style.Paint(Tone::kBad, "✗") << " dropped  " << style.Paint(Tone::kCaution, "↯")
            << " refused  " << style.Paint(Tone::kFaint, "· itself")
            << "  n/m: of several pods or families some\n";
}

void PrintAnswers(const std::vector<MatrixAnswer>& answers) {
  json list = json::array();
  for (const MatrixAnswer& answer : answers) {
    list.push_back({{"source", answer.source},
                    {"sourceGroup", answer.source_group},
                    {"target", answer.target.name},
                    {"targetGroup", answer.target.group},
                    {"kind", answer.target.kind},
                    {"address", answer.target.address.ToString()},
                    {"port", answer.target.port},
                    {"protocol", answer.target.protocol == 17 ? "udp" : "tcp"},
                    {"result", answer.result},
                    {"host", answer.host},
                    {"latencyMs", answer.latency_ms}});
  }
  std::cout << list.dump(1) << "\n";
}

absl::StatusOr<int> RunMatrix(const MatrixOptions& options, const Context& context) {
  RETURN_IF_ERROR(CheckRoot("fairlead lab matrix"));
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  ASSIGN_OR_RETURN(const lab::NodePods pods, lab::LoadPods(plan));
  ASSIGN_OR_RETURN(const Names names,
                   IntrospectClient("unix:" + lab::Paths(plan.name).controller_socket()).AllNames());
  const auto in_scope = [&](const std::string& name) {
    const std::string space = name.substr(0, name.find('/'));
    return options.namespaces.empty() ||
           std::count(options.namespaces.begin(), options.namespaces.end(), space) != 0;
  };
  std::vector<Source> sources;
  std::vector<lab::PodStatus> asked;
  for (const lab::PodStatus& pod : pods.pods) {
    if (pod.phase != "Running") continue;
    if (in_scope(pod.full_name())) asked.push_back(pod);
    ASSIGN_OR_RETURN(lab::Inside inside, lab::InsideOf(plan, pod));
    sources.push_back({std::move(inside), lab::GroupOf(pod)});
  }
  if (options.outside) {
    ASSIGN_OR_RETURN(lab::Inside inside, lab::FindInside(plan, lab::kOutside));
    sources.push_back({std::move(inside), lab::kOutside});
  }
  const Families families = options.ipv4 ? Families::kIpv4 : options.ipv6 ? Families::kIpv6 : Families::kBoth;
  std::vector<MatrixTarget> targets = lab::TargetsOf(asked, names, families);
  std::erase_if(targets, [&](const MatrixTarget& target) { return !in_scope(target.name); });
  if (sources.empty() || targets.empty()) {
    return absl::NotFoundError(
        "nothing to ask: no running pod, or no declared port (spec.containers[].ports)");
  }
  ASSIGN_OR_RETURN(const std::vector<MatrixAnswer> answers,
                   ScanFromAll(sources, targets, options.timeout_ms));
  if (context.json()) {
    PrintAnswers(answers);
  } else {
    PrintTable(lab::Collect(answers, options.by_pod), context.style());
  }
  return 0;
}

}  // namespace

void AddLabMatrix(CLI::App& lab, Context& context) {
  auto options = std::make_shared<MatrixOptions>();
  CLI::App* app = lab.add_subcommand("matrix", "who reaches whom on which port, by asking from every pod");
  AddLabName(app, context);
  AddOutputOption(app, context);
  app->add_flag("--pods", options->by_pod, "a row and a column a pod instead of a workload");
  app->add_flag("--outside", options->outside, "also ask from the host outside");
  app->add_option("-n,--namespace", options->namespaces, "only what is in these namespaces is asked");
  CLI::Option* ipv4 = app->add_flag("-4,--ipv4", options->ipv4, "IPv4 only");
  app->add_flag("-6,--ipv6", options->ipv6, "IPv6 only")->excludes(ipv4);
  app->add_option("--timeout-ms", options->timeout_ms, "what has not answered by then counts as dropped")
      ->check(CLI::Range(50, 60'000))
      ->capture_default_str();
  app->footer(
      "Asks every declared container port and Service port, TCP and UDP, over both families at once.\n\n"
      "Examples:\n  sudo fairlead lab matrix\n  sudo fairlead lab matrix --pods -n shop -6\n"
      "  sudo fairlead lab matrix -o json | jq '.[] | select(.result != \"ok\")'");
  OnRun(app, context, [options, &context] { return RunMatrix(*options, context); });
}

}  // namespace fairlead::cli
