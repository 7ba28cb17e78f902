// Label selectors (meta/v1 LabelSelector): whether they select, and as text.
#pragma once

#include <string>

#include "policy/model.h"
#include "policy/packed_labels.h"

namespace fairlead::policy {

// True when `selector` selects an object with `labels`. NotIn and DoesNotExist hold where the key is
// absent.
bool Matches(const LabelSelector& selector, const Labels& labels);
bool Matches(const LabelSelector& selector, const PackedLabels& labels);

// The same selector with its parts in a fixed order and without repetition: equal for selectors
// that differ only in the order of their expressions or values.
LabelSelector Canonical(LabelSelector selector);

// As kubectl writes it: "app=cart,tier in (a,b),!debug"; empty for the empty selector.
std::string Describe(const LabelSelector& selector);

}  // namespace fairlead::policy
