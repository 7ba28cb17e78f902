// fairlead-fleet: one controller replica at full size, without sockets: what it takes to hold a cluster, and
// from one changed object until every agent that it concerns has been sent its bytes and has acknowledged.
// Prints one JSON object.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/fleet/agents.h"
#include "bench/fleet/cluster.h"

namespace fairlead::bench {
namespace {

using Clock = std::chrono::steady_clock;

double MillisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// Resident memory of this process.
double Megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == "VmRSS:" && status >> kilobytes) return kilobytes / 1024;
  }
  return 0;
}

class Fleet {
 public:
  // `whole`: everything is resolved anew at each change, as with manifests.
  Fleet(const Size& size, bool whole)
      : whole_(whole), objects_(size), store_(Settings()), hub_(&store_), agents_(&hub_) {}

  nlohmann::json Load() {
    nlohmann::json result = {{"nodes", objects_.size().nodes}, {"pods", objects_.size().pods()}};
    result["services"] = std::count_if(objects_.all().begin(), objects_.all().end(),
                                       [](const auto& object) { return object.first.kind == "Service"; });
    result["policies"] = std::count_if(objects_.all().begin(), objects_.all().end(), [](const auto& object) {
      return object.first.kind == "NetworkPolicy";
    });
    result["objects_mb"] = Megabytes();
    Clock::time_point begin = Clock::now();
    hub_.SetObjects(objects_.all(), ++watermark_);
    result["resolve_ms"] = MillisecondsSince(begin);
    result["resolved_mb"] = Megabytes();
    std::vector<std::string> nodes;
    for (const auto& [name, node] : store_.cluster().nodes) nodes.push_back(name);
    begin = Clock::now();
    agents_.Connect(nodes);
    const Sent sent = agents_.Settle();
    result["connect_all_ms"] = MillisecondsSince(begin);
    result["connect_all_mb"] = static_cast<double>(sent.bytes) / 1e6;
    result["connected_mb"] = Megabytes();
    return result;
  }

  nlohmann::json Measure(int count, const std::function<controller::ObjectKey(int)>& change) {
    std::vector<double> took;
    Sent all;
    for (int i = 0; i < count; ++i) {
      const std::set<controller::ObjectKey> touched = {change(i)};
      const Clock::time_point begin = Clock::now();
      hub_.SetObjects(objects_.all(), ++watermark_, whole_ ? std::nullopt : std::make_optional(touched));
      const Sent sent = agents_.Settle();
      took.push_back(MillisecondsSince(begin));
      all.pushes += sent.pushes;
      all.bytes += sent.bytes;
    }
    std::sort(took.begin(), took.end());
    const auto at = [&](double share) {
      return took[static_cast<size_t>(share * static_cast<double>(count - 1))];
    };
    return {{"changes", count},
            {"p50_ms", at(0.5)},
            {"p99_ms", at(0.99)},
            {"max_ms", took.back()},
            {"agents_told", static_cast<double>(all.pushes) / count},
            {"bytes", static_cast<double>(all.bytes) / count}};
  }

  ApiObjects& objects() { return objects_; }

 private:
  static controller::ClusterSettings Settings() {
    controller::ClusterSettings settings;
    settings.api_server = true;
    return settings;
  }

  bool whole_;
  ApiObjects objects_;
  controller::Store store_;
  controller::Hub hub_;
  Agents agents_;
  uint64_t watermark_ = 0;
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
