// kubectl fairlead sysdump: everything for a report, in one archive; what cannot be had is noted in it.
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "cli/commands/command.h"
#include "cli/kube/kubernetes_cluster.h"

namespace fairlead::cli {
namespace {

constexpr size_t kAtOnce = 6;
constexpr int kTimeoutMs = 60'000;

struct SysdumpOptions {
  std::string file;
  uint32_t log_lines = 5000;
};

// What kubectl is asked, and where its answer goes.
struct Item {
  std::string file;
  std::vector<std::string> words;
};

void AddClusterItems(const std::string& ns, std::vector<Item>& items) {
  items.push_back({"cluster/version.yaml", {"version", "--output=yaml"}});
  for (const char* kind : {"nodes", "namespaces", "services", "endpointslices", "networkpolicies"})
    items.push_back(
        {absl::StrCat("cluster/", kind, ".yaml"), {"get", kind, "--all-namespaces", "--output=yaml"}});
  // Their specs may hold what is nobody's business.
  items.push_back({"cluster/pods.txt", {"get", "pods", "--all-namespaces", "--output=wide"}});
  items.push_back({"cluster/events.txt", {"get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"}});
  items.push_back({"fairlead/objects.yaml",
                   {"get", "daemonsets,deployments,pods,poddisruptionbudgets", "--namespace", ns,
                    "--selector=app.kubernetes.io/name=fairlead", "--output=yaml"}});
  items.push_back({"fairlead/pods.txt",
                   {"describe", "pods", "--namespace", ns, "--selector=app.kubernetes.io/name=fairlead"}});
  items.push_back(
      {"fairlead/ca.yaml", {"get", "configmap", "fairlead-ca", "--namespace", ns, "--output=yaml"}});
}

void AddPodItems(const FairleadPod& pod, uint32_t log_lines, std::vector<Item>& items) {
  const std::string folder = absl::StrCat("fairlead/", pod.component, "/",
                                          pod.node.empty() ? "no-node" : pod.node, "/", pod.name, "/");
  const std::string tail = absl::StrCat("--tail=", log_lines);
  items.push_back(
      {folder + "log.txt", {"logs", "--namespace", pod.namespace_name, pod.name, tail, "--timestamps"}});
  items.push_back(
      {folder + "log-before.txt",
       {"logs", "--namespace", pod.namespace_name, pod.name, tail, "--timestamps", "--previous"}});
  const auto ask = [&](const std::string& file, const std::vector<std::string>& command) {
    Item item{folder + file,
              {"exec", "--namespace", pod.namespace_name, pod.name, "--container", pod.component, "--",
               "fairlead"}};
    item.words.insert(item.words.end(), command.begin(), command.end());
    items.push_back(std::move(item));
  };
  if (pod.component == "controller") {
    ask("status.json", {"--agent", "unix:/run/fairlead/controller.sock", "status", "-o", "json"});
    return;
  }
  for (const char* command : {"status", "endpoints", "services", "policies"})
    ask(absl::StrCat(command, ".json"), {command, "-o", "json"});
  ask("conntrack.jsonl", {"conntrack", "-o", "json"});
  ask("flows.jsonl", {"flows", "--last", "2000", "-o", "json"});
}

// Writes the answer, or why there is none, to a file of its own. True: there is one.
bool Collect(const Kubectl& kubectl, const Item& item, const std::filesystem::path& folder) {
  const auto answer = kubectl.Run(item.words, kTimeoutMs);
  const std::filesystem::path path = folder / item.file;
  std::error_code ignored;
  std::filesystem::create_directories(path.parent_path(), ignored);
  if (answer.ok() && !answer->out.empty()) std::ofstream(path) << answer->out;
  if (answer.ok() && answer->exit_code == 0) return true;
  std::ofstream(path.string() + ".error")
      << "kubectl " << absl::StrJoin(item.words, " ") << "\n"
      << (answer.ok() ? answer->err : std::string(answer.status().message())) << "\n";
  return false;
}

absl::Status Pack(const std::filesystem::path& parent, const std::string& folder, const std::string& file) {
  ASSIGN_OR_RETURN(const lab::CommandResult result,
                   lab::RunCommand({.argv = {"tar", "--create", "--gzip", "--file", file, "--directory",
                                             parent.string(), folder},
                                    .env = lab::CurrentEnvironment()},
                                   "", kTimeoutMs));
  if (result.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("write ", file, ": ", LastWords(result.err)));
}

std::string DefaultName() {
  const time_t now = std::time(nullptr);
  tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  std::strftime(text, sizeof text, "fairlead-sysdump-%Y%m%d-%H%M%S", &utc);
  return text;
}

absl::StatusOr<int> Sysdump(const SysdumpOptions& options, const Context& context) {
  std::vector<FairleadPod> pods;
  auto found = FindFairleadPods(context.kubectl, context.kube_namespace);
  if (found.ok()) {
    pods = *std::move(found);
  } else if (!absl::IsNotFound(found.status()) || !context.kubectl.Output({"version"}, kTimeoutMs).ok()) {
    return found.status();  // nothing can be asked
  } else {
    std::cerr << context.error_style().Paint(Tone::kCaution, found.status().message()) << "\n";
  }
  const std::string ns = !pods.empty()                    ? pods[0].namespace_name
                         : context.kube_namespace.empty() ? "kube-system"
                                                          : context.kube_namespace;
  std::vector<Item> items;
  AddClusterItems(ns, items);
  for (const FairleadPod& pod : pods) AddPodItems(pod, options.log_lines, items);

  std::string parent = (std::filesystem::temp_directory_path() / "fairlead-XXXXXX").string();
  if (::mkdtemp(parent.data()) == nullptr) return ErrnoError(errno, absl::StrCat("make a folder ", parent));
  const auto remove = absl::MakeCleanup([&parent] {
    std::error_code ignored;
    std::filesystem::remove_all(parent, ignored);
  });
  const std::string name = DefaultName();
  std::atomic<size_t> next = 0;
  std::atomic<size_t> failed = 0;
  std::vector<std::thread> workers;
  for (size_t i = 0; i < kAtOnce; ++i) {
    workers.emplace_back([&] {
      for (size_t at = next++; at < items.size(); at = next++)
        failed += !Collect(context.kubectl, items[at], std::filesystem::path(parent) / name);
    });
  }
  for (std::thread& worker : workers) worker.join();
  const std::string file = options.file.empty() ? name + ".tar.gz" : options.file;
  RETURN_IF_ERROR(Pack(parent, name, file));
  std::cout << file << ": " << items.size() - failed << " answers";
  if (failed > 0) std::cout << ", and " << failed << " that were not to be had: see the files *.error in it";
  std::cout << "\n";
  return 0;
}

}  // namespace

void AddSysdumpCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<SysdumpOptions>();
  CLI::App* sysdump = app.add_subcommand("sysdump", "everything for a report, in one archive");
  sysdump->add_option("--file", options->file, "the archive; default: fairlead-sysdump-TIME.tar.gz")
      ->type_name("FILE");
  sysdump->add_option("--log-lines", options->log_lines, "of each log, at most")->capture_default_str();
  sysdump->footer(
      "Has nodes, Services, policies, events, Fairlead's own objects and logs, and what each agent's "
      "datapath\n"
      "holds; no Secrets, and no specifications of other pods. What an agent that is down cannot say is "
      "missing,\n"
      "with a note why.\n\n"
      "Examples:\n  fairlead sysdump\n  fairlead sysdump --file report.tar.gz --log-lines 500");
  OnRun(sysdump, context, [options, &context] { return Sysdump(*options, context); });
}

}  // namespace fairlead::cli
