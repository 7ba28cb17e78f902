// An object in the API's Protobuf encoding -> the tree that the readers of manifest/ take.
#pragma once

#include "base/yaml/value.h"

namespace google::protobuf {
class Message;
}

namespace fairlead::controller {

// `message`: of kubernetes.proto. The API server writes out empty strings and zeros that mean
// "absent"; they are left out. Empty messages and `false` stay, for they may mean something.
Value ValueOf(const google::protobuf::Message& message);

}  // namespace fairlead::controller
