#include "controller/identity/rate_limit.h"

#include <algorithm>

namespace fairlead::controller {

void RateLimit::Fill(Bucket* bucket, const Rate& rate, int64_t now_ns) {
  const double seconds = static_cast<double>(now_ns - bucket->at_ns) / 1e9;
  bucket->tokens = std::min(rate.burst, bucket->tokens + seconds * rate.per_second);
  bucket->at_ns = now_ns;
}

RateLimit::Bucket& RateLimit::BucketOf(const std::string& address, int64_t now_ns) {
  auto at = each_.find(address);
  if (at == each_.end()) {
    if (each_.size() >= kMaxAddresses) {
      each_.erase(by_age_.begin()->second);
      by_age_.erase(by_age_.begin());
    }
    at = each_.emplace(address, Bucket{each_rate_.burst, now_ns}).first;
  } else {
    by_age_.erase({at->second.at_ns, address});
  }
  Fill(&at->second, each_rate_, now_ns);
  by_age_.emplace(now_ns, address);
  return at->second;
}

bool RateLimit::Take(const std::string& address, int64_t now_ns) {
  Bucket& own = BucketOf(address, now_ns);
  Fill(&all_, all_rate_, now_ns);
  if (own.tokens < 1 || all_.tokens < 1) return false;
  own.tokens -= 1;
  all_.tokens -= 1;
  return true;
}

}  // namespace fairlead::controller
