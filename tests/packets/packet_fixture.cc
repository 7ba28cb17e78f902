#include "tests/packets/packet_fixture.h"

namespace fairlead::packets {

const char* ReasonName(uint32_t reason) {
  static constexpr const char* kNames[] = {
#define REASON_NAME(constant, name, text) name,
      FL_REASONS(REASON_NAME)
#undef REASON_NAME
  };
  return reason < FL_REASON_COUNT ? kNames[reason] : "?";
}

testing::AssertionResult WentOn(const Outcome& outcome) {
  // What is answered instead leaves, too.
  if (outcome.action == kDrop || outcome.reason != FL_REASON_FORWARDED)
    return testing::AssertionFailure() << "refused: " << ReasonName(outcome.reason);
  std::string error = ChecksumError(outcome.frame);
  if (!error.empty())
    return testing::AssertionFailure() << "wrong " << error << " in " << Dump(outcome.frame);
  return testing::AssertionSuccess();
}

testing::AssertionResult DeliveredTo(const Pod& pod, const Outcome& outcome) {
  if (testing::AssertionResult went = WentOn(outcome); !went) return went;
  if (outcome.action != kRedirect) return testing::AssertionFailure() << "left to the stack";
  if (outcome.trace.hop != FL_HOP_LOCAL_POD || outcome.trace.endpoint != pod.index)
    return testing::AssertionFailure()
           << "went to hop " << outcome.trace.hop << " endpoint " << outcome.trace.endpoint;
  return testing::AssertionSuccess();
}

namespace {

testing::AssertionResult CountedAndReported(fl_reason reason, const Outcome& outcome) {
  if (outcome.reason != reason)
    return testing::AssertionFailure()
           << "dropped for \"" << ReasonName(outcome.reason) << "\", not \"" << ReasonName(reason) << "\"";
  if (outcome.events.size() != 1 || outcome.events[0].reason != reason)
    return testing::AssertionFailure() << "the drop was not reported by one event";
  return testing::AssertionSuccess();
}

}  // namespace

testing::AssertionResult DroppedFor(fl_reason reason, const Outcome& outcome) {
  if (outcome.action != kDrop) return testing::AssertionFailure() << "went on, action " << outcome.action;
  return CountedAndReported(reason, outcome);
}

testing::AssertionResult AnsweredFor(fl_reason reason, const Outcome& outcome) {
  if (outcome.action != kRedirect)
    return testing::AssertionFailure() << "no answer, action " << outcome.action;
  std::string error = ChecksumError(outcome.frame);
  if (!error.empty())
    return testing::AssertionFailure() << "wrong " << error << " in " << Dump(outcome.frame);
  return CountedAndReported(reason, outcome);
}

}  // namespace fairlead::packets
