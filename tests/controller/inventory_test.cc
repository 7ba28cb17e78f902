// Which version of an object is in force, whatever happens to the files.
#include "controller/model/inventory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace fairlead::controller {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::string Namespace(const std::string& name, const std::string& team) {
  return absl::StrCat("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: ", name, ", labels: {team: \"",
                      team, "\"}}\n");
}

class InventoryTest : public ::testing::Test {
 protected:
  void Set(const std::string& file, const std::string& text) {
    inventory_.SetFile(file, ReadManifest(file, text));
  }

  // "name=team" of every namespace in force.
  std::vector<std::string> InForce() const {
    std::vector<std::string> result;
    for (const auto& [key, object] : inventory_.Objects()) {
      result.push_back(absl::StrCat(key.name, "=", std::get<NamespaceObject>(object.body).labels.at("team")));
    }
    return result;
  }
  std::string Refusals() const {
    std::string all;
    for (const Rejection& rejection : inventory_.Rejections()) {
      absl::StrAppend(&all, rejection.where.ToString(), " ", rejection.object, ": ", rejection.message, "\n");
    }
    return all;
  }

  Inventory inventory_;
};

TEST_F(InventoryTest, UnreadableFileChangesNothing) {
  Set("a.yaml", Namespace("x", "1") + Namespace("y", "1"));
  Set("a.yaml", Namespace("x", "2") + "---\n{ half");
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=1", "y=1"));
  EXPECT_THAT(Refusals(), HasSubstr("the last good version of its 2 objects stays in force"));
  Set("a.yaml", Namespace("x", "2"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=2"));
  EXPECT_EQ(Refusals(), "");
}

TEST_F(InventoryTest, RefusedObjectKeepsItsLastGoodVersionAndOthersGoOn) {
  Set("a.yaml", Namespace("x", "1") + Namespace("y", "1"));
  Set("a.yaml", Namespace("x", "b c") + Namespace("y", "2"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=1", "y=2"));
  EXPECT_THAT(Refusals(), HasSubstr("a.yaml:4 Namespace x: "));
  EXPECT_THAT(Refusals(), HasSubstr("the last good version stays in force"));
}

TEST_F(InventoryTest, RefusedObjectWithoutAGoodVersionStaysOut) {
  Set("a.yaml", Namespace("x", "b c"));
  EXPECT_THAT(InForce(), UnorderedElementsAre());
  EXPECT_THAT(Refusals(), Not(HasSubstr("stays in force")));
}

TEST_F(InventoryTest, ObjectVanishesWithItsMentionOrItsFile) {
  Set("a.yaml", Namespace("x", "1") + Namespace("y", "1"));
  Set("a.yaml", Namespace("y", "1"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("y=1"));
  inventory_.RemoveFile("a.yaml");
  EXPECT_THAT(InForce(), UnorderedElementsAre());
}

TEST_F(InventoryTest, MisspeltKindMayBeWhatIsMissingNow) {
  Set("a.yaml", Namespace("x", "1"));
  Set("a.yaml", "apiVersion: v1\nkind: Namspace\nmetadata: {name: x}\n");
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=1"));
  EXPECT_THAT(Refusals(), HasSubstr("did you mean \"Namespace\"?"));
}

TEST_F(InventoryTest, FirstOfTwoFilesStaysUntilItGivesTheObjectUp) {
  Set("b.yaml", Namespace("x", "b"));
  Set("a.yaml", Namespace("x", "a"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=b"));
  EXPECT_THAT(Refusals(),
              HasSubstr("a.yaml:2 Namespace x: is defined a second time; the first, at b.yaml:2, stays"));
  Set("b.yaml", Namespace("x", "b2"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=b2"));
  inventory_.RemoveFile("b.yaml");
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=a"));
  EXPECT_EQ(Refusals(), "");
}

TEST_F(InventoryTest, FirstOfTwoInOneFileStays) {
  Set("a.yaml", Namespace("x", "1") + Namespace("x", "2"));
  EXPECT_THAT(InForce(), UnorderedElementsAre("x=1"));
  EXPECT_THAT(Refusals(), HasSubstr("a.yaml:6 Namespace x: is defined a second time"));
}

}  // namespace
}  // namespace fairlead::controller
