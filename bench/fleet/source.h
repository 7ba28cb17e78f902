// Objects that change when the benchmark says, as a controller's source; each change is a new
// resourceVersion.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "controller/source/object_source.h"

namespace fairlead::bench {

class Source : public controller::ObjectSource {
 public:
  // `objects` must outlive it.
  Source(const controller::Objects* objects, std::function<void()> changed)
      : objects_(objects), changed_(std::move(changed)) {}

  void Change(controller::TouchedObjects touched) {
    touched_ = std::move(touched);
    ++watermark_;
    changed_();
  }

  bool synced() const override { return true; }
  const controller::Objects& objects() const override { return *objects_; }
  controller::TouchedObjects TakeTouched() override { return std::move(touched_); }
  std::vector<controller::Rejection> Rejections() const override { return {}; }
  uint64_t watermark() const override { return watermark_; }
  bool Settled() override { return true; }
  bool HasReached(const std::string&, uint64_t) override { return true; }
  uint64_t Reached(const std::string&) const override { return watermark_; }
  void CatchUpWith(uint64_t) override {}
  std::vector<std::string> Lost() const override { return {}; }
  std::string Describe() const override { return "a benchmark's objects"; }

 private:
  const controller::Objects* objects_;
  std::function<void()> changed_;
  controller::TouchedObjects touched_;
  uint64_t watermark_ = 1;
};

}  // namespace fairlead::bench
