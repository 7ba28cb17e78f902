// fairlead flows: what passes and what is dropped, as it happens, on all nodes.
#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/status_macros.h"
#include "cli/cluster.h"
#include "cli/commands/command.h"
#include "cli/commands/filter.h"
#include "cli/text/flow_order.h"
#include "cli/text/flow_text.h"
#include "cli/text/proto_json.h"

namespace fairlead::cli {
namespace {

using observer::v1::Flow;

struct FlowOptions {
  FilterOptions filter;
  uint32_t last = 20;
  bool follow = false;
};

void Print(const Flow& flow, const Names& names, const Context& context, const Style& style) {
  if (context.json()) {
    std::cout << ToJson(flow).dump() << "\n";
  } else {
    std::cout << FlowText(flow, names, style);
  }
}

// Takes flows from a thread a node, and prints them in the order of their times. Following several nodes
// means to wait a moment for the slower ones.
class Stream {
 public:
  using Printer = std::function<void(const Flow&)>;

  Stream(size_t nodes, Printer print) : order_(nodes > 1 ? kHoldNs : 0), print_(std::move(print)) {}

  // False: nobody reads any more.
  bool Follow(const Flow& flow) {
    const std::lock_guard lock(mutex_);
    order_.Add(flow, SystemClock().MonotonicNs());
    PrintAll(order_.Take(SystemClock().MonotonicNs()));
    return std::cout.good();
  }
  void Collect(const Flow& flow) {
    const std::lock_guard lock(mutex_);
    order_.Add(flow, 0);
  }
  // While others follow, until `ended`.
  void PrintWhatIsDue(const std::future<void>& ended) {
    while (ended.wait_for(std::chrono::nanoseconds(kHoldNs / 4)) != std::future_status::ready) {
      const std::lock_guard lock(mutex_);
      PrintAll(order_.Take(SystemClock().MonotonicNs()));
    }
  }
  void PrintLast(size_t count) {
    std::vector<Flow> flows = order_.TakeAll();
    if (flows.size() > count) flows.erase(flows.begin(), flows.end() - static_cast<std::ptrdiff_t>(count));
    PrintAll(flows);
  }

 private:
  static constexpr int64_t kHoldNs = 400'000'000;

  void PrintAll(const std::vector<Flow>& flows) {
    for (const Flow& flow : flows) print_(flow);
    if (!flows.empty()) std::cout.flush();
  }

  std::mutex mutex_;
  FlowOrder order_;
  Printer print_;
};

absl::StatusOr<int> Flows(const FlowOptions& options, const Context& context) {
  ASSIGN_OR_RETURN(const Cluster cluster, Cluster::Open(context));
  observer::v1::FlowsRequest request;
  request.set_last(options.last);
  request.set_follow(options.follow);
  ASSIGN_OR_RETURN(*request.mutable_filter(), FilterOf(options.filter));
  const Names names = context.json() ? Names() : cluster.LoadNames();
  const Style style = context.style();
  Stream stream(cluster.agents.size(), [&](const Flow& flow) { Print(flow, names, context, style); });

  std::mutex mutex;
  int failed = 0;
  std::vector<std::thread> threads;
  threads.reserve(cluster.agents.size());
  for (const NodeAgent& agent : cluster.agents) {
    threads.emplace_back([&] {
      const absl::Status status = agent.client.Flows(request, [&](const Flow& flow) {
        if (options.follow) return stream.Follow(flow);
        stream.Collect(flow);
        return true;
      });
      if (status.ok()) return;
      const std::lock_guard lock(mutex);
      ++failed;
      std::cerr << context.error_style().Paint(Tone::kBad, agent.node) << ": " << status.message() << "\n";
    });
  }
  std::promise<void> ended;
  std::thread printer([&, done = ended.get_future()] {
    if (options.follow) stream.PrintWhatIsDue(done);
  });
  for (std::thread& thread : threads) thread.join();
  ended.set_value();
  printer.join();
  stream.PrintLast(options.follow ? SIZE_MAX : options.last);
  return failed == 0 ? 0 : kFailed;
}

}  // namespace

void AddFlowsCommand(CLI::App& app, Context& context) {
  auto options = std::make_shared<FlowOptions>();
  CLI::App* flows = app.add_subcommand("flows", "new connections and drops, with the rule that decided");
  AddOutputOption(flows, context);
  AddFilterOptions(flows, options->filter, true);
  flows->add_option("-n,--last", options->last, "how many of the recent ones")->capture_default_str();
  flows->add_flag("-f,--follow", options->follow, "go on with what happens from now on");
  flows->footer(
      "With -o json: one object a line.\n\n"
      "Examples:\n  fairlead flows -f\n  fairlead flows --pod shop/ --verdict dropped\n"
      "  fairlead flows -f -o json | jq -r .reason");
  OnRun(flows, context, [options, &context] { return Flows(*options, context); });
}

}  // namespace fairlead::cli
