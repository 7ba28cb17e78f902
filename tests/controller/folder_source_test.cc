// A real folder, watched: what is taken in when files are written in all the ways that people do.
#include "controller/source/folder_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Namespace(const std::string& name) {
  return absl::StrCat("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ", name, "}\n");
}

// The machine's clock, which a test can hold still while it does what takes no time.
class HeldClock : public Clock {
 public:
  int64_t MonotonicNs() const override {
    const int64_t held_ns = held_ns_;
    return held_ns != 0 ? held_ns : SystemClock().MonotonicNs();
  }
  int64_t WallNs() const override { return SystemClock().WallNs(); }
  void Hold() { held_ns_ = SystemClock().MonotonicNs(); }
  void Release() { held_ns_ = 0; }

 private:
  std::atomic<int64_t> held_ns_{0};
};

class FolderSourceTest : public ::testing::Test {
 protected:
  ~FolderSourceTest() override {
    if (owner_.joinable()) {
      loop_->Stop();
      owner_.join();
    }
  }

  void Open(const std::vector<std::string>& folders) {
    loop_ = *EventLoop::Create();
    absl::StatusOr<std::unique_ptr<FolderSource>> source =
        FolderSource::Open(folders, clock_, loop_.get(), [this] { Publish(); });
    ASSERT_TRUE(source.ok()) << source.status();
    source_ = *std::move(source);
    Publish();
    owner_ = std::thread([this] { loop_->Run(); });
  }
  void Open() { Open({folder_.path()}); }

  // Waits until exactly these namespaces are in force; what is there after a while otherwise.
  std::set<std::string> Wait(const std::set<std::string>& names) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60), [&] { return names_ == names; });
    return names_;
  }
  std::string WaitForRefusal(const std::string& text) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(60),
                      [&] { return refusals_.find(text) != std::string::npos; });
    return refusals_;
  }
  // Everything that was ever in force for a moment.
  std::vector<std::set<std::string>> History() {
    std::lock_guard<std::mutex> lock(mutex_);
    return history_;
  }

  // What is in force when the source says for the first time that it has settled.
  std::set<std::string> NamesOnceSettled() {
    std::set<std::string> names;
    bool reached = false;
    while (!reached) {
      reached = *loop_->Call<bool>(std::chrono::seconds(60), [&] {
        if (!source_->Settled()) return false;
        for (const auto& [key, object] : source_->objects()) names.insert(key.name);
        return true;
      });
    }
    return names;
  }

  ScratchFolder folder_;
  HeldClock clock_;

 private:
  void Publish() {
    std::lock_guard<std::mutex> lock(mutex_);
    names_.clear();
    for (const auto& [key, object] : source_->objects()) names_.insert(key.name);
    refusals_.clear();
    for (const Rejection& rejection : source_->Rejections()) {
      absl::StrAppend(&refusals_, rejection.where.ToString(), " ", rejection.message, "\n");
    }
    for (const std::string& lost : source_->Lost()) absl::StrAppend(&refusals_, lost, "\n");
    history_.push_back(names_);
    changed_.notify_all();
  }

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<FolderSource> source_;
  std::thread owner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> names_;
  std::string refusals_;
  std::vector<std::set<std::string>> history_;
};

using Names = std::set<std::string>;

TEST_F(FolderSourceTest, ReadsWhatIsThereAndFollowsChanges) {
  folder_.Put("a.yaml", Namespace("a"));
  folder_.Put("ignored.txt", Namespace("x"));
  folder_.Put(".hidden.yaml", Namespace("y"));
  Open();
  EXPECT_EQ(Wait({"a"}), Names{"a"});
  folder_.Put("b.yml", Namespace("b"));
  folder_.Put("c.json", R"({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "c"}})");
  EXPECT_EQ(Wait({"a", "b", "c"}), (Names{"a", "b", "c"}));
  folder_.Write("a.yaml", Namespace("a2"));
  EXPECT_EQ(Wait({"a2", "b", "c"}), (Names{"a2", "b", "c"}));
  folder_.Remove("b.yml");
  EXPECT_EQ(Wait({"a2", "c"}), (Names{"a2", "c"}));
  std::filesystem::rename(folder_ / "c.json", folder_ / "d.yaml");
  std::filesystem::rename(folder_ / "a.yaml", folder_ / "a.bak");
  EXPECT_EQ(Wait({"c"}), Names{"c"});
}

TEST_F(FolderSourceTest, SavingByRenamingTheOldFileAwayNeverLosesTheObject) {
  folder_.Put("a.yaml", Namespace("a"));
  Open();
  // As vim does without "backupcopy", at once.
  clock_.Hold();
  std::filesystem::rename(folder_ / "a.yaml", folder_ / "a.yaml~");
  folder_.Write("a.yaml", Namespace("a") + Namespace("b"));
  folder_.Remove("a.yaml~");
  clock_.Release();
  EXPECT_EQ(Wait({"a", "b"}), (Names{"a", "b"}));
  EXPECT_THAT(History(), ::testing::Each(::testing::Contains("a")));
}

TEST_F(FolderSourceTest, FileThatIsBeingWrittenIsReadWhenItIsClosed) {
  folder_.Put("a.yaml", Namespace("a") + Namespace("b"));
  Open();
  {
    std::ofstream slow(folder_ / "a.yaml");  // truncates
    slow << Namespace("a") << std::flush;
    // Another file shows that events up to here were dealt with.
    folder_.Put("witness.yaml", Namespace("w"));
    EXPECT_EQ(Wait({"a", "b", "w"}), (Names{"a", "b", "w"}));
    slow << Namespace("c");
  }
  EXPECT_EQ(Wait({"a", "c", "w"}), (Names{"a", "c", "w"}));
}

TEST_F(FolderSourceTest, CutOffFileKeepsTheLastGoodVersion) {
  folder_.Put("a.yaml", Namespace("a"));
  Open();
  folder_.Put("a.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {na");
  EXPECT_THAT(WaitForRefusal("not valid YAML"),
              HasSubstr("the last good version of its 1 objects stays in force"));
  folder_.Put("a.yaml", "");
  EXPECT_THAT(WaitForRefusal("is empty"), HasSubstr("delete the file to remove its objects"));
  EXPECT_EQ(Wait({"a"}), Names{"a"});
}

TEST_F(FolderSourceTest, SymbolicLinksToAVersionThatIsSwitched) {
  // As a mounted ConfigMap: files are links into "..data", which is renamed over.
  std::filesystem::create_directory(folder_ / "..1");
  std::filesystem::create_directory(folder_ / "..2");
  folder_.Write("..1/a.yaml", Namespace("old"));
  folder_.Write("..2/a.yaml", Namespace("new"));
  std::filesystem::create_symlink("..1", folder_ / "..data");
  std::filesystem::create_symlink("..data/a.yaml", folder_ / "a.yaml");
  Open();
  EXPECT_EQ(Wait({"old"}), Names{"old"});
  std::filesystem::create_symlink("..2", folder_ / "..data_tmp");
  std::filesystem::rename(folder_ / "..data_tmp", folder_ / "..data");
  EXPECT_EQ(Wait({"new"}), Names{"new"});
}

TEST_F(FolderSourceTest, WhatIsNoFileIsRefusedAndHoldsNothingUp) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe.yaml").c_str(), 0600), 0);
  std::filesystem::create_directory(folder_ / "folder.yaml");
  folder_.Put("a.yaml", Namespace("a"));
  Open();
  EXPECT_EQ(Wait({"a"}), Names{"a"});
  EXPECT_THAT(WaitForRefusal("pipe.yaml:1 cannot be read: is no ordinary file"),
              HasSubstr("folder.yaml:1 cannot be read"));
}

TEST_F(FolderSourceTest, FileNamesThatAreNoTextAreShownAsText) {
  folder_.Put("\xff.yaml", Namespace("a") + "---\n7\n");
  Open();
  EXPECT_EQ(Wait({"a"}), Names{"a"});
  EXPECT_THAT(WaitForRefusal("must be an object"), HasSubstr("/\\xff.yaml:6 "));
  folder_.Remove("\xff.yaml");
  EXPECT_EQ(Wait({}), Names{});
}

TEST_F(FolderSourceTest, LostFolderKeepsItsObjectsAndIsFoundAgain) {
  std::string inner = folder_ / "manifests";
  std::filesystem::create_directory(inner);
  folder_.Write("manifests/a.yaml", Namespace("a"));
  Open({inner});
  std::filesystem::rename(inner, folder_ / "away");
  EXPECT_THAT(WaitForRefusal("moved or deleted"), HasSubstr(inner));
  EXPECT_EQ(Wait({"a"}), Names{"a"});
  folder_.Write("away/a.yaml", Namespace("b"));
  std::filesystem::rename(folder_ / "away", inner);
  EXPECT_EQ(Wait({"b"}), Names{"b"});
  folder_.Write("manifests/c.yaml", Namespace("c"));
  EXPECT_EQ(Wait({"b", "c"}), (Names{"b", "c"}));
}

TEST_F(FolderSourceTest, SeveralFoldersAreOne) {
  ScratchFolder second;
  folder_.Put("a.yaml", Namespace("a"));
  second.Put("a.yaml", Namespace("b"));
  Open({folder_.path(), second.path() + "/", second.path()});
  EXPECT_EQ(Wait({"a", "b"}), (Names{"a", "b"}));
  EXPECT_EQ(WaitForRefusal(""), "");
}

TEST_F(FolderSourceTest, FolderThatIsNotThereIsAnErrorAtStart) {
  auto loop = *EventLoop::Create();
  auto open = [&](const std::string& path) {
    return FolderSource::Open({path}, SystemClock(), loop.get(), [] {}).status();
  };
  EXPECT_TRUE(absl::IsNotFound(open(folder_ / "none")));
  folder_.Write("file", "");
  EXPECT_THAT(std::string(open(folder_ / "file").message()), HasSubstr("is no folder"));
}

// Who has written a file asks for this (fairlead lab apply).
TEST_F(FolderSourceTest, OnceSettledItHoldsAllThatWasWrittenBefore) {
  Open();
  std::string big;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&big, Namespace(absl::StrCat("b", i)));
  ASSERT_GT(big.size(), ManifestReader::kShort);
  for (int round = 0; round < 5; ++round) {
    folder_.Put("big.yaml", big + Namespace(absl::StrCat("round", round)));
    folder_.Put("small.yaml", Namespace(absl::StrCat("small", round)));
    const std::set<std::string> names = NamesOnceSettled();
    EXPECT_EQ(names.count(absl::StrCat("round", round)), 1U) << round;
    EXPECT_EQ(names.count(absl::StrCat("small", round)), 1U) << round;
  }
}

TEST(ManifestReader, ReadsWhatIsBigElsewhereAndKeepsTheOrder) {
  ScratchFolder folder;
  std::string big;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&big, Namespace(absl::StrCat("b", i)));
  folder.Put("big.yaml", big);
  folder.Put("small.yaml", Namespace("a"));
  auto loop = *EventLoop::Create();
  ManifestReader reader(loop.get());
  std::vector<std::string> read;
  auto note = [&](const std::vector<ManifestReader::File>& files) {
    for (const ManifestReader::File& file : files) {
      read.push_back(absl::StrCat(std::filesystem::path(file.path).filename().string(), " ",
                                  file.manifest ? file.manifest->entries.size() : 0));
    }
    if (read.size() == 4) loop->Stop();
  };
  reader.Read({folder / "small.yaml"}, note);
  EXPECT_THAT(read, ElementsAre("small.yaml 1"));
  // The loop's thread is this one: what it does not run is not done by it.
  reader.Read({folder / "big.yaml"}, note);
  reader.Read({folder / "small.yaml", folder / "none.yaml"}, note);
  EXPECT_THAT(read, ElementsAre("small.yaml 1"));
  EXPECT_FALSE(reader.idle());
  loop->Run();
  EXPECT_THAT(read, ElementsAre("small.yaml 1", "big.yaml 500", "small.yaml 1", "none.yaml 0"));
  EXPECT_TRUE(reader.idle());
}

TEST(ManifestReader, EndsWhileItReads) {
  ScratchFolder folder;
  std::string big;
  for (int i = 0; i < 500; ++i) absl::StrAppend(&big, Namespace(absl::StrCat("b", i)));
  folder.Put("big.yaml", big);
  auto loop = *EventLoop::Create();
  bool called = false;
  {
    ManifestReader reader(loop.get());
    reader.Read({folder / "big.yaml"}, [&](const auto&) { called = true; });
  }
  loop->Drain();
  EXPECT_FALSE(called);
}

TEST(FolderChanges, WaitLongerForWhatIsGone) {
  FolderChanges changes;
  changes.OnComplete("a", 0);
  changes.OnGone("b", 0);
  EXPECT_EQ(changes.NextNs(), FolderChanges::kSettleNs);
  EXPECT_THAT(changes.TakeDue(FolderChanges::kSettleNs - 1), IsEmpty());
  EXPECT_THAT(changes.TakeDue(FolderChanges::kSettleNs),
              ElementsAre(::testing::Field(&FolderChanges::Due::file, "a")));
  changes.OnBeingWritten("b");
  EXPECT_EQ(changes.NextNs(), std::nullopt);
}

}  // namespace
}  // namespace fairlead::controller
