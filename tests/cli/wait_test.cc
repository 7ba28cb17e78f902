// What `wait` is told to wait for, and what several replicas say together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/wait/realised.h"
#include "cli/wait/wait_object.h"

namespace fairlead::cli {
namespace {

using introspect::v1::RealisedNode;
using introspect::v1::RealisedReply;
using testing::HasSubstr;

TEST(WaitObjectTest, ReadsKindsAsKubectlHasThem) {
  const auto text = [](const char* words) {
    const auto object = ParseWaitObject(words, "default");
    return object.ok() ? object->ToString() : std::string(object.status().message());
  };
  EXPECT_EQ(text("networkpolicy/a"), "NetworkPolicy default/a");
  EXPECT_EQ(text("netpol/shop/a"), "NetworkPolicy shop/a");
  EXPECT_EQ(text("NetworkPolicies/shop/a"), "NetworkPolicy shop/a");
  EXPECT_EQ(text("svc/shop/cart"), "Service shop/cart");
  EXPECT_THAT(text("pod/shop/cart"), HasSubstr("'pod' has no realised state; write networkpolicy/NAME"));
  EXPECT_THAT(text("cart"), HasSubstr("is no KIND/NAME"));
  EXPECT_THAT(text("svc/a/b/c"), HasSubstr("is no KIND/NAME"));
  EXPECT_THAT(text("svc/"), HasSubstr("a name is empty"));
  EXPECT_THAT(text("svc//a"), HasSubstr("a name is empty"));
}

RealisedReply Reply(bool reached, const std::vector<std::pair<std::string, RealisedNode::State>>& nodes) {
  RealisedReply reply;
  reply.set_reached(reached);
  reply.set_exists(reached);
  for (const auto& [name, state] : nodes) {
    RealisedNode* node = reply.add_nodes();
    node->set_node(name);
    node->set_state(state);
    if (state != RealisedNode::REALISED) node->set_message("why of " + name);
  }
  return reply;
}

TEST(MergeTest, ANodeIsAsTheReplicaSaysThatItsAgentIsConnectedTo) {
  const RealisedState state =
      Merge({Reply(true, {{"n1", RealisedNode::REALISED}, {"n2", RealisedNode::NOT_CONNECTED}}),
             Reply(true, {{"n1", RealisedNode::NOT_CONNECTED}, {"n2", RealisedNode::LATE}})});
  EXPECT_TRUE(state.reached && state.exists);
  EXPECT_EQ(state.Describe(), "1 of 2 nodes; n2: why of n2");
}

TEST(MergeTest, AReplicaThatHasNotSeenTheVersionSaysNothing) {
  const RealisedState behind = Merge({Reply(false, {})});
  EXPECT_FALSE(behind.reached);
  EXPECT_EQ(behind.Describe(), "the controller has not seen this version yet");
  const RealisedState state = Merge({Reply(false, {}), Reply(true, {{"n1", RealisedNode::NOT_CONNECTED}})});
  EXPECT_TRUE(state.reached);
  EXPECT_EQ(state.done(), 0u);
}

TEST(MergeTest, NamesTheFirstOfManyThatAreLate) {
  std::vector<std::pair<std::string, RealisedNode::State>> nodes;
  for (int i = 10; i < 20; ++i) nodes.emplace_back("n" + std::to_string(i), RealisedNode::LATE);
  EXPECT_EQ(Merge({Reply(true, nodes)}).Describe(),
            "0 of 10 nodes; n10: why of n10; n11: why of n11; n12: why of n12; and 7 more");
}

}  // namespace
}  // namespace fairlead::cli
