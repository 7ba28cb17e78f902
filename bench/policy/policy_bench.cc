// Benchmark 6: compiling a large cluster's policy whole, and one pod's change.
//
//   policy_bench --benchmark_format=json
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "bench/policy/cluster.h"
#include "policy/incremental_compiler.h"

namespace fairlead::policy {
namespace {

double HeapMegabytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<double>(info.uordblks + info.hblkhd) / 1e6;
}

// Counters: megabytes that the compiled state takes, beside the objects that went in.
void BM_WholeCompile(benchmark::State& state) {
  const Cluster cluster = LargeCluster(static_cast<int>(state.range(0)));
  double megabytes = 0;
  for ([[maybe_unused]] auto _ : state) {
    const double before = HeapMegabytes();
    IncrementalCompiler compiler;
    compiler.Load(cluster);
    compiler.CommitSilently();
    megabytes = HeapMegabytes() - before;
    state.PauseTiming();  // taking it down again
    {
      const IncrementalCompiler gone = std::move(compiler);
    }
    state.ResumeTiming();
  }
  state.counters["pods"] = static_cast<double>(cluster.pods.size());
  state.counters["policies"] = static_cast<double>(cluster.policies.size());
  state.counters["megabytes"] = megabytes;
}
BENCHMARK(BM_WholeCompile)->Arg(10'000)->Arg(100'000)->Unit(benchmark::kMillisecond)->Iterations(5);

double Percentile(const std::vector<double>& sorted, double part) {
  return sorted[static_cast<size_t>(part * static_cast<double>(sorted.size() - 1))];
}

// One pod relabelled, removed, or made again, and the delta taken. Counters: microseconds.
void BM_PodChange(benchmark::State& state) {
  const int pods = static_cast<int>(state.range(0));
  IncrementalCompiler compiler;
  compiler.Load(LargeCluster(pods));
  compiler.CommitSilently();
  std::mt19937 random(1);
  std::vector<double> microseconds;
  for ([[maybe_unused]] auto _ : state) {
    const int number = static_cast<int>(random() % pods);
    const Pod pod = PodOf(number, static_cast<int>(random() % 10));
    const bool remove = random() % 4 == 0;
    const auto begin = std::chrono::steady_clock::now();
    if (remove) {
      compiler.RemovePod(pod.uid);
    } else {
      compiler.UpsertPod(pod);
    }
    PolicyDelta delta = compiler.Commit();
    benchmark::DoNotOptimize(delta);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    microseconds.push_back(took.count() * 1e6);
    state.SetIterationTime(took.count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  state.counters["p50_us"] = Percentile(microseconds, 0.50);
  state.counters["p99_us"] = Percentile(microseconds, 0.99);
  state.counters["max_us"] = microseconds.back();
}
BENCHMARK(BM_PodChange)
    ->Arg(10'000)
    ->Arg(100'000)
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond)
    ->Iterations(50'000);

}  // namespace
}  // namespace fairlead::policy

BENCHMARK_MAIN();
