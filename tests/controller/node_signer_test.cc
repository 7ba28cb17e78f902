// Which token gets a certificate, and what the certificate says.
#include "controller/identity/node_signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "pki/request.h"
#include "pki/verify.h"
#include "tests/controller/fake_objects.h"

namespace fairlead::controller {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Asks to be node n2, a controller and a CA.
constexpr char kGreedyRequest[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBTTCB9AIBADAiMSAwHgYDVQQDDBdzeXN0ZW06ZmFpcmxlYWQ6bm9kZTpuMjBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABJdmHPY04VD9XpaKnRd+RP6GujYHLM7w
gJZsEeD5UT405RsaA70RwUWFKR0dcy7y6f0k/ZphP+UKtIJTsPO8m2igcDBuBgkq
hkiG9w0BCQ4xYTBfMDcGA1UdEQQwMC6GF3N5c3RlbTpmYWlybGVhZDpub2RlOm4y
ghNmYWlybGVhZC1jb250cm9sbGVyMBMGA1UdJQQMMAoGCCsGAQUFBwMBMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAMT6X4l45QW3PMsXTnjaCTdE
sqrT4OFFwTjT4CweknmOAiBhgdp2Q3k1kn7Q2LIYsrgdmB9fN4EblCJstZufgPlX
1w==
-----END CERTIFICATE REQUEST-----
)";

class NodeSignerTest : public ::testing::Test {
 protected:
  NodeSignerTest() {
    signer_.SetAuthorities(authorities_);
    objects_.SetAgentToken("good", "n1");
  }

  absl::StatusOr<SignedCertificate> Ask(const std::string& token, const std::string& csr_pem,
                                        const std::string& address = "10.0.0.1") {
    absl::StatusOr<SignedCertificate> result = absl::UnknownError("no answer");
    signer_.Sign({address, csr_pem, token},
                 [&](const absl::StatusOr<SignedCertificate>& answer) { result = answer; });
    objects_.AnswerAll();
    return result;
  }
  absl::Status AskWith(const std::string& token) {
    return Ask(token, pki::MakeRequest(key_).value()).status();
  }
  // With a review that says so.
  absl::Status AskAs(const nlohmann::json& status) {
    objects_.SetToken("other", status);
    return AskWith("other");
  }
  static nlohmann::json Review(const std::string& user, const nlohmann::json& extra,
                               const std::string& audience = "fairlead-controller") {
    return {
        {"authenticated", true}, {"audiences", {audience}}, {"user", {{"username", user}, {"extra", extra}}}};
  }

  FakeObjects objects_;
  FakeClock clock_;
  const absl::Time now_ = absl::FromUnixNanos(clock_.WallNs());
  const Authorities authorities_ = MakeAuthorities(now_).value();
  const pki::PrivateKey key_ = pki::PrivateKey::Make().value();
  NodeSigner signer_{objects_.Caller(), "kube-system", &clock_};
};

constexpr char kAgent[] = "system:serviceaccount:kube-system:fairlead-agent";
constexpr char kNodeName[] = "authentication.kubernetes.io/node-name";

TEST_F(NodeSignerTest, AnAgentsTokenGetsItsNodesCertificate) {
  const SignedCertificate result = Ask("good", pki::MakeRequest(key_).value()).value();
  EXPECT_EQ(result.node, "n1");
  EXPECT_THAT(result.certificate.common_names(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_THAT(result.certificate.uris(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_TRUE(result.certificate.IsOfKey(key_));
  EXPECT_EQ(result.certificate.begin(), now_ - kClockSkew);
  EXPECT_EQ(result.certificate.end(), now_ + kLeafLife);
  EXPECT_EQ(result.trusted_pem, pki::ToPem(authorities_.Trusted()));
  EXPECT_TRUE(pki::Verify({result.certificate}, authorities_.Trusted(), {pki::Use::kClient, ""}, now_).ok());
  EXPECT_EQ(signer_.signed_count(), 1u);
}

TEST_F(NodeSignerTest, WhatTheRequestSaysOfNamesAndUsesDoesNotCount) {
  const pki::Certificate certificate = Ask("good", kGreedyRequest)->certificate;
  EXPECT_THAT(certificate.common_names(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_THAT(certificate.uris(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_THAT(certificate.dns_names(), IsEmpty());
  EXPECT_FALSE(certificate.is_authority());
  EXPECT_FALSE(pki::Verify({certificate}, authorities_.Trusted(), {pki::Use::kServer, ""}, now_).ok());
}

TEST_F(NodeSignerTest, TheLongestNodeNameFits) {
  const std::string node(253, 'n');
  objects_.SetAgentToken("good", node);
  const pki::Certificate certificate = Ask("good", pki::MakeRequest(key_).value())->certificate;
  EXPECT_THAT(certificate.uris(), ElementsAre("system:fairlead:node:" + node));
  EXPECT_THAT(certificate.common_names(), ElementsAre("fairlead-agent"));
}

TEST_F(NodeSignerTest, TokensThatTheApiServerDoesNotKnowAreRefused) {
  const absl::Status status = AskWith("stolen");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(status.message()), HasSubstr("does not accept the token: invalid bearer token"));
  EXPECT_EQ(AskWith("").code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(AskWith(std::string(1 << 20, 'x')).code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(signer_.refused_count(), 3u);
}

TEST_F(NodeSignerTest, TokensOfOthersAreRefused) {
  const nlohmann::json on_n1 = {{kNodeName, {"n1"}}};
  for (const char* user : {"system:serviceaccount:kube-system:fairlead-controller",
                           "system:serviceaccount:default:fairlead-agent", "system:node:n1", ""}) {
    const absl::Status status = AskAs(Review(user, on_n1));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << user;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("agents are ", kAgent)));
  }
  const absl::Status audience = AskAs(Review(kAgent, on_n1, "https://kubernetes.default.svc"));
  EXPECT_EQ(audience.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(audience.message()), HasSubstr("not for the audience fairlead-controller"));
}

TEST_F(NodeSignerTest, TokensThatSayNoNodeAreRefused) {
  for (const nlohmann::json& extra :
       {nlohmann::json(), nlohmann::json::object(), nlohmann::json{{kNodeName, nlohmann::json::array()}},
        nlohmann::json{{kNodeName, {"n1", "n2"}}}, nlohmann::json{{kNodeName, {7}}}}) {
    const absl::Status status = AskAs(Review(kAgent, extra));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << extra;
    EXPECT_THAT(std::string(status.message()), HasSubstr("Kubernetes 1.30 or newer is needed"));
  }
  for (const char* node : {"", "N1", "a b", "a/b"}) {
    EXPECT_EQ(AskAs(Review(kAgent, {{kNodeName, {node}}})).code(), absl::StatusCode::kPermissionDenied)
        << node;
  }
}

TEST_F(NodeSignerTest, AReviewThatSaysNothingIsNoAdmission) {
  for (const nlohmann::json& status :
       {nlohmann::json(), nlohmann::json("x"), nlohmann::json{{"authenticated", 1}},
        nlohmann::json{{"authenticated", "true"}}}) {
    EXPECT_FALSE(AskAs(status).ok()) << status;
  }
}

TEST_F(NodeSignerTest, ABadRequestIsNamedToWhoeverMayAsk) {
  const absl::Status status = Ask("good", "x").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the certificate request: no certificate request in PEM"));
}

TEST_F(NodeSignerTest, AnApiServerThatIsAwayMeansLater) {
  objects_.Refuse("POST", "/tokenreviews", absl::UnavailableError("no answer"));
  EXPECT_EQ(AskWith("good").code(), absl::StatusCode::kUnavailable);
}

TEST_F(NodeSignerTest, WithoutACaNothingIsSigned) {
  NodeSigner without(objects_.Caller(), "kube-system", &clock_);
  absl::Status status;
  without.Sign({"10.0.0.1", pki::MakeRequest(key_).value(), "good"},
               [&](const absl::StatusOr<SignedCertificate>& answer) { status = answer.status(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
}

TEST_F(NodeSignerTest, OneAddressCannotKeepOthersOut) {
  int asked = 0;
  while (AskWith("stolen").code() != absl::StatusCode::kResourceExhausted) ASSERT_LT(++asked, 1000);
  const size_t requests = objects_.requests();
  EXPECT_EQ(AskWith("good").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(objects_.requests(), requests) << "the API server was asked for one too many";
  EXPECT_TRUE(Ask("good", pki::MakeRequest(key_).value(), "10.0.0.2").ok());
  clock_.Advance(10'000'000'000);
  EXPECT_TRUE(AskWith("good").ok()) << "later";
}

TEST(RateLimitTest, AllTogetherAreBoundToo) {
  RateLimit limit({1, 3}, {100, 100});
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.Take(absl::StrCat("a", i), 0));
  EXPECT_FALSE(limit.Take("b", 0));
  EXPECT_TRUE(limit.Take("b", 1'000'000'000));
  EXPECT_FALSE(limit.Take("b", 1'000'000'000));
}

TEST(RateLimitTest, AddressesAreForgottenWhenThereAreTooMany) {
  RateLimit limit({1e9, 1e9}, {1, 1});
  for (size_t i = 0; i < RateLimit::kMaxAddresses + 100; ++i)
    limit.Take(absl::StrCat("a", i), static_cast<int64_t>(i));
  EXPECT_EQ(limit.addresses(), RateLimit::kMaxAddresses);
}

}  // namespace
}  // namespace fairlead::controller
