// The steps of a CA's rotation, and its Secret's text.
#include "controller/identity/authorities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "pki/verify.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

class AuthoritiesTest : public ::testing::Test {
 protected:
  // What a replica does at `now`: whether there was anything to do.
  bool Step(absl::Time now) {
    std::optional<Authorities> next = Rotate(held_, now).value();
    if (next) held_ = *next;
    return next.has_value();
  }
  pki::Certificate SignedAt(absl::Time now) {
    const pki::PrivateKey key = pki::PrivateKey::Make().value();
    return pki::Sign(held_.signer, *key.Public(), {.common_name = "a"}, LeafLifetime(now)).value();
  }
  bool IsTrusted(const pki::Certificate& certificate, absl::Time now) {
    return pki::Verify({certificate}, held_.Trusted(), {pki::Use::kClient, ""}, now).ok();
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'800'000'000);
  Authorities held_ = MakeAuthorities(start_).value();
};

TEST_F(AuthoritiesTest, AFreshOneIsLeftAlone) {
  EXPECT_FALSE(Step(start_));
  EXPECT_FALSE(Step(start_ + kAuthorityLife / 2));
  EXPECT_EQ(held_.Trusted().size(), 1u);
}

TEST_F(AuthoritiesTest, TheNextIsPublishedLongBeforeItSigns) {
  const pki::Certificate first = held_.signer.certificate;
  const absl::Time due = start_ + kAuthorityLife * 0.67;
  EXPECT_TRUE(Step(due));
  ASSERT_TRUE(held_.next);
  const pki::Certificate next = held_.next->certificate;
  EXPECT_EQ(held_.Trusted().size(), 2u);
  EXPECT_FALSE(Step(due + kPublishedFor - absl::Seconds(1)));
  EXPECT_TRUE(held_.signer.certificate == first);
  EXPECT_TRUE(Step(due + kPublishedFor));
  EXPECT_TRUE(held_.signer.certificate == next);
  EXPECT_FALSE(held_.next);
}

TEST_F(AuthoritiesTest, TheOldOneIsTrustedUntilWhatItSignedIsGone) {
  const absl::Time due = start_ + kAuthorityLife * 0.67;
  EXPECT_TRUE(Step(due));
  const absl::Time turn = due + kPublishedFor;
  const pki::Certificate last = SignedAt(turn);
  EXPECT_TRUE(Step(turn));
  const pki::Certificate first_of_new = SignedAt(turn);
  for (absl::Time now = turn; now < last.end(); now += absl::Hours(1)) {
    Step(now);
    EXPECT_TRUE(IsTrusted(last, now)) << now - turn;
    EXPECT_TRUE(IsTrusted(first_of_new, now)) << now - turn;
  }
  EXPECT_TRUE(Step(turn + kLeafLife + kClockSkew));
  EXPECT_EQ(held_.Trusted().size(), 1u);
  EXPECT_FALSE(Step(turn + kLeafLife + kClockSkew));
}

// An agent renews at two thirds of its certificate's life, and takes what is published with it.
TEST_F(AuthoritiesTest, EveryAgentKnowsTheNextBeforeItSigns) {
  EXPECT_LT(kLeafLife * 2 / 3 + kClockSkew, kPublishedFor);
  EXPECT_LE(kLeafLife, kPublishedFor);
}

TEST_F(AuthoritiesTest, AnExpiredSignerIsReplacedAtOnce) {
  const pki::Certificate first = held_.signer.certificate;
  const absl::Time late = start_ + kAuthorityLife + absl::Hours(1);
  EXPECT_TRUE(Step(late));
  EXPECT_FALSE(held_.signer.certificate == first);
  EXPECT_TRUE(IsTrusted(SignedAt(late), late));
  EXPECT_EQ(held_.Trusted().size(), 1u) << "nothing that the expired one signed is good";
}

TEST_F(AuthoritiesTest, NothingIsEverSignedForLongerThanItsAuthorityLives) {
  const absl::Time late = start_ + kAuthorityLife - absl::Hours(1);
  EXPECT_EQ(SignedAt(late).end(), held_.signer.certificate.end());
}

TEST_F(AuthoritiesTest, TheSecretsTextIsTheWhole) {
  for (absl::Duration after :
       {absl::ZeroDuration(), kAuthorityLife * 0.67, kAuthorityLife * 0.67 + kPublishedFor}) {
    Step(start_ + after);
    const Authorities again = Decode(Encode(held_)).value();
    EXPECT_EQ(Encode(again), Encode(held_));
    EXPECT_EQ(pki::ToPem(again.Trusted()), pki::ToPem(held_.Trusted()));
    EXPECT_EQ(again.signing_since, held_.signing_since);
  }
}

TEST_F(AuthoritiesTest, WhatIsWrongWithASecretIsNamed) {
  const SecretData good = Encode(held_);
  auto problem = [&](const std::string& key, const std::string& text) {
    SecretData bad = good;
    bad[key] = text;
    return std::string(Decode(bad).status().message());
  };
  EXPECT_THAT(problem("ca.crt", ""), HasSubstr("ca.crt: holds no certificate in PEM"));
  EXPECT_THAT(problem("ca.crt", SignedAt(start_).ToPem()),
              HasSubstr("ca.crt: is not one certificate of a CA"));
  EXPECT_THAT(problem("ca.key", "x"), HasSubstr("ca.key: holds no private key"));
  EXPECT_THAT(problem("ca.key", pki::PrivateKey::Make()->ToPem()),
              HasSubstr("ca.key: is not the key of ca.crt"));
  EXPECT_THAT(problem("signing-since", "yesterday"), HasSubstr("signing-since: "));
  EXPECT_THAT(problem("next.crt", good.at("ca.crt")), HasSubstr("next.key: is missing"));
  EXPECT_THAT(problem("retired.crt", "x"), HasSubstr("retired.crt: holds no certificate"));
  SecretData without = good;
  without.erase("ca.key");
  EXPECT_THAT(std::string(Decode(without).status().message()), HasSubstr("ca.key: is missing"));
}

}  // namespace
}  // namespace fairlead::controller
