// How often somebody may ask: a bucket of tokens for all together, and one for each address, so that one
// that asks too much keeps nobody else out. Pure; the time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace fairlead::controller {

class RateLimit {
 public:
  struct Rate {
    double per_second = 0;
    double burst = 0;
  };
  static constexpr size_t kMaxAddresses = 10'000;

  RateLimit(Rate all, Rate each) : all_rate_(all), each_rate_(each), all_{all.burst, 0} {}

  // False: not now. `now_ns` never goes back.
  bool Take(const std::string& address, int64_t now_ns);

  size_t addresses() const { return each_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    int64_t at_ns = 0;
  };
  static void Fill(Bucket* bucket, const Rate& rate, int64_t now_ns);
  Bucket& BucketOf(const std::string& address, int64_t now_ns);

  Rate all_rate_, each_rate_;
  Bucket all_;
  std::map<std::string, Bucket> each_;
  std::set<std::pair<int64_t, std::string>> by_age_;  // at_ns of each bucket: the oldest makes room
};

}  // namespace fairlead::controller
