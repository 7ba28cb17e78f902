// fairlead lab down: ends a lab and proves that nothing of it is left.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/lab_commands.h"
#include "cli/lab/lab.h"
#include "cli/lab/lab_lock.h"

namespace fairlead::cli {
namespace {

absl::StatusOr<int> DownOne(const std::string& name, const Context& context) {
  const int64_t begin_ns = SystemClock().MonotonicNs();
  ASSIGN_OR_RETURN(const lab::LabLock lock, lab::LabLock::Take(lab::Paths(name).lock()));
  lab::Traces traces;
  const absl::Status status = lab::TearDown(name, traces);
  const std::vector<std::string> left = lab::Leftovers(name, traces);
  for (const std::string& line : left) {
    std::cerr << context.error_style().Paint(Tone::kBad, "left over") << " " << line << "\n";
  }
  if (!status.ok()) return WrapError(status, absl::StrCat("take lab ", name, " down"));
  if (!left.empty()) return kFailed;
  const double seconds = static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e9;
  std::cout << context.style().Paint(Tone::kGood, "✓") << " lab '" << name
            << "' is gone: " << traces.netns_inodes.size() << " network namespaces, "
            << traces.bpf_links.size() << " eBPF links, " << traces.bpf_programs.size() << " programs, "
            << traces.bpf_maps.size() << " maps, all mounts, cgroups and processes"
            << absl::StrFormat("  %.2f s\n", seconds);
  return 0;
}

absl::StatusOr<int> Down(bool all, const Context& context) {
  RETURN_IF_ERROR(CheckRoot("fairlead lab down"));
  std::vector<std::string> names;
  if (all) {
    names = lab::LabNames();
  } else {
    ASSIGN_OR_RETURN(const std::string name, ChooseLab(context));
    RETURN_IF_ERROR(lab::CheckLabName(name));
    names = {name};
  }
  int worst = 0;
  for (const std::string& name : names) {
    const auto result = DownOne(name, context);
    if (!result.ok()) {
      std::cerr << "fairlead: " << result.status().message() << "\n";
      worst = kFailed;
    } else {
      worst = std::max(worst, *result);
    }
  }
  return worst;
}

}  // namespace

void AddLabDown(CLI::App& lab, Context& context) {
  auto all = std::make_shared<bool>(false);
  CLI::App* app = lab.add_subcommand("down", "end a lab; fails if anything of it is left");
  AddLabName(app, context);
  app->add_flag("--all", *all, "every lab of this machine");
  app->footer(
      "Works in whatever state the lab is, also when its making was killed half way.\n\n"
      "Examples:\n  sudo fairlead lab down\n  sudo fairlead lab down --all");
  OnRun(app, context, [all, &context] { return Down(*all, context); });
}

}  // namespace fairlead::cli
