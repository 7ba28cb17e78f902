// What probes and Prometheus are told by a controller.
#include "controller/server/monitoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/controller/fake_objects.h"
#include "tests/controller/manifests.h"
#include "tests/controller/scratch_folder.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

class MonitoringTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Put("nodes.yaml", NodeYaml("n1", 1));
    controller_ = Controller::Open({folder_.path()}, {}, SystemClock(), loop_.get()).value();
    monitored_.controller = controller_.get();
  }
  HttpReply Get(const std::string& path) const { return MonitoringPage(monitored_, path, now_); }

  FakeClock clock_;
  const absl::Time now_ = absl::FromUnixNanos(clock_.WallNs());
  ScratchFolder folder_;
  FakeObjects objects_;
  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  ClusterIdentity identity_{objects_.Caller(), "kube-system", &clock_, loop_.get(),
                            std::make_shared<HeldTls>()};
  std::unique_ptr<Controller> controller_;
  Monitored monitored_;
};

TEST_F(MonitoringTest, ItLivesBeforeItServesAndIsReadyThen) {
  EXPECT_EQ(Get("/healthz").status, 200);
  EXPECT_EQ(Get("/readyz").status, 503);
  monitored_.serving = true;
  EXPECT_EQ(Get("/readyz").status, 200);
  EXPECT_EQ(Get("/other").status, 404);
}

TEST_F(MonitoringTest, WithoutACertificateItIsNotReadyAndSaysWhy) {
  monitored_.serving = true;
  monitored_.identity = &identity_;
  objects_.Refuse("POST", "/secrets", absl::PermissionDeniedError("secrets is forbidden"));
  identity_.Start([] {});
  objects_.AnswerAll();
  EXPECT_EQ(Get("/readyz").status, 503);
  EXPECT_THAT(Get("/readyz").body, HasSubstr("write Secret kube-system/fairlead-ca: secrets is forbidden"));
}

TEST_F(MonitoringTest, TheEndsOfCertificatesAreMetrics) {
  monitored_.serving = true;
  monitored_.identity = &identity_;
  bool is_ready = false;
  identity_.Start([&] { is_ready = true; });
  objects_.AnswerAll();
  ASSERT_TRUE(is_ready);
  EXPECT_EQ(Get("/readyz").status, 200);
  const std::string metrics = Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr(absl::StrCat(
                           "fairlead_controller_certificate_end_seconds{certificate=\"controller\"} ",
                           absl::ToUnixSeconds(now_ + kLeafLife), "\n")));
  EXPECT_THAT(metrics,
              HasSubstr(absl::StrCat("fairlead_controller_certificate_end_seconds{certificate=\"ca\"} ",
                                     absl::ToUnixSeconds(now_ + kAuthorityLife), "\n")));
  EXPECT_THAT(metrics, HasSubstr("fairlead_controller_certificate_requests_total{result=\"refused\"} 0\n"));
  EXPECT_THAT(metrics, HasSubstr("fairlead_controller_agents{state=\"connected\"} 0\n"));
  // An API server that is away does not make it less ready.
  objects_.Refuse("GET", "fairlead-ca", absl::UnavailableError("away"));
  EXPECT_EQ(MonitoringPage(monitored_, "/readyz", now_ + kLeafLife / 2).status, 200);
  EXPECT_EQ(MonitoringPage(monitored_, "/readyz", now_ + kLeafLife).status, 503) << "nobody would accept it";
}

}  // namespace
}  // namespace fairlead::controller
