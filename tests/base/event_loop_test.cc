#include "base/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <chrono>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace fairlead {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

constexpr auto kPatience = std::chrono::seconds(60);

class EventLoopTest : public ::testing::Test {
 protected:
  // Ends a loop that nothing else ends, so that the expectations after Run tell what is missing.
  EventLoopTest() {
    loop_->After(kPatience, [this] { loop_->Stop(); });
  }
  UniqueFd ReadableFd() {
    UniqueFd fd(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    EXPECT_TRUE(fd.valid());
    return fd;
  }

  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  std::vector<int> ran_;
};

TEST_F(EventLoopTest, RunsInOrderWhatAnotherThreadPosts) {
  std::thread other([this] {
    for (int i = 0; i < 3; ++i) loop_->Post([this, i] { ran_.push_back(i); });
    loop_->Post([this] { loop_->Stop(); });
  });
  loop_->Run();
  other.join();
  EXPECT_THAT(ran_, ElementsAre(0, 1, 2));
}

TEST_F(EventLoopTest, CallReturnsWhatTheFunctionReturns) {
  std::thread runner([this] { loop_->Run(); });
  absl::StatusOr<int> answer = loop_->Call<int>(kPatience, [] { return 42; });
  loop_->Stop();
  runner.join();
  EXPECT_EQ(answer.value_or(0), 42);
}

TEST_F(EventLoopTest, CallGivesUpOnALoopThatDoesNotRun) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(loop_->Call<int>(milliseconds(1), [] { return 0; }).status()));
}

TEST_F(EventLoopTest, DrainRunsWhatCameAfterTheEnd) {
  loop_->Stop();
  loop_->Run();
  loop_->Post([this] { ran_.push_back(1); });
  EXPECT_THAT(ran_, ElementsAre());
  loop_->Drain();
  loop_->Drain();
  EXPECT_THAT(ran_, ElementsAre(1));
}

TEST_F(EventLoopTest, TimersRunOnceByDeadlineAndNeverEarly) {
  const int64_t begin_ns = SystemClock().MonotonicNs();
  int64_t end_ns = 0;
  loop_->After(milliseconds(2), [&] {
    ran_.push_back(3);
    end_ns = SystemClock().MonotonicNs();
    loop_->Stop();
  });
  loop_->At(begin_ns + 300'000, [this] { ran_.push_back(2); });
  loop_->At(begin_ns - 1, [this] { ran_.push_back(1); });
  loop_->Run();
  EXPECT_THAT(ran_, ElementsAre(1, 2, 3));
  EXPECT_GE(end_ns - begin_ns, 2'000'000);
}

TEST_F(EventLoopTest, CancelledTimerNeverRuns) {
  const EventLoop::TimerId first = loop_->After(milliseconds(1), [this] { ran_.push_back(1); });
  const EventLoop::TimerId second = loop_->At(0, [&, first] {
    ran_.push_back(2);
    loop_->Cancel(first);
  });
  loop_->After(milliseconds(2), [this] { loop_->Stop(); });
  loop_->Run();
  loop_->Cancel(second);
  loop_->Cancel(0);
  EXPECT_THAT(ran_, ElementsAre(2));
}

// A held clock asks for a deadline that has passed, again and again.
TEST_F(EventLoopTest, TimerThatSetsItselfIntoThePastLeavesRoomForOthers) {
  std::function<void()> again = [&] { loop_->At(0, again); };
  again();
  std::thread other([this] { loop_->Post([this] { loop_->Stop(); }); });
  const int64_t begin_ns = SystemClock().MonotonicNs();
  loop_->Run();
  other.join();
  EXPECT_LT(SystemClock().MonotonicNs() - begin_ns, std::chrono::nanoseconds(kPatience).count());
}

TEST_F(EventLoopTest, CallbackMayUnwatchItselfAndAnother) {
  UniqueFd first = ReadableFd();
  UniqueFd second = ReadableFd();
  auto unwatch_both = [&] {
    ran_.push_back(1);
    loop_->Unwatch(first.get());
    loop_->Unwatch(second.get());
    loop_->After(milliseconds(1), [this] { loop_->Stop(); });
  };
  ASSERT_TRUE(loop_->Watch(first.get(), unwatch_both).ok());
  ASSERT_TRUE(loop_->Watch(second.get(), unwatch_both).ok());
  loop_->Run();
  EXPECT_THAT(ran_, ElementsAre(1));
}

TEST_F(EventLoopTest, RefusesToWatchWhatCannotBeWatched) {
  EXPECT_FALSE(loop_->Watch(-1, [] {}).ok());
}

}  // namespace
}  // namespace fairlead
