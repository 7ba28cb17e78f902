// fairlead lab apply and delete: change the manifests and wait until every node holds the change.
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/lab.h"
#include "cli/rpc/introspect_client.h"

namespace fairlead::cli {
namespace {

struct ApplyOptions {
  std::vector<std::string> files;
  bool recursive = false;
  bool no_wait = false;
  double timeout_s = 30;
};

// `refused`: files of the lab's store that hold something wrong.
void Print(const std::vector<lab::Applied>& applied, const std::set<std::string>& refused,
           const Style& style) {
  for (const lab::Applied& entry : applied) {
    if (refused.contains(entry.file)) {
      std::cout << style.Paint(Tone::kName, entry.document.Describe()) << " "
                << style.Paint(Tone::kBad, "refused") << "\n";
      continue;
    }
    const bool changed = entry.change != lab::Change::kUnchanged && entry.change != lab::Change::kNotFound;
    std::cout << style.Paint(Tone::kName, entry.document.Describe()) << " "
              << style.Paint(changed ? Tone::kGood : Tone::kFaint, lab::ToString(entry.change)) << "\n";
  }
}

std::set<std::string> FilesOf(const std::vector<Refused>& refused) {
  std::set<std::string> files;
  for (const Refused& object : refused) {
    if (!object.where.empty()) files.insert(lab::ManifestStore::FileOf(object.where));
  }
  return files;
}

std::set<std::string> FilesOf(const std::vector<lab::Applied>& applied) {
  std::set<std::string> files;
  for (const lab::Applied& entry : applied) files.insert(entry.file);
  return files;
}

bool AnyChange(const std::vector<lab::Applied>& applied) {
  for (const lab::Applied& entry : applied) {
    if (entry.change != lab::Change::kUnchanged && entry.change != lab::Change::kNotFound) return true;
  }
  return false;
}

using Operation =
    absl::StatusOr<std::vector<lab::Applied>> (lab::ManifestStore::*)(const std::vector<lab::Document>&);

absl::StatusOr<int> ChangeManifests(Operation operation, const ApplyOptions& options,
                                    const Context& context) {
  RETURN_IF_ERROR(CheckRoot("changing a lab"));
  ASSIGN_OR_RETURN(const lab::Plan plan, ChosenPlan(context));
  RETURN_IF_ERROR(lab::CheckRunning(plan.name));
  ASSIGN_OR_RETURN(std::vector<lab::Document> documents,
                   lab::ReadDocuments(options.files, options.recursive));
  if (documents.empty())
    return absl::InvalidArgumentError(absl::StrCat("no object in ", absl::StrJoin(options.files, ", ")));
  for (const lab::Document& document : documents) {
    if (document.kind == "node")
      std::cerr << document.Describe() << ": left alone; a lab's nodes are made by lab up\n";
  }
  std::erase_if(documents, [](const lab::Document& document) { return document.kind == "node"; });
  lab::ManifestStore store{lab::Paths(plan.name)};
  const std::vector<Refused> refused_before = ListRefused(plan);
  const int64_t begin_ns = SystemClock().MonotonicNs();
  const absl::StatusOr<std::vector<lab::Applied>> changed = (store.*operation)(documents);
  if (!changed.ok()) {
    RETURN_IF_ERROR(lab::CheckRunning(plan.name));  // the likelier reason: somebody takes the lab down
    return changed.status();
  }
  const std::vector<lab::Applied>& applied = *changed;
  const bool wait = AnyChange(applied) && !options.no_wait;
  absl::Status held;
  if (wait) held = WaitUntilSettled(plan, options.timeout_s);
  const std::vector<Refused> refused = RefusedBecauseOf(FilesOf(applied), refused_before, ListRefused(plan));
  // What has not been looked at yet may be refused for what it was before.
  const bool judged = held.ok() && !options.no_wait;
  Print(applied, judged ? FilesOf(refused) : std::set<std::string>{}, context.style());
  RETURN_IF_ERROR(held);
  if (wait) {
    const double ms = static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e6;
    std::cout << context.style().Paint(
                     Tone::kFaint, absl::StrFormat("in force on every node%s after %.0f ms",
                                                   refused.empty() ? "" : ", but for what is refused,", ms))
              << "\n";
  }
  PrintRefused(plan, refused, context);
  return refused.empty() ? 0 : kFailed;
}

std::shared_ptr<ApplyOptions> AddOptions(CLI::App* app, Context& context) {
  auto options = std::make_shared<ApplyOptions>();
  AddLabName(app, context);
  app->add_option("-f,--filename", options->files, "manifest files or folders; - is stdin")
      ->required()
      ->allow_extra_args(false);
  app->add_flag("-R,--recursive", options->recursive, "also subfolders");
  app->add_flag("--no-wait", options->no_wait, "do not wait until every node holds the change");
  app->add_option("--timeout", options->timeout_s, "seconds to wait")->capture_default_str();
  return options;
}

}  // namespace

void AddLabApply(CLI::App& lab, Context& context) {
  CLI::App* app =
      lab.add_subcommand("apply", "add or change objects; waits until every node holds the change");
  const auto options = AddOptions(app, context);
  app->footer(
      "Fails when one of them is refused, or another because of them, and says why; the last good version "
      "stays\n"
      "in force. What was refused before is shown by fairlead status.\n\n"
      "Examples:\n  sudo fairlead lab apply -f policies.yaml\n"
      "  kubectl get networkpolicy -A -o json | sudo fairlead lab apply -f -");
  OnRun(app, context,
        [options, &context] { return ChangeManifests(&lab::ManifestStore::Apply, *options, context); });
}

void AddLabDelete(CLI::App& lab, Context& context) {
  CLI::App* app = lab.add_subcommand("delete", "remove the objects that files name");
  const auto options = AddOptions(app, context);
  app->footer("Examples:\n  sudo fairlead lab delete -f policies.yaml");
  OnRun(app, context,
        [options, &context] { return ChangeManifests(&lab::ManifestStore::Delete, *options, context); });
}

}  // namespace fairlead::cli
