#include "base/read_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "base/unique_fd.h"

namespace fairlead {
namespace {

using ::testing::HasSubstr;

class ReadFileTest : public ::testing::Test {
 protected:
  ~ReadFileTest() override { unlink(path_); }

  void Write(const std::string& text) {
    ASSERT_EQ(write(fd_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  char path_[64] = "/tmp/fairlead-read-file-test-XXXXXX";
  UniqueFd fd_{mkstemp(path_)};
};

TEST_F(ReadFileTest, GivesTheWholeFile) {
  EXPECT_EQ(*ReadFile(path_), "");
  const std::string text(200'000, 'x');
  Write(text);
  EXPECT_EQ(*ReadFile(path_), text);
}

TEST_F(ReadFileTest, RefusesMoreThanItsLimit) {
  Write("1234");
  EXPECT_EQ(*ReadFile(path_, 4), "1234");
  const absl::Status status = ReadFile(path_, 3).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(ReadFileTest, NamesWhatItCannotRead) {
  const absl::Status missing = ReadFile(std::string(path_) + ".no").status();
  EXPECT_TRUE(absl::IsNotFound(missing)) << missing;
  EXPECT_THAT(std::string(missing.message()), HasSubstr(".no"));
  EXPECT_THAT(std::string(ReadFile("/tmp").status().message()), HasSubstr("read /tmp"));
}

}  // namespace
}  // namespace fairlead
