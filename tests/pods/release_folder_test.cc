#include "agent/cni/release_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace fairlead::agent {
namespace {

class ReleaseFolderTest : public ::testing::Test {
 protected:
  ReleaseFolderTest() {
    char folder[] = "/tmp/fairlead-queue-XXXXXX";
    folder_ = std::string(mkdtemp(folder)) + "/cni-queue";
  }
  ~ReleaseFolderTest() override {
    queue_.reset();
    std::filesystem::remove_all(std::filesystem::path(folder_).parent_path());
  }

  void Open() {
    auto queue = ReleaseFolder::Open(folder_, loop_.get(), [this](const std::string& key) {
      released_.push_back(key);
      return answer_;
    });
    ASSERT_TRUE(queue.ok()) << queue.status();
    queue_ = *std::move(queue);
  }
  void Put(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/" + name + ".tmp") << text;
    std::filesystem::rename(folder_ + "/" + name + ".tmp", folder_ + "/" + name);
  }
  static std::string Del(const std::string& sandbox) {
    return R"({"version":1,"command":"DEL","containerId":")" + sandbox + R"(","ifName":"eth0"})" + "\n";
  }
  bool Exists(const std::string& name) const { return std::filesystem::exists(folder_ + "/" + name); }

  std::string folder_;
  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::unique_ptr<ReleaseFolder> queue_;
  std::vector<std::string> released_;
  absl::Status answer_;
};

TEST_F(ReleaseFolderTest, ReplaysWhatWasQueuedBefore) {
  Put("s1-eth0.json", Del("s1"));
  Open();
  queue_->Replay();
  EXPECT_THAT(released_, ::testing::ElementsAre("s1/eth0"));
  EXPECT_FALSE(Exists("s1-eth0.json"));
}

TEST_F(ReleaseFolderTest, NoticesWhatIsQueuedLater) {
  Open();
  Put("s2-eth0.json", Del("s2"));
  loop_->After(std::chrono::seconds(60), [this] { loop_->Stop(); });
  std::function<void()> poll = [&] {
    if (!released_.empty()) {
      loop_->Stop();
    } else {
      loop_->After(std::chrono::milliseconds(1), poll);
    }
  };
  poll();
  loop_->Run();
  EXPECT_THAT(released_, ::testing::ElementsAre("s2/eth0"));
}

TEST_F(ReleaseFolderTest, WhatCannotBeReleasedStays) {
  Put("s1-eth0.json", Del("s1"));
  Open();
  answer_ = absl::InternalError("delete device: EBUSY");
  queue_->Replay();
  EXPECT_TRUE(Exists("s1-eth0.json"));
  answer_ = absl::OkStatus();
  queue_->Replay();
  EXPECT_FALSE(Exists("s1-eth0.json"));
}

TEST_F(ReleaseFolderTest, WhatIsNoDelIsSetAside) {
  Put("broken.json", "{");
  Put("add.json", R"({"version":1,"command":"STATUS"})");
  Put("good-eth0.json", Del("good"));
  Open();
  queue_->Replay();
  EXPECT_THAT(released_, ::testing::ElementsAre("good/eth0"));
  EXPECT_TRUE(Exists("broken.json.damaged-1"));
  EXPECT_TRUE(Exists("add.json.damaged-1"));
  EXPECT_FALSE(Exists("broken.json"));
}

}  // namespace
}  // namespace fairlead::agent
