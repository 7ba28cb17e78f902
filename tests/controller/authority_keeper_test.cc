// Replicas that keep one CA in one Secret: who is first wins, and all come to hold the same.
#include "controller/identity/authority_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "base/clock.h"
#include "tests/controller/fake_objects.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

constexpr char kSecretPath[] = "/api/v1/namespaces/kube-system/secrets/fairlead-ca";
constexpr char kMapPath[] = "/api/v1/namespaces/kube-system/configmaps/fairlead-ca";

class AuthorityKeeperTest : public ::testing::Test {
 protected:
  struct Replica {
    Replica(FakeObjects* objects, const Clock* clock) : keeper(objects->Caller(), "kube-system", clock) {}
    void Start() {
      status = absl::UnknownError("under way");
      keeper.Round([this](const absl::Status& end) { status = end; });
    }
    std::string Trusted() const { return pki::ToPem(keeper.authorities()->Trusted()); }

    AuthorityKeeper keeper;
    absl::Status status;
  };

  absl::Status RoundOf(Replica* replica) {
    replica->Start();
    objects_.AnswerAll();
    return replica->status;
  }
  std::string Published() const { return objects_.Find(kMapPath)->at("data").at("ca.crt"); }

  FakeObjects objects_;
  FakeClock clock_;
};

TEST_F(AuthorityKeeperTest, TheFirstReplicaMakesTheSecretAndPublishesIt) {
  Replica replica(&objects_, &clock_);
  EXPECT_TRUE(RoundOf(&replica).ok()) << replica.status;
  ASSERT_NE(objects_.Find(kSecretPath), nullptr);
  EXPECT_EQ(Published(), replica.Trusted());
  EXPECT_THAT(Published(), ::testing::Not(HasSubstr("PRIVATE")));
  const size_t writes = objects_.writes();
  EXPECT_TRUE(RoundOf(&replica).ok());
  EXPECT_EQ(objects_.writes(), writes) << "nothing was due";
}

TEST_F(AuthorityKeeperTest, ReplicasThatStartTogetherHoldOneCa) {
  std::mt19937 random(::testing::UnitTest::GetInstance()->random_seed());
  for (int round = 0; round < 50; ++round) {
    FakeObjects objects;
    std::vector<std::unique_ptr<Replica>> replicas;
    for (int i = 0; i < 3; ++i) {
      replicas.push_back(std::make_unique<Replica>(&objects, &clock_));
      replicas.back()->Start();
    }
    while (objects.waiting() > 0) objects.Answer(random() % objects.waiting());
    for (const auto& replica : replicas) {
      ASSERT_TRUE(replica->status.ok()) << replica->status;
      EXPECT_EQ(replica->Trusted(), replicas.front()->Trusted());
    }
    EXPECT_EQ(objects.Find(kMapPath)->at("data").at("ca.crt"), replicas.front()->Trusted());
  }
}

TEST_F(AuthorityKeeperTest, ARotationIsTakenByAllAndOnce) {
  std::mt19937 random(::testing::UnitTest::GetInstance()->random_seed());
  std::vector<std::unique_ptr<Replica>> replicas;
  for (int i = 0; i < 3; ++i) {
    replicas.push_back(std::make_unique<Replica>(&objects_, &clock_));
    ASSERT_TRUE(RoundOf(replicas.back().get()).ok());
  }
  const std::string first = Published();
  for (absl::Duration passing : {kAuthorityLife * 0.67, kPublishedFor, kLeafLife + kClockSkew}) {
    clock_.Advance(absl::ToInt64Nanoseconds(passing));
    const size_t writes = objects_.writes();
    for (const auto& replica : replicas) replica->Start();
    while (objects_.waiting() > 0) objects_.Answer(random() % objects_.waiting());
    for (const auto& replica : replicas) {
      ASSERT_TRUE(RoundOf(replica.get()).ok()) << replica->status;
      EXPECT_EQ(replica->Trusted(), Published());
    }
    EXPECT_LE(objects_.writes() - writes, 2u) << "the Secret once, the ConfigMap at most once";
  }
  EXPECT_NE(Published(), first);
}

TEST_F(AuthorityKeeperTest, AReplicaThatReadAnOldSecretDoesNotPublishIt) {
  Replica slow(&objects_, &clock_);
  Replica fast(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&slow).ok());
  // The slow one has read both; the fast one rotates and publishes; somebody breaks the ConfigMap before.
  objects_.SetField(kMapPath, nlohmann::json::json_pointer("/data/ca.crt"), "broken");
  slow.Start();
  objects_.Answer();
  objects_.Answer();
  ASSERT_EQ(objects_.waiting(), 1u) << "its write";
  clock_.Advance(absl::ToInt64Nanoseconds(kAuthorityLife * 0.67));
  fast.Start();
  while (objects_.waiting() > 1) objects_.Answer(1);
  ASSERT_TRUE(fast.status.ok()) << fast.status;
  objects_.AnswerAll();
  EXPECT_TRUE(slow.status.ok()) << slow.status;
  EXPECT_EQ(Published(), fast.Trusted());
  EXPECT_EQ(slow.Trusted(), fast.Trusted());
}

TEST_F(AuthorityKeeperTest, AChangedConfigMapIsMended) {
  Replica replica(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&replica).ok());
  objects_.SetField(kMapPath, nlohmann::json::json_pointer("/data/ca.crt"), "broken");
  EXPECT_TRUE(RoundOf(&replica).ok());
  EXPECT_EQ(Published(), replica.Trusted());
  objects_.Delete(kMapPath);
  EXPECT_TRUE(RoundOf(&replica).ok());
  EXPECT_EQ(Published(), replica.Trusted());
}

TEST_F(AuthorityKeeperTest, EmptyObjectsOfAChartAreFilled) {
  objects_.SetField(kSecretPath, nlohmann::json::json_pointer("/metadata/labels"), {{"a", "b"}});
  objects_.SetField(kMapPath, nlohmann::json::json_pointer("/metadata/labels"), {{"a", "b"}});
  Replica replica(&objects_, &clock_);
  EXPECT_TRUE(RoundOf(&replica).ok()) << replica.status;
  EXPECT_EQ(Published(), replica.Trusted());
  EXPECT_EQ(objects_.Find(kSecretPath)->at("metadata").at("labels").at("a"), "b");
}

TEST_F(AuthorityKeeperTest, ADeletedSecretMakesANewCa) {
  Replica replica(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&replica).ok());
  const std::string before = replica.Trusted();
  objects_.Delete(kSecretPath);
  EXPECT_TRUE(RoundOf(&replica).ok());
  EXPECT_NE(replica.Trusted(), before);
  EXPECT_EQ(Published(), replica.Trusted());
}

TEST_F(AuthorityKeeperTest, ADamagedSecretIsLeftAndNamedAndTheLastGoodStaysInForce) {
  Replica replica(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&replica).ok());
  const std::string before = replica.Trusted();
  objects_.SetField(kSecretPath, nlohmann::json::json_pointer("/data/ca.key"), "AAAA");
  const absl::Status status = RoundOf(&replica);
  EXPECT_THAT(std::string(status.message()),
              ::testing::AllOf(HasSubstr("Secret kube-system/fairlead-ca: ca.key: holds no private key"),
                               HasSubstr("or delete it: then a new CA is made")));
  EXPECT_EQ(replica.Trusted(), before);
  EXPECT_EQ(objects_.Find(kSecretPath)->at("data").at("ca.key"), "AAAA");
}

TEST_F(AuthorityKeeperTest, AnApiServerThatIsAwayChangesNothing) {
  Replica replica(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&replica).ok());
  const std::string before = replica.Trusted();
  for (const char* resource : {"configmaps/fairlead-ca", "secrets/fairlead-ca"}) {
    objects_.Refuse("GET", resource, absl::UnavailableError("no answer"));
    EXPECT_FALSE(RoundOf(&replica).ok());
    EXPECT_EQ(replica.Trusted(), before);
    objects_.Refuse("GET", resource, absl::OkStatus());
  }
}

TEST_F(AuthorityKeeperTest, WhatTheApiServerForbidsIsNamed) {
  objects_.Refuse("POST", "/secrets", absl::PermissionDeniedError("secrets is forbidden"));
  Replica replica(&objects_, &clock_);
  EXPECT_THAT(std::string(RoundOf(&replica).message()),
              HasSubstr("write Secret kube-system/fairlead-ca: secrets is forbidden"));
  EXPECT_FALSE(replica.keeper.authorities());
  objects_.Refuse("POST", "/secrets", absl::OkStatus());
  objects_.Refuse("POST", "/configmaps", absl::PermissionDeniedError("configmaps is forbidden"));
  EXPECT_THAT(std::string(RoundOf(&replica).message()), HasSubstr("write ConfigMap kube-system/fairlead-ca"));
  EXPECT_TRUE(replica.keeper.authorities()) << "what is held signs, also unpublished";
}

TEST_F(AuthorityKeeperTest, AFightOverTheSecretEnds) {
  Replica replica(&objects_, &clock_);
  ASSERT_TRUE(RoundOf(&replica).ok());
  clock_.Advance(absl::ToInt64Nanoseconds(kAuthorityLife * 0.67));
  objects_.Refuse("PATCH", "secrets/fairlead-ca", absl::AbortedError("conflict"));
  EXPECT_THAT(std::string(RoundOf(&replica).message()), HasSubstr("somebody else writes them all the time"));
}

TEST_F(AuthorityKeeperTest, AnAnswerAfterItsEndIsNoHarm) {
  {
    Replica replica(&objects_, &clock_);
    replica.Start();
  }
  objects_.AnswerAll();
}

}  // namespace
}  // namespace fairlead::controller
