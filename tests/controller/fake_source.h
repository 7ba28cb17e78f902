// Objects of a manifest's text as a controller's source, taken in when the test says.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "controller/model/inventory.h"
#include "controller/server/controller.h"

namespace fairlead::controller {

class FakeSource : public ObjectSource {
 public:
  explicit FakeSource(std::function<void()> changed) : changed_(std::move(changed)) {}

  // A controller that reads `text`, and its source.
  static std::pair<std::unique_ptr<Controller>, FakeSource*> Open(const ClusterSettings& settings,
                                                                  const std::string& text) {
    FakeSource* source = nullptr;
    auto controller = Controller::OpenWith(
        settings, [&](std::function<void()> changed) -> absl::StatusOr<std::unique_ptr<ObjectSource>> {
          auto made = std::make_unique<FakeSource>(std::move(changed));
          source = made.get();
          source->Take(text);
          return made;
        });
    return {*std::move(controller), source};
  }

  // Everything that there is now.
  void Put(const std::string& text) {
    Take(text);
    changed_();
  }

  bool synced() const override { return true; }
  const Objects& objects() const override { return objects_; }
  std::vector<Rejection> Rejections() const override { return inventory_.Rejections(); }
  uint64_t watermark() const override { return watermark_; }
  bool Settled() override { return true; }
  bool HasReached(const std::string&, uint64_t) override { return true; }
  uint64_t Reached(const std::string&) const override { return watermark_; }
  void CatchUpWith(uint64_t) override {}
  std::vector<std::string> Lost() const override { return {}; }
  std::string Describe() const override { return "a text"; }

 private:
  void Take(const std::string& text) {
    inventory_.SetFile("m.yaml", ReadManifest("m.yaml", text));
    objects_ = inventory_.Objects();
    ++watermark_;
  }

  std::function<void()> changed_;
  Inventory inventory_;
  Objects objects_;
  uint64_t watermark_ = 0;
};

}  // namespace fairlead::controller
