// kubectl fairlead connectivity test: real pods, Services and a policy in a namespace of their own.
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <map>
#include <random>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/command.h"
#include "cli/kube/connectivity_plan.h"
#include "cli/kube/kubernetes_cluster.h"

namespace fairlead::cli {
namespace {

using nlohmann::json;

constexpr int kKubectlMs = 60'000;
constexpr int kProbeMs = 1000;
constexpr int kBetweenRoundsMs = 250;

struct TestOptions {
  std::string image;
  uint32_t timeout_s = 60;
  bool keep = false;
};

using Results = std::map<std::string, std::string>;  // target -> "ok", "timeout", ...

class ConnectivityTest {
 public:
  ConnectivityTest(TestSite site, const TestOptions& options, const Context& context)
      : site_(std::move(site)), options_(options), context_(context), kubectl_(context.kubectl) {}

  absl::StatusOr<int> Run() {
    const auto clean_up = absl::MakeCleanup([this] { CleanUp(); });
    std::cout << "namespace " << site_.namespace_name << ", nodes " << site_.nodes.front() << " and "
              << site_.nodes.back() << "\n";
    RETURN_IF_ERROR(Create(ConnectivityObjects(site_)));
    RETURN_IF_ERROR(WaitForPods());
    ASSIGN_OR_RETURN(const json pods, Get("pods"));
    ASSIGN_OR_RETURN(const json services, Get("services"));
    ASSIGN_OR_RETURN(const json nodes, Get("nodes"));
    RETURN_IF_ERROR(Check("without a policy", ConnectivityChecks(pods, services, nodes, false)));
    RETURN_IF_ERROR(Create(ConnectivityPolicy(site_)));
    RETURN_IF_ERROR(
        Check("with a policy for client-1 and TCP", ConnectivityChecks(pods, services, nodes, true)));
    const Style style = context_.style();
    std::cout << (failed_ == 0 ? style.Paint(Tone::kGood, "all is well")
                               : style.Paint(Tone::kBad, absl::StrCat(failed_, " checks failed")))
              << "\n";
    return failed_ == 0 ? 0 : kFailed;
  }

 private:
  absl::Status Create(const json& object) const {
    return kubectl_.Output({"create", "--filename=-"}, kKubectlMs, object.dump()).status();
  }

  absl::StatusOr<json> Get(const std::string& kind) const {
    return kubectl_.Json({"get", kind, "--namespace", site_.namespace_name, "--output=json"}, kKubectlMs);
  }

  // A pod that does not start says why in its events.
  absl::Status WaitForPods() const {
    absl::Status waited =
        kubectl_
            .Output({"wait", "pods", "--all", "--namespace", site_.namespace_name, "--for=condition=Ready",
                     absl::StrFormat("--timeout=%ds", options_.timeout_s)},
                    static_cast<int>(options_.timeout_s) * 1000 + kKubectlMs)
            .status();
    if (waited.ok()) return waited;
    const auto events =
        kubectl_.Output({"get", "events", "--namespace", site_.namespace_name,
                         "--field-selector=type=Warning", "--output=custom-columns=:.message"},
                        kKubectlMs);
    return absl::UnavailableError(
        absl::StrCat("the test's pods do not get ready: ",
                     events.ok() ? LastWords(*events) : std::string(waited.message())));
  }

  // Of one client's targets, all at once.
  absl::StatusOr<Results> Scan(const std::string& client, const std::string& targets) const {
    ASSIGN_OR_RETURN(
        const lab::CommandResult said,
        kubectl_.Run({"exec", "--stdin", "--namespace", site_.namespace_name, client, "--",
                      "/usr/bin/fairlead-probe", "scan", absl::StrCat("--timeout-ms=", kProbeMs)},
                     kKubectlMs, targets));
    Results results;
    for (const absl::string_view line : absl::StrSplit(said.out, '\n', absl::SkipEmpty())) {
      const json answer = json::parse(line, nullptr, false);
      if (answer.is_object()) results[answer.value("target", "")] = answer.value("result", "");
    }
    if (!results.empty()) return results;
    return absl::UnavailableError(absl::StrCat("asking from ", client, ": ", LastWords(said.err)));
  }

  absl::Status Check(const std::string& when, const std::vector<ConnectivityCheck>& checks) {
    std::vector<ConnectivityCheck> left = checks;
    Results last;  // client + target -> what became of it
    const int64_t deadline_ns = SystemClock().MonotonicNs() + int64_t{options_.timeout_s} * 1'000'000'000;
    // Policies and Services come into force a moment after their objects.
    while (true) {
      RETURN_IF_ERROR(Round(left, last));
      if (left.empty() || SystemClock().MonotonicNs() > deadline_ns) break;
      ::poll(nullptr, 0, kBetweenRoundsMs);
    }
    const Style style = context_.style();
    const size_t well = checks.size() - left.size();
    std::cout << (left.empty() ? style.Paint(Tone::kGood, "✓") : style.Paint(Tone::kBad, "✗")) << " " << when
              << ": " << well << " of " << checks.size() << " as they should be\n";
    failed_ += left.size();
    for (const ConnectivityCheck& check : left) Explain(check, last[check.client + " " + check.target]);
    return absl::OkStatus();
  }

  // Takes out of `left` what is as it should be.
  absl::Status Round(std::vector<ConnectivityCheck>& left, Results& last) const {
    std::map<std::string, std::string> targets;  // by client
    for (const ConnectivityCheck& check : left) targets[check.client] += check.target + "\n";
    std::map<std::string, std::future<absl::StatusOr<Results>>> scans;
    for (const auto& [client, text] : targets) {
      scans[client] =
          std::async(std::launch::async, [this, client = client, text = text] { return Scan(client, text); });
    }
    for (auto& [client, scan] : scans) {
      ASSIGN_OR_RETURN(const Results results, scan.get());
      for (const auto& [target, result] : results) last[client + " " + target] = result;
    }
    std::erase_if(left, [&last](const ConnectivityCheck& check) {
      return (last[check.client + " " + check.target] == "ok") == check.allowed;
    });
    return absl::OkStatus();
  }

  // What the datapath says to it.
  void Explain(const ConnectivityCheck& check, const std::string& result) const {
    const Style style = context_.style();
    std::cout << "  " << style.Paint(Tone::kBad, check.what) << ": "
              << (check.allowed ? absl::StrCat("does not get through (", result, ")")
                                : "gets through, against the policy")
              << "\n";
    std::vector<std::string> argv = {context_.program};
    if (!kubectl_.context.empty()) argv.push_back("--context=" + kubectl_.context);
    if (!kubectl_.kubeconfig.empty()) argv.push_back("--kubeconfig=" + kubectl_.kubeconfig);
    for (const std::string& word :
         {std::string("why"), absl::StrCat(site_.namespace_name, "/", check.client), check.target})
      argv.push_back(word);
    const auto why = lab::RunCommand({.argv = argv, .env = lab::CurrentEnvironment()}, "", kKubectlMs);
    for (const absl::string_view line : absl::StrSplit(
             why.ok() ? why->out + why->err : std::string(why.status().message()), '\n', absl::SkipEmpty()))
      std::cout << "    " << line << "\n";
  }

  void CleanUp() const {
    if (options_.keep) {
      std::cout << "kept; remove it by: kubectl delete namespace " << site_.namespace_name << "\n";
      return;
    }
    const auto deleted = kubectl_.Output(
        {"delete", "namespace", site_.namespace_name, "--ignore-not-found", "--timeout=60s"}, 2 * kKubectlMs);
    if (!deleted.ok()) {
      std::cerr << context_.error_style().Paint(Tone::kCaution, "left behind: ") << "namespace "
                << site_.namespace_name << ": " << deleted.status().message() << "\n";
    }
  }

  TestSite site_;
  TestOptions options_;
  const Context& context_;
  const Kubectl& kubectl_;
  size_t failed_ = 0;
};

absl::StatusOr<int> Test(const TestOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const std::vector<FairleadPod> pods,
                   FindFairleadPods(context.kubectl, context.kube_namespace));
  TestSite site{.namespace_name = absl::StrFormat("fairlead-test-%06x", std::random_device()() & 0xffffff),
                .image = options.image,
                .nodes = {}};
  for (const FairleadPod& pod : pods) {
    if (pod.component != "agent") continue;
    if (!pod.trouble.empty()) {
      std::cout << "left out " << pod.node << ": " << pod.trouble << "\n";
      continue;
    }
    if (site.image.empty()) site.image = pod.image;
    if (site.nodes.size() < 2) site.nodes.push_back(pod.node);
  }
  if (site.nodes.empty()) {
    return absl::FailedPreconditionError(
        "no node has an agent that is ready, so that no pod can start; see kubectl fairlead status");
  }
  return ConnectivityTest(std::move(site), options, context).Run();
}

}  // namespace

void AddConnectivityCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<TestOptions>();
  CLI::App* connectivity = app.add_subcommand("connectivity", "does the network do what it should?");
  connectivity->require_subcommand(1);
  connectivity->footer("Examples:\n  fairlead connectivity test");
  CLI::App* test = connectivity->add_subcommand("test", "try real pods, Services and a policy");
  test->add_option("--image", options->image, "has /usr/bin/fairlead-probe; default: the agents' image");
  test->add_option("--timeout", options->timeout_s,
                   "seconds for pods to start, and for each part to come true")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  test->add_flag("--keep", options->keep, "leave the namespace there to look at");
  test->footer(
      "Makes a namespace with clients and servers on two nodes, removes it in the end, and says of what is "
      "wrong\n"
      "what the datapath says to it. Exit code 0: all is well.\n\n"
      "Examples:\n  fairlead connectivity test\n  fairlead connectivity test --keep --timeout 20");
  OnRun(test, context, [options, &context] { return Test(*options, context); });
}

}  // namespace fairlead::cli
