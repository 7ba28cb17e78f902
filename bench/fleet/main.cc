// fairlead-fleet: one controller replica at full size, without sockets: what it takes to hold a cluster, and
// from one changed object until every agent that it concerns has been sent its bytes and has acknowledged.
// Prints one JSON object.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/fleet/agents.h"
#include "bench/fleet/cluster.h"
#include "bench/fleet/source.h"
#include "controller/events/facts.h"
#include "controller/server/controller.h"
#include "controller/status/realisations.h"

namespace fairlead::bench {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Of this process, resident.
double Megabytes() {
  ::malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes / 1024;
  }
  return 0;
}

class Fleet {
 public:
  // `whole`: the source does not say what changed, so that everything is resolved anew at each change.
  Fleet(const Size& size, bool whole) : whole_(whole), objects_(size) {}

  nlohmann::json Load() {
    nlohmann::json result = {{"nodes", objects_.size().nodes}, {"pods", objects_.size().pods()}};
    result["services"] = CountOf("Service");
    result["policies"] = CountOf("NetworkPolicy");
    result["objects_mb"] = Megabytes();
    Clock::time_point begin = Clock::now();
    controller::ClusterSettings settings;
    settings.api_server = true;
    controller_ = *controller::Controller::OpenWith(settings, [this](std::function<void()> changed) {
      auto source = std::make_unique<Source>(&objects_.all(), std::move(changed));
      source_ = source.get();
      return absl::StatusOr<std::unique_ptr<controller::ObjectSource>>(std::move(source));
    });
    result["resolve_ms"] = MillisecondsSince(begin);
    result["resolved_mb"] = Megabytes();
    std::vector<std::string> nodes;
    for (const auto& [name, node] : controller_->store().cluster().nodes) nodes.push_back(name);
    agents_ = std::make_unique<Agents>(&controller_->hub());
    begin = Clock::now();
    agents_->Connect(nodes);
    result["all_at_once_mb"] = Megabytes();
    const Sent sent = agents_->Settle();
    result["connect_all_ms"] = MillisecondsSince(begin);
    result["connect_all_sent_mb"] = static_cast<double>(sent.bytes) / 1e6;
    result["connected_mb"] = Megabytes();
    return result;
  }

  nlohmann::json Measure(int count, const std::function<controller::ObjectKey(int)>& change) {
    std::vector<double> took;
    Sent all;
    for (int i = 0; i < count; ++i) {
      const controller::ObjectKey key = change(i);
      const Clock::time_point begin = Clock::now();
      source_->Change(whole_ ? std::nullopt : controller::TouchedObjects({key}));
      const Sent sent = agents_->Settle();
      took.push_back(MillisecondsSince(begin));
      all.pushes += sent.pushes;
      all.bytes += sent.bytes;
    }
    nlohmann::json result = Quantiles(std::move(took));
    result["agents_told"] = static_cast<double>(all.pushes) / count;
    result["bytes"] = static_cast<double>(all.bytes) / count;
    return result;
  }

  // What a replica computes for status objects and Events, from everything.
  nlohmann::json MeasureRounds(int count) {
    std::vector<double> status, events;
    size_t judged = 0;
    for (int i = 0; i < count; ++i) {
      Clock::time_point begin = Clock::now();
      const controller::RealisationRound round(*controller_);
      judged = round.Judge(*controller_, controller_->hub().Progress()).size();
      status.push_back(MillisecondsSince(begin));
      begin = Clock::now();
      controller::FactsOf(*controller_);
      events.push_back(MillisecondsSince(begin));
    }
    nlohmann::json result = {{"status", Quantiles(std::move(status))},
                             {"events", Quantiles(std::move(events))}};
    result["objects_judged"] = judged;
    return result;
  }

  ApiObjects& objects() { return objects_; }

 private:
  int64_t CountOf(const std::string& kind) const {
    return std::count_if(objects_.all().begin(), objects_.all().end(),
                         [&](const auto& object) { return object.first.kind == kind; });
  }
  static nlohmann::json Quantiles(std::vector<double> took) {
    std::sort(took.begin(), took.end());
    const auto at = [&](double share) {
      return took[static_cast<size_t>(share * static_cast<double>(took.size() - 1))];
    };
    return {{"count", took.size()}, {"p50_ms", at(0.5)}, {"p99_ms", at(0.99)}, {"max_ms", took.back()}};
  }

  bool whole_;
  ApiObjects objects_;
  std::unique_ptr<controller::Controller> controller_;
  Source* source_ = nullptr;
  std::unique_ptr<Agents> agents_;
};

int Main(int argc, char** argv) {
  Size size;
  int changes = 200;
  bool whole = false;
  CLI::App app("One controller replica with many agents");
  app.add_option("--nodes", size.nodes, "each with an agent")->check(CLI::Range(1, 40'000));
  app.add_option("--namespaces", size.namespaces, "300 pods and 20 Services each")
      ->check(CLI::Range(1, 2'000));
  app.add_option("--changes", changes, "of each sort")->check(CLI::Range(1, 100'000));
  app.add_flag("--whole", whole, "resolve everything anew at each change");
  CLI11_PARSE(app, argc, argv);

  Fleet fleet(size, whole);
  ApiObjects& objects = fleet.objects();
  nlohmann::json result = fleet.Load();
  result["relabel_pod"] = fleet.Measure(changes, [&](int n) { return objects.RelabelPod(n); });
  result["replace_pod"] = fleet.Measure(changes, [&](int n) { return objects.ReplacePod(n); });
  result["change_policy"] = fleet.Measure(changes, [&](int n) { return objects.ChangePolicy(n); });
  result["change_readiness"] = fleet.Measure(changes, [&](int n) { return objects.ChangeReadiness(n); });
  result["add_node"] = fleet.Measure(std::min(changes, 50), [&](int n) { return objects.AddNode(n); });
  result["rounds"] = fleet.MeasureRounds(10);
  result["end_mb"] = Megabytes();
  std::cout << result.dump(2) << "\n";
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) try {
  return fairlead::bench::Main(argc, argv);
} catch (const std::exception& error) {
  std::cerr << "fairlead-fleet: " << error.what() << "\n";
  return 1;
}
