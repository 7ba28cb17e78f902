// The cluster's certificate authorities as the Secret holds them: the one that signs, the one that will, and
// those that signed before. A value; pure.
//
// A rotation has three steps, each a new value of the whole, written at once:
//   1. at two thirds of the signer's life a next one is made. It is published, and signs nothing;
//   2. after kPublishedFor it becomes the signer: by then every agent has renewed its certificate, and got
//      the next one with it. The signer's key is thrown away, its certificate stays published;
//   3. when the last that it signed has expired, its certificate goes too.
// Every replica computes the same step from the same Secret, and the first to write it wins.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pki/authority.h"

namespace fairlead::controller {

constexpr absl::Duration kAuthorityLife = absl::Hours(365 * 24);
constexpr absl::Duration kLeafLife = absl::Hours(24);
constexpr absl::Duration kPublishedFor = absl::Hours(25);
// How far the clocks of nodes may be behind.
constexpr absl::Duration kClockSkew = absl::Minutes(5);

struct Authorities {
  pki::Authority signer;
  absl::Time signing_since;
  std::optional<pki::Authority> next;
  std::vector<pki::Certificate> retired;

  // Whom to trust: the signer, the next and the retired.
  std::vector<pki::Certificate> Trusted() const;
};

// `data` of the Secret, decoded.
using SecretData = std::map<std::string, std::string>;

SecretData Encode(const Authorities& authorities);
// INVALID_ARGUMENT names the key that is wrong.
absl::StatusOr<Authorities> Decode(const SecretData& data);

absl::StatusOr<Authorities> MakeAuthorities(absl::Time now);
// What to write instead of `held`; nothing: it is as it should be.
absl::StatusOr<std::optional<Authorities>> Rotate(const Authorities& held, absl::Time now);

// From kClockSkew ago, for kLeafLife.
pki::Lifetime LeafLifetime(absl::Time now);

}  // namespace fairlead::controller
