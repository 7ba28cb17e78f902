#include "bench/load/histogram.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_format.h"

namespace fairlead::bench {
namespace {

constexpr int kSubBits = 9;
constexpr uint64_t kSubBuckets = uint64_t{1} << kSubBits;
constexpr int kMaxBits = 40;
// Values below 512 have a bucket each; every further power of two has 512.
constexpr size_t kBuckets = (kMaxBits - kSubBits + 1) * kSubBuckets;

size_t BucketOf(uint64_t value) {
  if (value < kSubBuckets) return value;
  const int shift = std::bit_width(value) - 1 - kSubBits;
  return static_cast<size_t>(shift + 1) * kSubBuckets + ((value >> shift) - kSubBuckets);
}

uint64_t LowestOf(size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const size_t shift = bucket / kSubBuckets - 1;
  return (kSubBuckets + bucket % kSubBuckets) << shift;
}

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::Add(int64_t duration_ns) {
  const uint64_t value =
      std::min(static_cast<uint64_t>(std::max<int64_t>(duration_ns, 0)), (uint64_t{1} << kMaxBits) - 1);
  ++buckets_[BucketOf(value)];
  ++count_;
  sum_ns_ += value;
  max_ns_ = std::max(max_ns_, static_cast<int64_t>(value));
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ns_ += other.sum_ns_;
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

void Histogram::Clear() {
  std::fill(buckets_.begin(), buckets_.end(), 0);
  count_ = sum_ns_ = 0;
  max_ns_ = 0;
}

double Histogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const double rank = percent / 100 * static_cast<double>(count_);
  double below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    if (buckets_[i] == 0) continue;
    const double here = static_cast<double>(buckets_[i]);
    if (below + here >= rank) {
      const double low = static_cast<double>(LowestOf(i));
      const double width = static_cast<double>(LowestOf(i + 1)) - low;
      const double value = low + width * std::clamp((rank - below) / here, 0.0, 1.0);
      return std::min(value, static_cast<double>(max_ns_));
    }
    below += here;
  }
  return static_cast<double>(max_ns_);
}

std::string Histogram::ToJson() const {
  return absl::StrFormat(
      R"({"count":%d,"mean_ns":%.1f,"p50_ns":%.1f,"p90_ns":%.1f,"p99_ns":%.1f,"p999_ns":%.1f,"max_ns":%d})",
      count_, mean_ns(), Percentile(50), Percentile(90), Percentile(99), Percentile(99.9), max_ns_);
}

}  // namespace fairlead::bench
