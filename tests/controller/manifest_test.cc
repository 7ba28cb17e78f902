// Manifests in: what is read, what is refused, and what the refusal says.
#include "controller/manifest/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;

struct RefusedCase {
  const char* name;
  const char* text;
  const char* where;    // "m.yaml:LINE"
  const char* message;  // what it has to contain
};

// Every way in which a manifest can be wrong that the API server would refuse too.
const RefusedCase kRefused[] = {
    {"TabIndent", "kind: Pod\n\tname: x\n", "m.yaml:2", "not valid YAML"},
    {"TruncatedFlow", "apiVersion: v1\nkind: Pod\nmetadata: {name: x\n", "m.yaml:4", "not valid YAML"},
    {"DuplicateKey", "apiVersion: v1\nkind: Pod\nkind: Pod\n", "m.yaml:3", "\"kind\" is there twice"},
    {"ControlCharacter", "apiVersion: v1\nkind: \x04Pod\n", "m.yaml:2", "control character"},
    {"List", "- a\n", "m.yaml:1", "must be an object"},
    {"NoKind", "apiVersion: v1\nmetadata: {name: x}\n", "m.yaml:1", "kind: is required"},
    {"MisspeltKind", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolcy\nmetadata: {name: x}\n",
     "m.yaml:1", "did you mean \"NetworkPolicy\"?"},
    {"OldVersion", "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: x}\n", "m.yaml:1",
     "must be apps/v1 for a Deployment"},
    {"ForeignPolicy", "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: x}\n",
     "m.yaml:1", "must be networking.k8s.io/v1"},
    {"NumberAsLabel", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  labels:\n    version: 1\n",
     "m.yaml:6", "metadata.labels[version]: must be a string, is the number 1; quote it: \"1\""},
    {"BadName", "apiVersion: v1\nkind: Namespace\nmetadata: {name: Shop}\n", "m.yaml:3", "small letters"},
    {"UnknownField", "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: x\n  lables: {}\n", "m.yaml:5",
     "metadata.lables: unknown field; did you mean \"labels\"?"},
};

class Refuses : public ::testing::TestWithParam<RefusedCase> {};

TEST_P(Refuses, WithLineFieldAndReason) {
  Manifest manifest = ReadManifest("m.yaml", GetParam().text);
  std::vector<Rejection> rejections;
  if (manifest.unreadable) rejections.push_back(*manifest.unreadable);
  for (const ManifestEntry& entry : manifest.entries) {
    EXPECT_FALSE(entry.object.has_value());
    rejections.insert(rejections.end(), entry.rejections.begin(), entry.rejections.end());
  }
  ASSERT_FALSE(rejections.empty());
  EXPECT_EQ(rejections[0].where.ToString(), GetParam().where) << rejections[0].message;
  EXPECT_THAT(rejections[0].message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(Manifest, Refuses, ::testing::ValuesIn(kRefused),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace fairlead::controller
