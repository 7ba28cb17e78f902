// Keys, requests and certificates: made, written, read again, and refused when they come damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "pki/authority.h"
#include "pki/request.h"

namespace fairlead::pki {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// An RSA key and a request of it, by `openssl req -newkey rsa:2048`: what we neither make nor take.
constexpr char kRsaRequest[] = R"(-----BEGIN CERTIFICATE REQUEST-----
MIICUTCCATkCAQAwDDEKMAgGA1UEAwwBeDCCASIwDQYJKoZIhvcNAQEBBQADggEP
ADCCAQoCggEBAOl86/klZqSezXTvkGD+XBNYiz1BiQsqEH7hAhaYlzUS3kzkdEGa
SQMwjke4rroXXY6RI/ukmAclPS0+GOR0pYTj8qiL0vjBeX69Z1bBwDb25KJt0JWG
w6L92AUEFwhwX9gEDLw0Lkt2XvTbOlwgGWep8IldT4eBdMWiTyS/VQC63yyEMzN9
eVhprGJZCBVhvAr+9OBefASlBkMGJMCQaCWM8okFp8ZegIGV79xZ64aksVQNIF19
ogHQTU/nxlfFtzIgdWHbMW2NBGEI3pNE796nDksNtWXsNEN5hURx5n4glYgPHrSN
+L3CGXCqyp4E25rWH494uSjOLJIsS6bhorMCAwEAAaAAMA0GCSqGSIb3DQEBCwUA
A4IBAQDoDxWuzuj+iihYWO7aFLUezEJsrCV3QyS5ChTM3DRm2Pjv03iZ4Nbfk1eI
ejyXfqsUmZ8MFYRm+Sh4KftGI3DWvqxwJykhoTI9PGYqej2m/2b3RSdAwRwpOltR
b4IKAcoZrqnGFrZVIcIiKiOhs5y+t/kRE9wRjZqAaZYtHLIKVdM8uJCnZSna9rgr
U7PzNO24YF/yfI/UYUzDjVWuY+aLJMbSWmrNgPMM1LgpkcYUnstLpFvz/P4ftLAq
zrH5sqYaKLjwW15QnFVPzjFVKmTDZpFIMPHqKaK0nMxejxE/Vy0fXWVzEV9pbZEH
zvwCjhOP1Cc71qI+KRxmSTitUl87
-----END CERTIFICATE REQUEST-----
)";

class PkiTest : public ::testing::Test {
 protected:
  // Certificates know whole seconds.
  const absl::Time now_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const Authority ca_ = MakeAuthority("test-ca", {now_ - absl::Hours(1), now_ + absl::Hours(24)}).value();
  const PrivateKey key_ = PrivateKey::Make().value();
};

TEST_F(PkiTest, KeysComeBackFromTheirText) {
  const PrivateKey again = PrivateKey::Parse(key_.ToPem()).value();
  EXPECT_EQ(again.ToPem(), key_.ToPem());
  EXPECT_THAT(key_.ToPem(), HasSubstr("-----BEGIN PRIVATE KEY-----"));
  EXPECT_NE(PrivateKey::Make()->ToPem(), key_.ToPem());
}

TEST_F(PkiTest, WhatIsNoKeyIsNamed) {
  for (const std::string& text : {std::string(), std::string("x"), ca_.certificate.ToPem(),
                                  key_.ToPem().substr(0, 60), std::string(1 << 20, 'A')}) {
    EXPECT_EQ(PrivateKey::Parse(text).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(PkiTest, ALeafHasTheNamesAndTimesThatItWasGiven) {
  const Lifetime lifetime{now_ - absl::Minutes(5), now_ + absl::Hours(2)};
  const Leaf leaf{.common_name = "system:fairlead:node:n1",
                  .uris = {"system:fairlead:node:n1"},
                  .dns_names = {"fairlead-controller"}};
  const Certificate certificate = Sign(ca_, *key_.Public(), leaf, lifetime).value();
  EXPECT_THAT(certificate.common_names(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_THAT(certificate.uris(), ElementsAre("system:fairlead:node:n1"));
  EXPECT_THAT(certificate.dns_names(), ElementsAre("fairlead-controller"));
  EXPECT_EQ(certificate.begin(), lifetime.begin);
  EXPECT_EQ(certificate.end(), lifetime.end);
  EXPECT_TRUE(certificate.IsOfKey(key_));
  EXPECT_FALSE(certificate.IsOfKey(ca_.key));
  EXPECT_FALSE(certificate.is_authority());
  EXPECT_TRUE(ca_.certificate.is_authority());
  EXPECT_FALSE(certificate == Sign(ca_, *key_.Public(), leaf, lifetime).value())
      << "same serial number twice";
}

TEST_F(PkiTest, ALeafEndsWithItsAuthority) {
  const Certificate certificate =
      Sign(ca_, *key_.Public(), {.common_name = "a"}, {now_, now_ + absl::Hours(1000)}).value();
  EXPECT_EQ(certificate.end(), ca_.certificate.end());
  const absl::Status late =
      Sign(ca_, *key_.Public(), {.common_name = "a"}, {now_ + absl::Hours(25), now_ + absl::Hours(26)})
          .status();
  EXPECT_EQ(late.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(late.message()), HasSubstr("the CA has expired at"));
}

TEST_F(PkiTest, NamesThatReadersWouldMistakeAreRefused) {
  const Lifetime lifetime{now_, now_ + absl::Hours(1)};
  for (const std::string& name : {std::string(), std::string("a b"), std::string("a\0b", 3),
                                  std::string("\xc3\xa4"), std::string(65, 'a')}) {
    EXPECT_EQ(Sign(ca_, *key_.Public(), {.common_name = name}, lifetime).status().code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  const std::string inside = "x,DNS:fairlead-controller";
  const Certificate certificate =
      Sign(ca_, *key_.Public(), {.common_name = inside, .uris = {inside}, .dns_names = {inside}}, lifetime)
          .value();
  EXPECT_THAT(certificate.dns_names(), ElementsAre(inside)) << "a name was taken for notation";
}

TEST_F(PkiTest, CertificatesOfATextComeInOrderAndCommentsAreNoHarm) {
  const Certificate leaf =
      Sign(ca_, *key_.Public(), {.common_name = "a"}, {now_, now_ + absl::Hours(1)}).value();
  const std::string text = absl::StrCat("# ours\n", leaf.ToPem(), key_.ToPem(), ca_.certificate.ToPem());
  const std::vector<Certificate> found = ParseCertificates(text).value();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_TRUE(found[0] == leaf);
  EXPECT_TRUE(found[1] == ca_.certificate);
  EXPECT_EQ(ToPem(found), leaf.ToPem() + ca_.certificate.ToPem());
}

TEST_F(PkiTest, DamagedAndEndlessTextsAreRefused) {
  std::string damaged = ca_.certificate.ToPem();
  damaged[damaged.size() / 2] = '!';
  EXPECT_THAT(std::string(ParseCertificates(ca_.certificate.ToPem() + damaged).status().message()),
              HasSubstr("certificate 2 is damaged"));
  EXPECT_THAT(std::string(ParseCertificates("").status().message()), HasSubstr("no certificate in PEM"));
  std::string many;
  for (int i = 0; i < 65; ++i) many += ca_.certificate.ToPem();
  EXPECT_THAT(std::string(ParseCertificates(many).status().message()), HasSubstr("more than 64"));
  EXPECT_THAT(std::string(ParseCertificates(std::string(1 << 20, 'x')).status().message()),
              HasSubstr("longer"));
}

TEST_F(PkiTest, ARequestGivesItsKeyToWhoeverSigns) {
  const std::string request = MakeRequest(key_).value();
  const PublicKey key = ParseRequest(request).value();
  EXPECT_TRUE(Sign(ca_, key, {.common_name = "a"}, {now_, now_ + absl::Hours(1)})->IsOfKey(key_));
}

TEST_F(PkiTest, ARequestThatIsNotItsKeysIsRefused) {
  std::string request = MakeRequest(key_).value();
  char& inside_signature = request[request.find("\n-----END") - 12];
  inside_signature = inside_signature == 'A' ? 'B' : 'A';
  const absl::Status status = ParseRequest(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("its signature is not that of its key"));
}

TEST_F(PkiTest, RequestsOfOtherKeysAndOtherTextsAreRefused) {
  const absl::Status rsa = ParseRequest(kRsaRequest).status();
  EXPECT_THAT(std::string(rsa.message()), HasSubstr("not one of ECDSA over P-256"));
  for (const std::string& text :
       {std::string(),
        std::string("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"),
        ca_.certificate.ToPem(), std::string(1 << 20, 'A')}) {
    const absl::Status status = ParseRequest(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("P-256")));
  }
}

}  // namespace
}  // namespace fairlead::pki
