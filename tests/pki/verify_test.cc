// A certificate is good or the fault is named; and the program `openssl verify` says the same of each.
#include "pki/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "pki/authority.h"

namespace fairlead::pki {
namespace {

using ::testing::HasSubstr;

class VerifyTest : public ::testing::Test {
 protected:
  VerifyTest() {
    std::string path = std::filesystem::temp_directory_path() / "fairlead-pki-XXXXXX";
    folder_ = ::mkdtemp(path.data());
  }
  ~VerifyTest() override { std::filesystem::remove_all(folder_); }

  Certificate LeafOf(const Authority& ca, Use use, Lifetime lifetime) {
    return Sign(ca, *key_.Public(), {.common_name = "leaf", .dns_names = {"fairlead-controller"}, .use = use},
                lifetime)
        .value();
  }
  Certificate Good(Use use) { return LeafOf(ca_, use, {now_ - absl::Hours(1), now_ + absl::Hours(1)}); }

  std::string Write(const std::string& name, const Certificate& certificate) {
    const std::filesystem::path path = folder_ / name;
    std::ofstream(path) << certificate.ToPem();
    return path;
  }
  // What the program says.
  bool OpenSslAgrees(const Certificate& leaf, const Certificate& ca, Use use, const std::string& host) {
    const std::string command =
        absl::StrCat("openssl verify -no-CApath -no-CAfile -no-CAstore -partial_chain -CAfile ",
                     Write("ca", ca), " -purpose ", use == Use::kClient ? "sslclient" : "sslserver",
                     host.empty() ? "" : " -verify_hostname ", host, " ", Write("leaf", leaf), " > ",
                     (folder_ / "said").string(), " 2>&1");
    return std::system(command.c_str()) == 0;  // NOLINT(cert-env33-c): names of our own making
  }
  // Our answer, after a comparison with the program's.
  std::string Fault(const Certificate& leaf, const Certificate& ca, Use use, const std::string& host = "") {
    const absl::Status status = Verify({leaf}, {ca}, {use, host}, now_);
    EXPECT_EQ(status.ok(), OpenSslAgrees(leaf, ca, use, host)) << status;
    return std::string(status.message());
  }

  const absl::Time now_ = absl::Now();
  const Lifetime lifetime_{now_ - absl::Hours(100), now_ + absl::Hours(100)};
  const Authority ca_ = MakeAuthority("test-ca", lifetime_).value();
  const PrivateKey key_ = PrivateKey::Make().value();
  std::filesystem::path folder_;
};

TEST_F(VerifyTest, WhatItsAuthoritySignedIsGoodForItsUse) {
  EXPECT_EQ(Fault(Good(Use::kClient), ca_.certificate, Use::kClient), "");
  EXPECT_EQ(Fault(Good(Use::kServer), ca_.certificate, Use::kServer), "");
  EXPECT_EQ(Fault(Good(Use::kServer), ca_.certificate, Use::kServer, "fairlead-controller"), "");
}

TEST_F(VerifyTest, AnotherAuthorityIsNamed) {
  for (const char* name : {"other-ca", "test-ca"}) {
    const Authority other = MakeAuthority(name, lifetime_).value();
    EXPECT_THAT(Fault(Good(Use::kClient), other.certificate, Use::kClient),
                HasSubstr("the certificate \"leaf\" is not signed by a CA that is trusted"));
    EXPECT_FALSE(IsSignedBy({Good(Use::kClient)}, {other.certificate}));
    EXPECT_TRUE(IsSignedBy({Good(Use::kClient)}, {other.certificate, ca_.certificate}));
  }
}

TEST_F(VerifyTest, ItsTimeIsNamed) {
  const Certificate old = LeafOf(ca_, Use::kClient, {now_ - absl::Hours(2), now_ - absl::Hours(1)});
  EXPECT_THAT(Fault(old, ca_.certificate, Use::kClient),
              HasSubstr("\"leaf\" has expired at " + TimeText(now_ - absl::Hours(1))));
  EXPECT_TRUE(IsSignedBy({old}, {ca_.certificate})) << "whenever";
  const Certificate early = LeafOf(ca_, Use::kClient, {now_ + absl::Hours(1), now_ + absl::Hours(2)});
  EXPECT_THAT(Fault(early, ca_.certificate, Use::kClient),
              HasSubstr("\"leaf\" is not valid before " + TimeText(now_ + absl::Hours(1))));
}

TEST_F(VerifyTest, AnExpiredAuthorityIsNamed) {
  const Authority old = MakeAuthority("old-ca", {now_ - absl::Hours(2), now_ - absl::Hours(1)}).value();
  const Certificate leaf = LeafOf(old, Use::kClient, {now_ - absl::Hours(2), now_});
  EXPECT_THAT(Fault(leaf, old.certificate, Use::kClient), HasSubstr("has expired"));
}

TEST_F(VerifyTest, AClientsCertificateIsNoServers) {
  EXPECT_THAT(Fault(Good(Use::kClient), ca_.certificate, Use::kServer),
              HasSubstr("is not for the server's end of a connection"));
  EXPECT_THAT(Fault(Good(Use::kServer), ca_.certificate, Use::kClient),
              HasSubstr("is not for the client's end of a connection"));
}

TEST_F(VerifyTest, AnotherNameIsNamed) {
  EXPECT_THAT(Fault(Good(Use::kServer), ca_.certificate, Use::kServer, "elsewhere"),
              HasSubstr("it is for \"fairlead-controller\", not for \"elsewhere\""));
}

TEST_F(VerifyTest, ALeafSignsNothing) {
  const Certificate middle = Good(Use::kClient);
  const Certificate below =
      LeafOf({middle, key_}, Use::kClient, {now_ - absl::Minutes(10), now_ + absl::Minutes(10)});
  EXPECT_FALSE(Verify({below, middle}, {ca_.certificate}, {Use::kClient, ""}, now_).ok());
}

TEST_F(VerifyTest, NothingIsNotGood) {
  EXPECT_FALSE(Verify({}, {ca_.certificate}, {}, now_).ok());
  EXPECT_FALSE(Verify({Good(Use::kClient)}, {}, {}, now_).ok());
  EXPECT_FALSE(IsSignedBy({}, {ca_.certificate}));
}

}  // namespace
}  // namespace fairlead::pki
