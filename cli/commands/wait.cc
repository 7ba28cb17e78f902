// fairlead wait: until an object is in force on every node that it concerns.
#include <poll.h>

#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/commands/ask_nodes.h"
#include "cli/commands/command.h"
#include "cli/wait/realised.h"
#include "cli/wait/wait_object.h"

namespace fairlead::cli {
namespace {

using introspect::v1::PoliciesReply;
using introspect::v1::RealisedNode;
using introspect::v1::RealisedReply;
using introspect::v1::RealisedRequest;

constexpr int kVersionMs = 30'000;
constexpr int kBetweenAsksMs = 50;
constexpr int64_t kPatienceNs = 1'000'000'000;  // before what is late is told

struct WaitOptions {
  std::string object;
  std::string namespace_name = "default";
  std::string until = "realised";
  double timeout_s = 60;
};

double MsSince(int64_t begin_ns) {
  return static_cast<double>(SystemClock().MonotonicNs() - begin_ns) / 1e6;
}

// The version that the API server has now; 0 where there is none to ask, or nothing to be there.
absl::StatusOr<uint64_t> VersionOf(const WaitObject& object, bool gone, const Context& context) {
  if (!context.plugin || gone) return 0;
  ASSIGN_OR_RETURN(const nlohmann::json value,
                   context.kubectl.Json({"get", object.kind, object.name,
                                         "--namespace=" + object.namespace_name, "--output=json"},
                                        kVersionMs));
  uint64_t version = 0;
  const std::string text = value.value("/metadata/resourceVersion"_json_pointer, "");
  if (absl::SimpleAtoi(text, &version)) return version;
  return absl::InternalError(absl::StrCat(object.ToString(), ": resourceVersion '", text, "' is no number"));
}

class Wait {
 public:
  Wait(WaitObject object, const WaitOptions& options, const Context& context, const Cluster& cluster)
      : object_(std::move(object)),
        gone_(options.until == "delete"),
        timeout_s_(options.timeout_s),
        context_(context),
        cluster_(cluster) {}

  absl::StatusOr<int> Run() {
    ASSIGN_OR_RETURN(const uint64_t version, VersionOf(object_, gone_, context_));
    while (true) {
      ASSIGN_OR_RETURN(state_, Ask(version));
      ASSIGN_OR_RETURN(const bool done, IsDone());
      if (done || MsSince(begin_ns_) > timeout_s_ * 1e3) return Finish(done);
      if (SystemClock().MonotonicNs() - begin_ns_ > kPatienceNs) TellWhatIsLate();
      ::poll(nullptr, 0, kBetweenAsksMs);
    }
  }

 private:
  absl::StatusOr<RealisedState> Ask(uint64_t version) const {
    RealisedRequest request;
    request.set_kind(object_.kind);
    request.set_namespace_(object_.namespace_name);
    request.set_name(object_.name);
    request.set_resource_version(version);
    std::vector<RealisedReply> replies;
    absl::Status trouble = absl::InvalidArgumentError(
        "only a controller knows whom an object concerns; name it with --controller");
    for (auto& reply : AskAtOnce<RealisedReply>(PointersTo(cluster_.controllers), [&](const auto& client) {
           return client.Realised(request);
         })) {
      if (reply.ok()) {
        replies.push_back(*std::move(reply));
      } else {
        trouble = reply.status();
      }
    }
    if (replies.empty()) return trouble;
    return Merge(replies);
  }

  // An error: waiting longer does not help.
  absl::StatusOr<bool> IsDone() {
    if (!state_.reached) return false;
    if (gone_) return !state_.exists && state_.done() == state_.nodes.size();
    if (!state_.refused.empty())
      return absl::FailedPreconditionError(absl::StrCat(object_.ToString(), " is refused: ", state_.refused));
    if (!state_.exists)
      return absl::NotFoundError(
          absl::StrCat("there is no ", object_.ToString(), "; to wait until one is gone: --for delete"));
    if (state_.done() < state_.nodes.size()) return false;
    if (object_.kind == "NetworkPolicy") AskAgents();
    return state_.done() == state_.nodes.size();
  }

  // What the agents find in the kernel now has the last word.
  void AskAgents() {
    std::vector<const NodeAgent*> agents;
    std::vector<RealisedNode*> nodes;  // of these agents
    for (RealisedNode& node : state_.nodes) {
      const NodeAgent* agent = cluster_.Find(node.node());
      if (agent == nullptr) continue;
      agents.push_back(agent);
      nodes.push_back(&node);
    }
    const auto replies =
        AskAtOnce<PoliciesReply>(agents, [](const IntrospectClient& client) { return client.Policies(); });
    for (size_t i = 0; i < nodes.size(); ++i) {
      const auto& reply = replies[i];
      std::string missing = reply.ok() ? "" : absl::StrCat("its agent: ", reply.status().message());
      if (reply.ok()) {
        for (const auto& policy : reply->policies()) {
          if (policy.namespace_() == object_.namespace_name && policy.name() == object_.name)
            missing = policy.message();
        }
      }
      if (missing.empty()) continue;
      nodes[i]->set_state(RealisedNode::LATE);
      nodes[i]->set_message(missing);
    }
  }

  void TellWhatIsLate() {
    std::string now = state_.Describe();
    if (now == told_) return;
    std::cerr << context_.error_style().Paint(Tone::kFaint, absl::StrCat("waiting: ", now)) << "\n";
    told_ = std::move(now);
  }

  int Finish(bool done) const {
    if (context_.json()) {
      PrintJson(done);
      return done ? 0 : kFailed;
    }
    const Style style = context_.style();
    const std::string after = absl::StrFormat(" after %.0f ms", MsSince(begin_ns_));
    const std::string name = style.Paint(Tone::kName, object_.ToString());
    if (!done) {
      std::cout << name << ": " << style.Paint(Tone::kBad, "not everywhere") << after << ": "
                << state_.Describe() << "\n";
      return kFailed;
    }
    if (gone_) {
      std::cout << name << " is gone from every node" << after << "\n";
    } else if (state_.nodes.empty()) {
      std::cout << name << " selects no pod: there is no node to wait for\n";
    } else {
      std::cout << name << " is in force on " << style.Paint(Tone::kGood, state_.Describe()) << after << "\n";
    }
    return 0;
  }

  void PrintJson(bool done) const {
    nlohmann::json nodes = nlohmann::json::array();
    for (const RealisedNode& node : state_.nodes) {
      nodes.push_back({{"node", node.node()},
                       {"state", RealisedNode::State_Name(node.state())},
                       {"message", node.message()}});
    }
    std::cout << nlohmann::json{{"kind", object_.kind},           {"namespace", object_.namespace_name},
                                {"name", object_.name},           {"done", done},
                                {"waitedMs", MsSince(begin_ns_)}, {"nodes", nodes}}
                     .dump(2)
              << "\n";
  }

  const WaitObject object_;
  const bool gone_;
  const double timeout_s_;
  const Context& context_;
  const Cluster& cluster_;
  const int64_t begin_ns_ = SystemClock().MonotonicNs();
  RealisedState state_;
  std::string told_;
};

absl::StatusOr<int> RunWait(const WaitOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(WaitObject object, ParseWaitObject(options.object, options.namespace_name));
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  return Wait(std::move(object), options, context, cluster).Run();
}

}  // namespace

void AddWaitCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<WaitOptions>();
  CLI::App* wait = app.add_subcommand("wait", "until a policy or Service is in force on every node");
  wait->add_option("OBJECT", options->object, "networkpolicy/NAME or service/NAME, or KIND/NAMESPACE/NAME")
      ->required();
  wait->add_option("-n", options->namespace_name, "the object's namespace")->capture_default_str();
  wait->add_option("--for", options->until, "realised, or delete: until nothing of it is in force any more")
      ->check(CLI::IsMember({"realised", "delete"}))
      ->capture_default_str();
  wait->add_option("--timeout", options->timeout_s, "seconds")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  AddOutputOption(wait, context);
  wait->footer(
      "The newest version of the object counts, and of the nodes those that it concerns: of a policy the "
      "nodes\n"
      "of pods that it selects, of a Service all. Fails at once when the object is refused or not there, "
      "and\n"
      "names the nodes that are late when the time is over.\n\n"
      "Examples:\n"
      "  fairlead wait networkpolicy/allow-cart -n shop\n"
      "  fairlead wait svc/shop/cart --timeout 10\n"
      "  fairlead wait netpol/shop/allow-cart --for delete");
  OnRun(wait, context, [options, &context] { return RunWait(*options, context); });
}

}  // namespace fairlead::cli
