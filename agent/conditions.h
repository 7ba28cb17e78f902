// What is well with this agent and what is not, each since when. Shown by status and as metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"

namespace fairlead::agent {

struct Condition {
  std::string type;
  bool ok = false;
  std::string message;   // of a bad one: what is wrong and the way out
  int64_t since_ns = 0;  // wall clock

  bool operator==(const Condition&) const = default;
};

class Conditions {
 public:
  explicit Conditions(const Clock* clock) : clock_(clock) {}

  // The time moves on only when good turns bad or the reverse. True when it did.
  bool Set(const std::string& type, bool ok, const std::string& message) {
    for (Condition& condition : all_) {
      if (condition.type != type) continue;
      const bool turned = condition.ok != ok;
      if (turned) condition.since_ns = clock_->WallNs();
      condition.ok = ok;
      condition.message = message;
      return turned;
    }
    all_.push_back({type, ok, message, clock_->WallNs()});
    return true;
  }
  bool Set(const std::string& type, const absl::Status& status) {
    return Set(type, status.ok(), std::string(status.message()));
  }
  // nullptr: never set.
  const Condition* Find(const std::string& type) const {
    for (const Condition& condition : all_) {
      if (condition.type == type) return &condition;
    }
    return nullptr;
  }
  const std::vector<Condition>& all() const { return all_; }

 private:
  const Clock* clock_;
  std::vector<Condition> all_;
};

}  // namespace fairlead::agent
