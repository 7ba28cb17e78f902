#include "agent/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>

#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

using ::testing::HasSubstr;

void Overwrite(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

std::string Raw(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(StateFile, ReadsWhatWasWritten) {
  const ScratchFolder folder;
  const std::string content("some\nbytes\0\xff", 12);
  ASSERT_TRUE(WriteStateFile(folder / "state", content).ok());
  EXPECT_EQ(ReadStateFile(folder / "state").value(), content);
}

TEST(StateFile, SaysThatThereIsNone) {
  const ScratchFolder folder;
  EXPECT_TRUE(absl::IsNotFound(ReadStateFile(folder / "state").status()));
}

TEST(StateFile, NoticesEveryCut) {
  const ScratchFolder folder;
  const std::string path = folder / "state";
  ASSERT_TRUE(WriteStateFile(path, "content").ok());
  const std::string whole = Raw(path);
  for (size_t size = 0; size < whole.size(); ++size) {
    Overwrite(path, whole.substr(0, size));
    EXPECT_TRUE(absl::IsDataLoss(ReadStateFile(path).status())) << size;
  }
}

TEST(StateFile, NoticesEveryChangedByteOfTheContent) {
  const ScratchFolder folder;
  const std::string path = folder / "state";
  ASSERT_TRUE(WriteStateFile(path, "content").ok());
  const std::string whole = Raw(path);
  for (size_t i = whole.find('\n') + 1; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 1;
    Overwrite(path, changed);
    EXPECT_TRUE(absl::IsDataLoss(ReadStateFile(path).status())) << i;
  }
}

TEST(StateFile, NamesAnotherFormat) {
  const ScratchFolder folder;
  Overwrite(folder / "state", "fairlead-state 2 0 00\n");
  EXPECT_THAT(std::string(ReadStateFile(folder / "state").status().message()), HasSubstr("format 2"));
}

TEST(StateFile, KeepsTheOldOneWhenThereIsNoRoom) {
  const ScratchFolder folder;
  const std::string path = folder / "state";
  ASSERT_TRUE(WriteStateFile(path, "old").ok());
  // No file may grow beyond 4 KiB: what a full disk does, without one.
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  auto* handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const absl::Status status = WriteStateFile(path, std::string(100'000, 'x'));
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(ReadStateFile(path).value(), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder / ""), {}), 1)
      << "nothing half-written is left";
}

}  // namespace
}  // namespace fairlead::agent
