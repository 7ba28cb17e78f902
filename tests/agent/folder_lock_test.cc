// One agent a folder, on disks in whatever state.
#include "agent/folder_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <cstring>

#include "tests/agent/scratch_folder.h"

namespace fairlead::agent {
namespace {

using testing::HasSubstr;

// A disk of its own, which can be made read-only.
class FolderLockTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::mount("none", folder_.path().c_str(), "tmpfs", 0, "size=64k"), 0)
        << "mount a tmpfs: " << std::strerror(errno) << "; this test needs root";
  }
  void TearDown() override { ::umount2(folder_.path().c_str(), MNT_DETACH); }

  void MakeReadOnly() {
    ASSERT_EQ(::mount("none", folder_.path().c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0)
        << std::strerror(errno);
  }

  ScratchFolder folder_;
};

TEST_F(FolderLockTest, OneHasItAtATime) {
  auto lock = LockFolder(folder_.path());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsAlreadyExists(LockFolder(folder_.path()).status()));
  lock->reset();
  EXPECT_TRUE(LockFolder(folder_.path()).ok());
}

TEST_F(FolderLockTest, ADiskThatHasBecomeReadOnlyDoesNotKeepTheNextAgentFromStarting) {
  ASSERT_TRUE(LockFolder(folder_.path()).ok());
  MakeReadOnly();
  const auto lock = LockFolder(folder_.path());
  ASSERT_TRUE(lock.ok()) << lock.status();
  EXPECT_TRUE(absl::IsAlreadyExists(LockFolder(folder_.path()).status()));
}

TEST_F(FolderLockTest, WhereNoAgentEverWasAReadOnlyDiskIsNamed) {
  MakeReadOnly();
  const auto lock = LockFolder(folder_.path());
  ASSERT_FALSE(lock.ok());
  EXPECT_THAT(std::string(lock.status().message()), HasSubstr(folder_.path() + "/agent.lock: Read-only"));
}

}  // namespace
}  // namespace fairlead::agent
