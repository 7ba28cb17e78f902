// One Lease, several replicas: one of them holds it, and another takes it over when that one is gone.
#include "controller/lease/leader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/clock.h"
#include "kube/json.h"
#include "tests/controller/fake_objects.h"

namespace fairlead::controller {
namespace {

constexpr char kLease[] = "/apis/coordination.k8s.io/v1/namespaces/fairlead/leases/fairlead-controller";

class LeaderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Leader> Replica(const std::string& name) {
    return std::make_unique<Leader>(objects_.Caller(), "fairlead", name, &clock_, loop_.get());
  }
  void Round(Leader& leader) {
    leader.Round();
    objects_.AnswerAll();
  }
  std::string Holder() const { return kube::TextField(*objects_.Find(kLease), {"spec", "holderIdentity"}); }

  std::unique_ptr<EventLoop> loop_ = *EventLoop::Create();
  FakeObjects objects_;
  FakeClock clock_;
};

TEST_F(LeaderTest, TheFirstMakesTheLeaseAndKeepsIt) {
  const auto a = Replica("a"), b = Replica("b");
  Round(*a);
  EXPECT_TRUE(a->leads());
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(Leader::kIntervalNs);
    Round(*a);
    Round(*b);
    EXPECT_TRUE(a->leads());
    EXPECT_FALSE(b->leads());
  }
  EXPECT_EQ(Holder(), "a");
  EXPECT_EQ(objects_.Find(kLease)->at("spec").at("leaseTransitions"), 0);
}

TEST_F(LeaderTest, OfTwoThatCreateItAtOnceOneWins) {
  const auto a = Replica("a"), b = Replica("b");
  a->Round();
  b->Round();
  objects_.AnswerAll();
  EXPECT_NE(a->leads(), b->leads());
  EXPECT_TRUE(a->status().ok()) << a->status();
  EXPECT_TRUE(b->status().ok()) << b->status();
}

TEST_F(LeaderTest, IsTakenOverWhenItHasNotBeenRenewed) {
  const auto a = Replica("a"), b = Replica("b");
  Round(*a);
  Round(*b);
  clock_.Advance(Leader::kDurationNs - 1);
  Round(*b);
  EXPECT_FALSE(b->leads()) << "it may still be held";
  EXPECT_FALSE(a->leads()) << "who has not renewed it for so long stops first";
  clock_.Advance(1);
  Round(*b);
  EXPECT_TRUE(b->leads());
  EXPECT_EQ(Holder(), "b");
  EXPECT_EQ(objects_.Find(kLease)->at("spec").at("leaseTransitions"), 1);
  Round(*a);
  EXPECT_FALSE(a->leads());
}

TEST_F(LeaderTest, OfTwoThatTakeItOverAtOnceOneWins) {
  const auto a = Replica("a"), b = Replica("b"), c = Replica("c");
  Round(*a);
  Round(*b);
  Round(*c);
  clock_.Advance(Leader::kDurationNs);
  b->Round();
  c->Round();
  objects_.AnswerAll();
  EXPECT_NE(b->leads(), c->leads());
}

TEST_F(LeaderTest, ALeaseThatItsHolderGaveBackIsFreeAtOnce) {
  const auto a = Replica("a"), b = Replica("b");
  Round(*a);
  objects_.SetField(kLease, "/spec/holderIdentity"_json_pointer, "");
  Round(*b);
  EXPECT_TRUE(b->leads());
}

TEST_F(LeaderTest, WithoutAnApiServerNobodyLeadsForLong) {
  const auto a = Replica("a");
  Round(*a);
  objects_.Refuse("GET", "fairlead-controller", absl::UnavailableError("away"));
  Round(*a);
  EXPECT_TRUE(a->leads());
  EXPECT_THAT(a->status().message(), ::testing::HasSubstr("Lease fairlead-controller: away"));
  clock_.Advance(Leader::kRenewNs);
  Round(*a);
  EXPECT_FALSE(a->leads());
  objects_.Refuse("GET", "fairlead-controller", absl::OkStatus());
  Round(*a);
  EXPECT_TRUE(a->leads()) << "it is still this replica's";
  EXPECT_TRUE(a->status().ok());
}

TEST_F(LeaderTest, AnAnswerAfterItsEndIsNobodys) {
  auto a = Replica("a");
  a->Round();
  a.reset();
  objects_.AnswerAll();
  EXPECT_EQ(objects_.writes(), 0u);
}

}  // namespace
}  // namespace fairlead::controller
